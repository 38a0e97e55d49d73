"""Everything that the steps need, as one frozen value; `gateway.app` builds it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from audit.log import Log
    from gateway.blobs import BlobStore
    from gateway.db import Database
    from gateway.settings import Settings
    from policies.screen import Screener
    from synth.produce import Producer
    from synth.voice import VoiceCatalogue
    from synth.watermark import Watermark


@dataclass(frozen=True, slots=True)
class Toolchain:
    """The engines and stores of one process; every member is safe to use from several threads."""

    settings: Settings
    database: Database
    log: Log
    blobs: BlobStore
    screener: Screener
    voices: VoiceCatalogue
    producer: Producer
    marks: Sequence[Watermark]
    clock: Callable[[], datetime]  # returns an aware UTC time
