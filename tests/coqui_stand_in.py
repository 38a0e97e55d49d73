"""Stands in for the process that speaks with coqui-tts: `python coqui_stand_in.py MODE FOLDER THREADS`."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import numpy as np

from synth.adapters.coqui_frames import write_frame
from synth.tone import ToneVoice

RATE = 24_000


def speech(text: str, seed: int) -> np.ndarray:
    return ToneVoice(id="tone").speak(text, seed=seed)


def main() -> None:
    mode, folder = sys.argv[1], Path(sys.argv[2])
    out = sys.stdout.buffer
    with (folder.parent / "starts").open("a") as starts:
        starts.write("x")
    if mode == "dies at start":
        sys.exit(3)
    if mode == "cannot load":
        write_frame(out, {"error": "RuntimeError: size mismatch"})
        return
    if mode == "babbles at start":
        out.write(b"Loading the model, please wait ...\n")
        out.flush()
        time.sleep(30)
    write_frame(out, {"ready": True, "sample_rate": 16_000 if mode == "other rate" else RATE, "speakers": ["p1"]})
    for line in sys.stdin.buffer:
        request = json.loads(line)
        text, seed = request["text"], request["seed"]
        if "hang" in text:
            time.sleep(60)
        if "die" in text:
            os._exit(9)
        if "fail" in text:
            write_frame(out, {"error": "IndexError"})
            continue
        samples = {
            "speaks": speech(text, seed),
            "noise": np.random.default_rng(seed).normal(0, 0.1, RATE * 2).astype(np.float32),
            "hum": (0.2 * np.sin(np.arange(RATE * 2) / 20)).astype(np.float32),
            "silence": np.zeros(RATE * 2, np.float32),
            "nothing": np.zeros(0, np.float32),
            "not a number": np.full(RATE * 2, np.nan, np.float32),
            "minutes": np.tile(speech(text, seed), 40),
            "blip": speech("morning", seed)[3000:8000],
        }[mode]
        half = len(samples) // 2
        write_frame(out, {}, samples[:half])
        if "stops halfway" in text:
            os._exit(0)
        write_frame(out, {}, samples[half:])
        write_frame(out, {"done": True, "environment": sorted(os.environ)})


if __name__ == "__main__":
    main()
