"""Trains our AudioSeal weights from nothing: `python -m synth.training.train --help`.

Order: (1) prepare speech, synthetic and real, and music; (2) fit the generator to the tones of the message; (3) train
the detector on what the generator plays, through attacks, while the gain falls; (4) take the lean out of the bits,
choose the threshold, measure on held-out speakers and sentences, and write weights and card.  Every stage resumes where
it stopped: run the command again.  With the default minutes it takes about three quarters of an hour on one CPU core.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
from pathlib import Path

import torch

from synth.training import corpus, detector, generator, recordings, report, teacher, voices

STAGES = ("prepare", "generator", "detector", "report")


def main() -> None:
    """Run the chosen stages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="state, logs and prepared speech")
    parser.add_argument("--sentences", type=Path, help="JSON lines (.gz) with `claim` or `text`; needed to prepare")
    parser.add_argument("--recordings", type=Path, default=Path("var/recordings"), help="real speech and music")
    parser.add_argument("--weights", type=Path, help="directory for the finished weights; default <out>/weights")
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=STAGES)
    parser.add_argument("--minutes", type=float, default=25.0, help="of detector training; the generator gets a tenth")
    parser.add_argument("--device", default="cpu", help="where the detector is trained: cpu or cuda")
    parser.add_argument("--gain", type=float, default=teacher.GAIN, help="of the shipped mark; 1: as loud as its band")
    parser.add_argument("--floor", type=float, default=0.2, help="lowest gain in training")
    parser.add_argument("--trials", type=int, default=60, help="clips in every cell of the report")
    parser.add_argument("--version", default="dev", help="version of the weights, for the card")
    options = parser.parse_args()
    if "report" in options.stages and importlib.util.find_spec("pesq") is None:
        parser.error("the report measures PESQ; run `pip install pesq` first, or leave the stage out with --stages")
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    out: Path = options.out
    out.mkdir(parents=True, exist_ok=True)
    cache = out / "speech.npz"
    if "prepare" in options.stages:
        recordings.prepare(options.recordings)
        if not (cache.exists() and (out / "speech24.npz").exists()):
            if options.sentences is None:
                parser.error("--sentences is needed to prepare the speech")
            voices.prepare(options.sentences, cache)
            voices.prepare_held_out(options.sentences, out / "speech24.npz")
    if "generator" in options.stages:
        generator.train(out, corpus.Corpus.load(cache, options.recordings), minutes=options.minutes / 10)
    if "detector" in options.stages:
        detector.train(
            out, corpus.Corpus.load(cache, options.recordings), minutes=options.minutes, floor=options.floor,
            device=options.device, player=generator.load(out / "generator.pt"),
        )  # fmt: skip
    if "report" in options.stages:
        target = options.weights or out / "weights"
        measured = report.write(
            out, options.recordings, target, gain=options.gain, version=options.version, trials=options.trials,
            say=print,
        )  # fmt: skip
        print(json.dumps(measured, indent=2))


if __name__ == "__main__":
    main()
