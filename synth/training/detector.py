"""Stage one: a detector that decodes speech + teacher; the gain falls as soon as the bits are read."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from audioseal.models import AudioSealDetector, AudioSealWM
from torch import Tensor

from synth.training import architecture, corpus, generator, losses, teacher

CLIP = 160 * teacher.HOP
BATCH = 16


@dataclass(slots=True)
class Gain:
    """Level of the mark; falls while the bits are read, rises when they are lost."""

    value: float
    floor: float
    loss: float = 0.2

    def update(self, bit_loss: float) -> None:
        """Take the bit loss of one step into account."""
        self.loss = 0.98 * self.loss + 0.02 * bit_loss
        if self.loss < 0.15:
            self.value = max(self.value * 0.995, self.floor)
        elif self.loss > 0.40:
            self.value = min(self.value / 0.999, 1.5)


def masks(count: int, length: int, rng: np.random.Generator) -> Tensor:
    """Where the mark is: 25 % of rows nowhere, 25 % in one part, else everywhere; (count, length) of 0 and 1."""
    mask = torch.ones(count, length)
    for row in range(count):
        draw = rng.random()
        if draw < 0.25:
            mask[row] = 0
        elif draw < 0.50:
            width = int(rng.uniform(0.35, 0.8) * length)
            start = int(rng.integers(length - width))
            mask[row] = 0
            mask[row, start : start + width] = 1
    return mask


def train(
    out: Path,
    cache: Path,
    *,
    minutes: float,
    floor: float,
    seed: int = 1,
    rate: float = 4e-4,
    player: AudioSealWM | None = None,
) -> None:
    """Train until `minutes` have passed; state in `out/detector.pt`, log in `out/detector.jsonl`; resumes.

    The mark is the teacher's, or that of `player`, a trained generator, and then also goes through MP3.
    """
    torch.manual_seed(seed)
    speech = corpus.Corpus.load(cache, "train")
    rng = np.random.default_rng(seed)
    model = architecture.build_detector()
    state_file = out / "detector.pt"
    gain, step = Gain(0.5, floor), 0
    optimiser = architecture.optimiser(model, rate)
    if state_file.exists():
        state = torch.load(state_file, weights_only=True)
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        gain.value, gain.loss, step = state["gain"], state["loss"], state["step"]
        rng = np.random.default_rng(seed + step)
    else:
        sample = teacher.detector_input(corpus.colour(speech.clips(32, CLIP, rng), rng))
        architecture.start_detector(model, sample)
    bit_losses = torch.full((teacher.BITS,), 0.69)
    accuracy = torch.full((teacher.BITS,), 0.5)
    started = saved = time.monotonic()
    while time.monotonic() - started < 60 * minutes:
        clips = corpus.colour(speech.clips(BATCH, CLIP + teacher.HOP, rng), rng)
        message = torch.from_numpy(rng.integers(0, 2, (BATCH, teacher.BITS)))
        mask = masks(BATCH, CLIP, rng)
        if rng.random() < 0.5:
            clips[:3] = corpus.not_speech(3, CLIP + teacher.HOP, rng)
            mask[:2] = 0
        level = gain.value * torch.from_numpy(rng.uniform(0.8, 1.6, (BATCH, 1)).astype(np.float32))
        with torch.no_grad():
            mark = level * (
                generator.play(player, clips, message)
                if player is not None
                else teacher.teacher(clips, message) * teacher.envelope(clips)
            )
            audio = _join(clips, mark, mask, rng)
            if player is not None and rng.random() < 0.4:
                audio = corpus.coded(audio, rng, 5)
            audio = corpus.edit(audio, rng, 0.4)
        logits = architecture.frame_logits(model, teacher.detector_input(audio))
        weights = (bit_losses / bit_losses.mean()).clamp(0.5, 3.0)
        share = mask.reshape(BATCH, -1, teacher.HOP).mean(-1)
        loss = losses.mark_loss(logits, message, (share > 0.5).float(), weights)
        remaining = 1 - (time.monotonic() - started) / (60 * minutes)
        architecture.set_rate(optimiser, rate * min(1.0, (step + 1) / 300, 2 * remaining + 0.02))
        optimiser.zero_grad()
        torch.autograd.backward(loss.total)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        bit_losses = 0.97 * bit_losses + 0.03 * loss.bits
        accuracy = 0.97 * accuracy + 0.03 * loss.correct
        gain.update(float(loss.bits.mean()))
        step += 1
        if step % 25 == 0:
            record = {
                "step": step, "seconds": round(time.monotonic() - started), "gain": round(gain.value, 4),
                "presence": round(loss.presence, 3), "bits": [round(float(x), 3) for x in bit_losses],
                "accuracy": round(float(accuracy.mean()), 4),
            }  # fmt: skip
            with (out / "detector.jsonl").open("a") as log:
                log.write(json.dumps(record) + "\n")
        if time.monotonic() - saved > 90:
            saved = time.monotonic()
            save(state_file, model, optimiser, gain, step)
    save(state_file, model, optimiser, gain, step)


def _join(clips: Tensor, mark: Tensor, mask: Tensor, rng: np.random.Generator) -> Tensor:
    shift = int(rng.integers(teacher.HOP))
    return clips[:, shift : shift + CLIP] + mask * mark[:, shift : shift + CLIP]


def save(file: Path, model: AudioSealDetector, optimiser: torch.optim.Optimizer, gain: Gain, step: int) -> None:
    """Write the state whole, then put it in place."""
    part = file.with_suffix(".part")
    torch.save(
        {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "gain": gain.value, "loss": gain.loss,
         "step": step}, part)  # fmt: skip
    part.replace(file)
