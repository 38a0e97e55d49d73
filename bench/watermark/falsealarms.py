"""Part `falsealarms`: AudioSeal on real human speech without a mark, in clips of five seconds.

Every second of every held-out speaker is used once as it is, and once more through one of a few mild changes in turn.
"""

from __future__ import annotations

from dataclasses import asdict

from bench.watermark.attack import RATE
from bench.watermark.bench import Bench, version_of
from bench.watermark.robustness import SHORT
from bench.watermark.sources import held_out_speech
from bench.watermark.systems.port import Outcome

CHANGES = ("mp3-32k", "white-20db", "highpass-500hz", "opus-16k", "reverb-0.3s", "music-10db", "telephone-band")
BATCH = 40  # clips per result


def measure(bench: Bench) -> None:
    """Count false alarms and keep the scores, so that the threshold for one in a thousand can be read off."""
    reader = bench.audioseal
    changes = {attack.name: attack for attack in bench.attacks if attack.name in CHANGES}
    work = []
    for speaker, samples in held_out_speech(bench.recordings):
        size = SHORT * RATE
        starts = list(range(0, len(samples) - size + 1, size))
        starts = starts[:BATCH] if bench.size.quick else starts
        for first in range(0, len(starts), BATCH):
            key = ("falsealarms", version_of(reader), speaker, str(first))
            if key not in bench.store:
                work.append((key, samples, starts[first : first + BATCH]))
    for key, samples, starts in bench.each(work, "false alarms"):
        plain, changed = [], []
        for number, start in enumerate(starts):
            clip = samples[start : start + SHORT * RATE]
            plain.append(_kept(reader.detect(clip, "")))
            name = sorted(changes)[number % len(changes)]
            changed.append({"change": name} | _kept(reader.detect(changes[name](clip, seed=start), "")))
        bench.store.put(key, {"plain": plain, "changed": changed})


def _kept(outcome: Outcome) -> dict[str, object]:
    return {name: value for name, value in asdict(outcome).items() if name in ("detected", "score")}
