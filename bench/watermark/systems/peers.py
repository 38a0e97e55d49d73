"""Which peers run here."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Console

from bench.watermark.systems.audiowmark import AudioWmark
from bench.watermark.systems.aware import Aware
from bench.watermark.systems.perth import Perth
from bench.watermark.systems.port import System, SystemMissingError
from bench.watermark.systems.spread import SpreadSpectrum

PEERS: tuple[Callable[[], System], ...] = (SpreadSpectrum, Perth, AudioWmark, Aware)


def peers(console: Console) -> list[System]:
    """Return the peers that load; say which do not, and why."""
    found: list[System] = []
    for make in PEERS:
        try:
            found.append(make())
        except SystemMissingError as error:
            console.print(f"[yellow]left out: {error}")
    return found
