"""`python -m bench.watermark.probe TASK ...`: one measurement in a process of its own, printed as JSON.

A process of its own, because peak memory is that of a process, and because threads are set before PyTorch is loaded.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

from bench.memory import forget_peak, peak
from bench.watermark.attack import RATE, Samples


def long_programme(source: Path, seconds: float) -> Samples:
    """Return `seconds` of the sound in `source`, repeated, without a second copy in memory."""
    sound = np.load(source).astype(np.float32)
    samples = np.empty(round(seconds * RATE), dtype=np.float32)
    for start in range(0, len(samples), len(sound)):
        piece = samples[start : start + len(sound)]
        piece[:] = sound[: len(piece)]
    return samples


def main() -> None:
    """Run one task."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=("embed", "detect"))
    parser.add_argument("--layers", nargs="+", choices=("audioseal", "keyed"), required=True)
    parser.add_argument("--source", type=Path, required=True, help=".npy with float32 samples at 16 kHz")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--episodes", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--iterations", type=int, default=0, help="of the keyed mark; 0 is its default")
    options = parser.parse_args()
    import torch  # after the environment was set by the parent

    from bench.watermark.systems.ours import AudioSeal, Haystack, Keyed
    from synth.watermark import Payload

    torch.set_num_threads(options.threads)
    samples = long_programme(options.source, options.seconds)
    true_id = "bench-tts-0"
    systems: dict[str, AudioSeal | Keyed] = {}
    if "audioseal" in options.layers:
        systems["audioseal"] = AudioSeal()
    if "keyed" in options.layers:
        systems["keyed"] = Keyed(Haystack(options.episodes).registry((true_id,)))
        if options.iterations:
            from bench.watermark.systems.ours import KEY
            from synth.adapters.keyed import EmbeddingSettings, KeyedMark

            systems["keyed"].mark = KeyedMark(key=KEY, settings=EmbeddingSettings(iterations=options.iterations))
    systems_in_order = [systems[layer] for layer in options.layers]
    warm = samples[: 20 * RATE]
    for system in systems_in_order:  # what is loaded or built once is not what is measured
        if options.task == "embed":
            system.mark.embed(warm[: 6 * RATE], RATE, Payload(true_id))
        else:
            system.detect(warm[: 6 * RATE], "")
    forget_peak()
    loaded = peak()
    began, began_cpu = time.perf_counter(), time.process_time()
    answers: list[dict[str, object]] = []
    for system in systems_in_order:
        if options.task == "embed":
            samples = system.embed(samples, true_id)
        else:
            outcome = system.detect(samples, true_id)
            answers.append({"system": system.name, "detected": outcome.detected, "right": outcome.right})
    result = {
        "wall": time.perf_counter() - began,
        "cpu": time.process_time() - began_cpu,
        "loaded_mb": loaded,
        "peak_mb": peak(),
        "samples_mb": len(samples) * 4 / 2**20,
        "answers": answers,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
