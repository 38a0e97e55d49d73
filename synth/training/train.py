"""Trains our AudioSeal weights from nothing on one CPU core: `python -m synth.training.train --help`.

Order: (1) prepare speech; (2) fit the generator to the teacher; (3) train the detector on speech + teacher while the
gain falls; (4) go on with the trained generator in the loop and real MP3; (5) take the lean out of the bits, choose the
thresholds, measure on held-out sentences and voices, and write weights and card.  Every stage resumes where it stopped:
run the command again.  With the default minutes it takes about an hour and a half on one core.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

from synth.training import detector, generator, report, voices

STAGES = ("prepare", "generator", "detector", "joint", "report")


def main() -> None:
    """Run the chosen stages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="state, logs and prepared speech")
    parser.add_argument("--sentences", type=Path, help="JSON lines (.gz) with `claim` or `text`; needed to prepare")
    parser.add_argument("--weights", type=Path, help="directory for the finished weights; default <out>/weights")
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=STAGES)
    parser.add_argument("--minutes", type=float, default=25.0, help="per training stage")
    parser.add_argument("--gain", type=float, default=0.4, help="level of the shipped mark; 0.4 is 20 dB below speech")
    parser.add_argument("--floor", type=float, default=0.24, help="lowest gain in training")
    parser.add_argument("--trials", type=int, default=200, help="marked files in the report")
    parser.add_argument("--version", default="dev", help="version of the weights, for the card")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    out: Path = options.out
    out.mkdir(parents=True, exist_ok=True)
    cache = out / "speech.npz"
    if "prepare" in options.stages and not (cache.exists() and (out / "speech24.npz").exists()):
        if options.sentences is None:
            parser.error("--sentences is needed to prepare the speech")
        voices.prepare(options.sentences, cache)
        voices.prepare_held_out(options.sentences, out / "speech24.npz")
    if "generator" in options.stages:
        generator.train(out, cache, minutes=options.minutes / 3)
    if "detector" in options.stages:
        detector.train(out, cache, minutes=options.minutes, floor=options.floor)
    if "joint" in options.stages:
        player = generator.load(out / "generator.pt")
        detector.train(out, cache, minutes=options.minutes, floor=options.floor, rate=2.5e-4, player=player)
    if "report" in options.stages:
        target = options.weights or out / "weights"
        measured = report.write(
            out, target, gain=options.gain, version=options.version, trials=options.trials, say=print
        )
        print(json.dumps(measured, indent=2))


if __name__ == "__main__":
    main()
