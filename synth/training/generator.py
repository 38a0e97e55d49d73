"""Stage two: a causal generator that plays the teacher.

Its decoder starts as a synthesiser of the sixteen tones, so the rest of it only has to learn their amplitudes, frame
by frame: small and fast.  The waveform it puts out is checked against the teacher at the end.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from audioseal.models import AudioSealWM
from torch import Tensor
from torch.nn import functional

from synth.training import architecture, corpus, teacher

LEVEL = 0.6
"""The generator plays the teacher at this level, to stay in the linear part of its tanh."""
CLIP = 120 * teacher.HOP
BATCH = 16


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
    """The mark before gain at the teacher's scale, (B, T) to (B, T); equal to the whole generator, but faster."""
    level = teacher.envelope(clips)
    tones = tone_levels(model, teacher.generator_input(clips, level), message)[:, : len(teacher.TONES)]
    return torch.tanh(teacher.synthesise(tones)) * level / LEVEL


def load(state_file: Path) -> AudioSealWM:
    """The generator of a saved state."""
    model = architecture.build_generator()
    model.load_state_dict(torch.load(state_file, weights_only=True)["model"])
    return model.eval()


def start(generator: AudioSealWM, sample: Tensor) -> None:
    """Give the encoder its band filters and the decoder its tones."""
    model: Any = generator
    layers = architecture.GENERATOR["n_residual_layers"]
    filters = architecture.band_filters()
    architecture.start_analysis(model.encoder.model, sample, layers, filters, slope=1.0, offset=architecture.OFFSET)
    architecture.start_synthesis(model.decoder.model)


def train(out: Path, cache: Path, *, minutes: float, seed: int = 2, rate: float = 2e-3) -> None:
    """Train until `minutes` have passed; state in `out/generator.pt`, log in `out/generator.jsonl`; resumes."""
    torch.manual_seed(seed)
    speech = corpus.Corpus.load(cache, "train")
    rng = np.random.default_rng(seed)
    model = architecture.build_generator()
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
        clips = corpus.colour(speech.clips(32, CLIP, rng), rng)
        start(model, teacher.generator_input(clips, teacher.envelope(clips)))
    started = saved = time.monotonic()
    error = 1.0
    while (elapsed := time.monotonic() - started) < 60 * minutes:
        remaining = 1 - elapsed / (60 * minutes)
        architecture.set_rate(optimiser, rate * min(1.0, (step + 1) / 100, 2 * remaining + 0.02))
        clips = corpus.colour(speech.clips(BATCH, CLIP, rng), rng)
        if rng.random() < 0.1:
            clips[:2] = corpus.not_speech(2, CLIP, rng)
        message = torch.from_numpy(rng.integers(0, 2, (BATCH, teacher.BITS)))
        with torch.no_grad():
            level = teacher.envelope(clips)
            wanted = LEVEL * teacher.TEACHER_SCALE * teacher.switched(clips, message)
            # Where the envelope is nil the mark is nil, whatever the generator says.
            weight = (level[:, :: teacher.HOP] / (level[:, :: teacher.HOP] + 0.003))[:, None]
        played = tone_levels(model, teacher.generator_input(clips, level), message)
        tones = len(teacher.TONES)
        difference = functional.pad(wanted, (0, 0, 0, played.shape[1] - tones)) - played
        difference = torch.cat([difference[:, :tones], 0 * difference[:, tones:]], 1)
        loss = (difference.square() * weight).sum() / (wanted.square() * weight).sum()
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
