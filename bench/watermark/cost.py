"""Parts `speed` and `memory`: seconds of work per second of sound, and memory for long programmes."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from bench.watermark.attack import RATE
from bench.watermark.bench import Bench, version_of
from bench.watermark.sources import Programme, held_out_speech
from bench.watermark.systems.peers import peers
from bench.watermark.systems.port import System

RUNS = 3
HOUR = 3_600.0


def measure_speed(bench: Bench) -> None:
    """Measure processor time per second of sound on one core, and wall clock on two cores and for an hour."""
    programme = bench.programmes("tts", 1)[0]
    systems: list[tuple[System, float]] = [(bench.audioseal, 60.0), (bench.keyed(), 60.0)]
    if not bench.size.quick:
        systems += [(peer, 10.0 if peer.name == "AWARE" else 60.0) for peer in peers(bench.console)]
    for system, seconds in bench.each(systems, "speed, one core"):
        key = ("speed", "core", system.name, version_of(system))
        if key in bench.store:
            continue
        clip = programme.samples[: round(seconds * RATE)]
        writing, reading = [], []
        for _ in range(1 if system.name == "AWARE" or bench.size.quick else RUNS):
            began = _spent()
            marked = system.embed(clip, programme.episode_id)
            writing.append((_spent() - began) / seconds)
            began = _spent()
            system.detect(marked[: 20 * RATE], programme.episode_id)
            reading.append((_spent() - began) / min(20.0, seconds))
        bench.store.put(
            key, {"embed": statistics.median(writing), "detect": statistics.median(reading), "seconds": seconds}
        )
    minutes = 1 if bench.size.quick else 5
    hour = 0.05 * HOUR if bench.size.quick else HOUR
    clean = _long(bench, hour)
    clean_file = _saved(bench, "clean", clean.samples)
    bench.console.print("speed: marking an hour to be read")
    marked_file = _saved(bench, "marked", bench.marked((bench.audioseal, bench.keyed()), clean))
    for name, arguments in (
        ("embed both, two cores", ("embed", clean_file, minutes * 60.0, ("audioseal", "keyed"), 1, 2)),
        ("detect both, one hour, all hypotheses", ("detect", marked_file, hour, ("audioseal", "keyed"), 0, 2)),
        ("detect keyed, one hour, all hypotheses", ("detect", marked_file, hour, ("keyed",), 0, 2)),
        ("detect keyed, one hour without a mark", ("detect", clean_file, hour, ("keyed",), 0, 2)),
    ):
        key = ("speed", "wall", name, version_of(bench.audioseal, bench.keyed()), f"{arguments[2]:g}")
        if key not in bench.store:
            bench.console.print(f"speed: {name}")
            bench.store.put(key, _probe(bench, *arguments) | {"seconds": arguments[2]})


def measure_memory(bench: Bench) -> None:
    """Measure the peak memory of marking and reading three hours.

    The keyed mark is written with one iteration instead of all: its memory does not depend on their number, and the
    rest would only take half an hour longer.
    """
    programme = bench.programmes("tts", 1)[0]
    clean_file = _saved(bench, "clean", programme.samples)
    length = 0.05 * HOUR if bench.size.quick else 3 * HOUR
    for name, arguments, more in (
        ("embed AudioSeal", ("embed", clean_file, length, ("audioseal",), 1, 1), ()),
        ("embed keyed", ("embed", clean_file, length, ("keyed",), 1, 1), ("--iterations", "1")),
        ("detect AudioSeal", ("detect", clean_file, length, ("audioseal",), 1, 1), ()),
        ("detect keyed", ("detect", clean_file, length, ("keyed",), 0, 1), ()),
    ):
        key = ("memory", name, version_of(bench.audioseal, bench.keyed()), f"{length:g}")
        if key not in bench.store:
            bench.console.print(f"memory: {name}")
            bench.store.put(key, _probe(bench, *arguments, more=more) | {"seconds": length})


def _probe(
    bench: Bench,
    task: str,
    source: Path,
    seconds: float,
    layers: tuple[str, ...],
    episodes: int,
    threads: int,
    *,
    more: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Run `bench.watermark.probe`; `episodes` 0 stands for the whole registry."""
    command = [sys.executable, "-m", "bench.watermark.probe", task, "--layers", *layers, "--source", str(source)]
    command += ["--seconds", str(seconds), "--episodes", str(episodes or bench.size.episodes)]
    command += ["--threads", str(threads), *more]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        return {"failed": done.stderr.strip().splitlines()[-1:]}
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def _long(bench: Bench, seconds: float) -> Programme:
    """Return an episode of `seconds` of real speech that does not repeat itself."""
    speech = np.concatenate([samples for _, samples in held_out_speech(bench.recordings)])
    return Programme("tts", 0, "several", speech[: round(seconds * RATE)])


def _saved(bench: Bench, name: str, samples: np.ndarray) -> Path:
    path = bench.folder / f"probe-{name}.npy"
    np.save(path, samples)
    return path


def _spent() -> float:
    """Return processor seconds of this process and its children, so that outside programs count too."""
    times = os.times()
    return time.process_time() + times.children_user + times.children_system
