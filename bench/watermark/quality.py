"""Part `quality`: what a mark does to the sound, by PESQ, STOI, SNR and SI-SNR, and what it adds to pauses.

PESQ is wide-band (ITU-T P.862.2) and STOI the one of Taal et al. (2011), both on the same ten seconds of 16 kHz; they
are trained on speech, so they are left out where music plays.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bench.watermark.attack import RATE, Samples, level
from bench.watermark.bench import Bench, version_of
from bench.watermark.robustness import PEER_SECONDS
from bench.watermark.sources import KINDS
from bench.watermark.systems.peers import peers
from bench.watermark.systems.port import System

STRETCH = 10  # seconds that PESQ and STOI compare at a time
FRAME = RATE // 50  # 20 ms
PAUSE_BELOW = 35.0  # dB below the programme's level: a frame as quiet as this is a pause


def measure(bench: Bench) -> None:
    """Compare marked and unmarked programmes of all kinds, for both of our marks, each alone, and every peer."""
    ours: list[tuple[str, tuple[System, ...], int, int]] = [
        ("both", (bench.audioseal, bench.keyed()), bench.size.programmes, 0),
        ("audioseal", (bench.audioseal,), bench.size.programmes, 0),
        ("keyed", (bench.keyed(),), bench.size.programmes, 0),
    ]
    others = [
        (peer.name, (peer,), min(bench.size.peers, bench.size.programmes), PEER_SECONDS.get(peer.name, 0))
        for peer in ([] if bench.size.quick else peers(bench.console))
    ]
    work = []
    for carrier, marks, count, seconds in [*ours, *others]:
        versions = version_of(*marks)
        for kind in KINDS:
            for programme in bench.programmes(kind, count):
                key = ("quality", carrier, versions, kind, str(programme.number))
                if key not in bench.store:
                    work.append((key, marks, programme, seconds))
    for key, marks, programme, seconds in bench.each(work, "quality"):
        marked = bench.marked(marks, programme, seconds)
        clean = programme.samples[: len(marked)]
        bench.store.put(key, compared(clean, marked, speech=programme.kind != "music") | {"voice": programme.voice})


def compared(clean: Samples, marked: Samples, *, speech: bool) -> dict[str, Any]:
    """Return all measures of `marked` against `clean`, both (T,) at 16 kHz; lists have one entry for ten seconds."""
    result: dict[str, Any] = {"snr": snr(clean, marked), "si_snr": si_snr(clean, marked)} | pauses(clean, marked)
    if speech:
        from pesq import pesq  # needs a compiler to install: part of `make setup-bench`
        from pystoi import stoi

        starts = range(0, len(clean) - STRETCH * RATE + 1, STRETCH * RATE)
        pairs = [(clean[start : start + STRETCH * RATE], marked[start : start + STRETCH * RATE]) for start in starts]
        result["pesq"] = [float(pesq(RATE, reference, degraded, "wb")) for reference, degraded in pairs]
        result["stoi"] = [float(stoi(reference, degraded, RATE)) for reference, degraded in pairs]
    return result


def snr(clean: Samples, marked: Samples) -> float:
    """Return the level of the programme over that of what was added, in dB."""
    return _decibels(level(clean), level(marked - clean))


def si_snr(clean: Samples, marked: Samples) -> float:
    """Return the same after the best scaling of the programme (Le Roux et al., 2019, "SI-SDR")."""
    reference, estimate = clean.astype(np.float64), marked.astype(np.float64)
    target = reference * (reference @ estimate) / (reference @ reference)
    return _decibels(float(np.linalg.norm(target)), float(np.linalg.norm(estimate - target)))


def pauses(clean: Samples, marked: Samples) -> dict[str, float | None]:
    """Return what is added in pauses: its mean level and its loudest 20 ms, in dB relative to the programme.

    `pause_floor` is the level of the pauses themselves before marking; digital silence counts as -100 dB.
    """
    count = len(clean) // FRAME
    frames = clean[: count * FRAME].reshape(count, FRAME).astype(np.float64)
    added = (marked - clean)[: count * FRAME].reshape(count, FRAME).astype(np.float64)
    power, extra = np.mean(frames**2, axis=1), np.mean(added**2, axis=1)
    programme = level(clean) ** 2
    quiet = power < programme * 10 ** (-PAUSE_BELOW / 10)
    # The first and the last frame of a pause hold the end of a sound, so only the middle of one is judged.
    quiet &= np.roll(quiet, 1) & np.roll(quiet, -1)
    if not quiet.any():
        return {"pause_floor": None, "pause_added": None, "pause_loudest": None, "pause_seconds": 0.0}

    def relative(value: float) -> float:
        return max(-100.0, 10 * math.log10(max(value, 1e-30) / programme))

    return {
        "pause_floor": relative(float(power[quiet].mean())),
        "pause_added": relative(float(extra[quiet].mean())),
        "pause_loudest": relative(float(extra[quiet].max())),
        "pause_seconds": float(quiet.sum() * FRAME / RATE),
    }


def _decibels(signal: float, noise: float) -> float:
    return 20 * math.log10(signal / noise) if noise > 0 else math.inf
