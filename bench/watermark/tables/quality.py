"""What the marks do to the sound."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from bench.grid import Grid, number
from bench.proportion import mean
from bench.watermark.bench import Bench


def quality(bench: Bench) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Return the measures of all programmes by what they carry and their kind of sound."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for (carrier, _, kind, _), value in bench.found("quality"):
        found[carrier, kind].append(value)
    return found


def quality_table(bench: Bench) -> list[Grid]:
    """Return one row per mark and kind of sound."""
    rows = []
    for (carrier, kind), values in quality(bench).items():
        pesq = [one for value in values for one in value.get("pesq", [])]
        stoi = [one for value in values for one in value.get("stoi", [])]
        added = [value["pause_added"] for value in values]
        rows.append(
            (
                carrier,
                kind,
                f"{number(mean(pesq))} ({number(min(pesq, default=None))})",
                f"{number(mean(stoi), 3)} ({number(min(stoi, default=None), 3)})",
                number(mean(value["snr"] for value in values), 1),
                number(mean(value["si_snr"] for value in values), 1),
                number(mean(added), 0),
                number(max((value["pause_loudest"] for value in values if value["pause_loudest"] is not None),
                           default=None), 0),
                number(mean(value["pause_floor"] for value in values), 0),
                f"{len(values)}, {len(pesq)}",
            )
        )  # fmt: skip
    if not rows:
        return []
    columns = (
        "mark", "sound", "PESQ-WB (worst)", "STOI (worst)", "SNR dB", "SI-SNR dB", "added in pauses dB",
        "loudest 20 ms dB", "pauses themselves dB", "n programmes, clips",
    )  # fmt: skip
    note = (
        "PESQ and STOI of stretches of 10 s at 16 kHz. Pauses are 20 ms frames 35 dB and more below the programme; "
        "levels in them are relative to the programme."
    )
    return [Grid("Quality", columns, rows, note)]
