"""Stage two: a causal generator that plays the tones of the message.

Its decoder starts as a synthesiser of the tones, so the rest of it only has to learn their amplitudes, frame by frame,
whatever the speech: small and fast.  How loud each of them may be at any moment is the contract's work.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from synth.adapters.audioseal_weights import AudioSealWM
from synth.training import architecture, corpus, teacher

CLIP = 100 * teacher.HOP
BATCH = 16
WARM_UP = 100
"""Steps over which the learning rate rises."""


def tone_levels(generator: AudioSealWM, audio: Tensor, message: Tensor) -> Tensor:
    """Amplitudes that the decoder's 50 Hz stage hands to its synthesiser: (B, 1, T) to (B, channels, T / 320)."""
    model: Any = generator  # audioseal's modules carry no types
    layers = architecture.GENERATOR["n_residual_layers"]
    hidden: Tensor = architecture.analysis(model.encoder.model, audio, layers)
    for layer in model.encoder.model[2 * layers + 5 :]:
        hidden = layer(hidden)
    hidden = model.msg_processor(hidden, message)
    for layer in model.decoder.model[:5]:
        hidden = layer(hidden)
    return hidden


@torch.no_grad()
def play(model: AudioSealWM, clips: Tensor, message: Tensor) -> Tensor:
    """What the generator plays, (B, T) to (B, T); equal to the whole generator up to a tone's phase, but faster."""
    contract = teacher.contract(1.0)
    seen = contract.to_generator(clips, contract.level(clips))
    return teacher.synthesise(tone_levels(model, seen, message)[:, : len(teacher.TONES)])


def load(state_file: Path) -> AudioSealWM:
    """The generator of a saved state."""
    model = architecture.build_generator()
    model.load_state_dict(torch.load(state_file, weights_only=True)["model"])
    return model.eval()


def train(out: Path, clips: corpus.Corpus, *, minutes: float, seed: int = 2, rate: float = 1e-3) -> None:
    """Train until `minutes` have passed; state in `out/generator.pt`, log in `out/generator.jsonl`; resumes."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model = architecture.build_generator()
    contract = teacher.contract(1.0)
    state_file = out / "generator.pt"
    step = 0
    optimiser = architecture.optimiser(model, rate)
    if state_file.exists():
        state = torch.load(state_file, weights_only=True)
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        step = state["step"]
        rng = np.random.default_rng(seed + step)
    else:
        sample, _ = clips.draw(32, CLIP, rng)
        architecture.start_generator(model, contract.to_generator(sample, contract.level(sample)))
    started = saved = time.monotonic()
    error = 1.0
    while (elapsed := time.monotonic() - started) < 60 * minutes:
        remaining = 1 - elapsed / (60 * minutes)
        architecture.set_rate(optimiser, rate * min(1.0, (step + 1) / WARM_UP, 2 * remaining + 0.02))
        sound, _ = clips.draw(BATCH, CLIP, rng)
        message = torch.from_numpy(rng.integers(0, 2, (BATCH, teacher.BITS)))
        wanted = teacher.LEVEL * teacher.switched(message, CLIP // teacher.HOP)
        played = tone_levels(model, contract.to_generator(sound, contract.level(sound)), message)
        loss = (wanted - played[:, : len(teacher.TONES)]).square().sum() / wanted.square().sum()
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        error = 0.98 * error + 0.02 * float(loss.detach())
        step += 1
        if step % 50 == 0:
            record = {"step": step, "seconds": round(elapsed), "error_db": round(10 * float(np.log10(error)), 2)}
            with (out / "generator.jsonl").open("a") as log:
                log.write(json.dumps(record) + "\n")
        if time.monotonic() - saved > 60:
            saved = time.monotonic()
            _save(state_file, model, optimiser, step)
    _save(state_file, model, optimiser, step)


def _save(file: Path, model: AudioSealWM, optimiser: torch.optim.Optimizer, step: int) -> None:
    part = file.with_suffix(".part")
    torch.save({"model": model.state_dict(), "optimiser": optimiser.state_dict(), "step": step}, part)
    part.replace(file)
