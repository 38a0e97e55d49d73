"""The recipe starts from a receiver that reads and a synthesiser that plays, and its attacks keep their form."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from synth.training import architecture, attacks, calibrate, teacher


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def sound(rows: int, frames: int) -> torch.Tensor:
    """Noise that comes and goes, (rows, frames * 320)."""
    torch.manual_seed(4)
    time = torch.arange(frames * teacher.HOP) / 16_000
    return 0.1 * torch.randn(rows, len(time)) * (1.1 + torch.sin(9 * time))


@torch.no_grad()
def test_the_constructed_detector_reads_the_message_and_tells_marked_from_unmarked() -> None:
    clean = sound(4, 240)
    contract = teacher.contract(0.6)
    message = torch.tensor(np.random.default_rng(2).integers(0, 2, (4, teacher.BITS)))
    marked = clean + contract.to_mark(teacher.play(message, clean.shape[-1]), clean, clean)
    model = architecture.build_detector()
    architecture.start_detector(model, contract.to_detector(clean))
    calibrate.refuse_hum(model)
    heard, unheard = (
        architecture.frame_logits(model, contract.to_detector(audio)).mean(-1) for audio in (marked, clean)
    )
    assert torch.equal((heard[:, 2:] > 0).long(), message)
    assert float((heard[:, 1] - heard[:, 0]).min()) > float((unheard[:, 1] - unheard[:, 0]).max())
    quick = architecture.frame_logits(model, contract.to_detector(marked[:1]))
    whole = model.detector(contract.to_detector(marked[:1])).reshape(1, 2 + teacher.BITS, 240, teacher.HOP).mean(-1)
    assert torch.allclose(quick, whole, atol=1e-3)


@torch.no_grad()
def test_the_constructed_generator_plays_most_tones_of_the_message_before_any_training() -> None:
    clean = sound(2, 50)
    contract = teacher.contract(1.0)
    seen = contract.to_generator(clean, contract.level(clean))
    model = architecture.build_generator()
    architecture.start_generator(model, seen)
    message = torch.tensor(np.random.default_rng(3).integers(0, 2, (2, teacher.BITS)))
    played = model.get_watermark(seen, message=message)[:, 0, 4 * teacher.HOP :]
    spectrum = torch.fft.rfft(played.reshape(2, -1, teacher.HOP)).abs().mean(1)
    level = spectrum[:, [hertz // 50 for hertz in teacher.TONES]].reshape(2, teacher.BITS, 2)
    assert float((level.argmax(-1) == message).float().mean()) > 0.8  # the rest is learnt


@pytest.mark.parametrize("name", [*attacks.MILD, *attacks.HARSH])
def test_every_attack_gives_sound_of_about_the_same_length(name: str) -> None:
    before = sound(1, 50)[0].numpy()
    after = (attacks.MILD | attacks.HARSH)[name](before, np.random.default_rng(1))
    assert np.isfinite(after).all()
    assert abs(after.size - before.size) < 4_000
    assert float(np.abs(after).max()) > 0.01


def test_training_attacks_keep_the_length_and_are_reproducible() -> None:
    before = sound(1, 50)[0].numpy()
    for seed in range(12):
        first, again = (attacks.random_attack(before, np.random.default_rng(seed)) for _ in range(2))
        assert first.shape == before.shape
        assert first.dtype == np.float32
        assert np.array_equal(first, again)
