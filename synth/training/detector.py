"""Stage three: a detector that reads sound + mark after an attack; the gain falls as soon as the bits are read."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from synth.adapters.audioseal_weights import AudioSealDetector, AudioSealWM
from synth.training import architecture, attacks, corpus, generator, losses, teacher

CLIP = 240 * teacher.HOP
"""4.8 s: what one decision looks at."""
BATCH = 16
UNMARKED = 0.6
"""Share of the rows that hold no plain speech that are kept without a mark."""
ATTACKED = 0.6
"""Share of the rows that go through an attack."""


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
            self.value = min(self.value / 0.999, 1.0)


def masks(count: int, length: int, rng: np.random.Generator) -> Tensor:
    """Where the mark is: 30 % of rows nowhere, 20 % in one part, else everywhere; (count, length) of 0 and 1."""
    mask = torch.ones(count, length)
    for row in range(count):
        draw = rng.random()
        if draw < 0.30:
            mask[row] = 0
        elif draw < 0.50:
            width = int(rng.uniform(0.35, 0.8) * length)
            start = int(rng.integers(length - width))
            mask[row] = 0
            mask[row, start : start + width] = 1
    return mask


def example(
    clips: corpus.Corpus, gain: float, rng: np.random.Generator, player: AudioSealWM | None
) -> tuple[Tensor, Tensor, Tensor]:
    """One batch: attacked audio (B, T), message (B, bits), mask of the mark (B, T)."""
    sound, kinds = clips.draw(BATCH, CLIP + teacher.HOP, rng)
    message = torch.from_numpy(rng.integers(0, 2, (BATCH, teacher.BITS)))
    mask = masks(BATCH, CLIP, rng)
    for row, kind in enumerate(kinds):
        if kind in corpus.NO_SPEECH and rng.random() < UNMARKED:
            mask[row] = 0
    level = gain * torch.from_numpy(rng.uniform(0.7, 1.4, (BATCH, 1)).astype(np.float32))
    played = teacher.play(message, CLIP + teacher.HOP) if player is None else generator.play(player, sound, message)
    mark = level * teacher.contract(1.0).to_mark(played, sound, sound)
    shift = int(rng.integers(teacher.HOP))
    audio = sound[:, shift : shift + CLIP] + mask * mark[:, shift : shift + CLIP]
    for row in range(BATCH):
        if rng.random() < ATTACKED:
            audio[row] = torch.from_numpy(attacks.random_attack(audio[row].numpy(), rng))
    return audio, message, mask


def train(
    out: Path,
    clips: corpus.Corpus,
    *,
    minutes: float,
    floor: float,
    device: str = "cpu",
    seed: int = 1,
    rate: float = 3e-4,
    player: AudioSealWM | None = None,
) -> None:
    """Train until `minutes` have passed; state in `out/detector.pt`, log in `out/detector.jsonl`; resumes.

    The mark is the teacher's, or that of `player`, a trained generator.  Clips are made on the CPU; the detector is
    trained on `device`.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model = architecture.build_detector()
    contract = teacher.contract(1.0)
    state_file = out / "detector.pt"
    gain, step = Gain(teacher.GAIN, floor), 0
    if not state_file.exists():
        with torch.no_grad():
            audio, _, _ = example(clips, gain.value, rng, player)
            architecture.start_detector(model, contract.to_detector(audio))
    model.to(device)
    optimiser = architecture.optimiser(model, rate)
    if state_file.exists():
        state = torch.load(state_file, weights_only=True, map_location=device)
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        gain.value, gain.loss, step = state["gain"], state["loss"], state["step"]
        rng = np.random.default_rng([seed, step])
    bit_losses = torch.full((teacher.BITS,), 0.69)
    accuracy = torch.full((teacher.BITS,), 0.5)
    presence = 0.69
    started = saved = time.monotonic()
    while time.monotonic() - started < 60 * minutes:
        with torch.no_grad():
            audio, message, mask = example(clips, gain.value, rng, player)
            seen = contract.to_detector(audio).to(device)
        share = mask.reshape(BATCH, -1, teacher.HOP).mean(-1)
        logits = architecture.frame_logits(model, seen)
        weights = (bit_losses / bit_losses.mean()).clamp(0.5, 3.0).to(device)
        loss = losses.mark_loss(logits, message.to(device), (share > 0.5).float().to(device), weights)
        remaining = 1 - (time.monotonic() - started) / (60 * minutes)
        architecture.set_rate(optimiser, rate * min(1.0, (step + 1) / 200, 2 * remaining + 0.02))
        optimiser.zero_grad()
        torch.autograd.backward(loss.total)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        bit_losses = 0.97 * bit_losses + 0.03 * loss.bits.cpu()
        accuracy = 0.97 * accuracy + 0.03 * loss.correct.cpu()
        presence = 0.97 * presence + 0.03 * loss.presence
        gain.update(float(loss.bits.mean()))
        step += 1
        if step % 20 == 0:
            record = {
                "step": step, "seconds": round(time.monotonic() - started), "gain": round(gain.value, 4),
                "presence": round(presence, 3), "bit_loss": round(float(bit_losses.mean()), 4),
                "accuracy": round(float(accuracy.mean()), 4), "worst_bit": round(float(accuracy.min()), 4),
            }  # fmt: skip
            with (out / "detector.jsonl").open("a") as log:
                log.write(json.dumps(record) + "\n")
        if time.monotonic() - saved > 60:
            saved = time.monotonic()
            save(state_file, model, optimiser, gain, step)
    save(state_file, model, optimiser, gain, step)


def save(file: Path, model: AudioSealDetector, optimiser: torch.optim.Optimizer, gain: Gain, step: int) -> None:
    """Write the state whole, then put it in place."""
    part = file.with_suffix(".part")
    torch.save(
        {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "gain": gain.value, "loss": gain.loss,
         "step": step}, part)  # fmt: skip
    part.replace(file)
