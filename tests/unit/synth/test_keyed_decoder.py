"""The decoder of the keyed mark in numpy, held to its twin with gradients and to its limits."""

import numpy as np
import pytest
import soxr
import torch

from synth.adapters.keyed import TorchDecoder
from synth.keyed.decoder import Decoder
from synth.keyed.gains import added_signal, bin_weights, over_time
from synth.keyed.hearing import soften
from synth.keyed.key import derive_keys, detector_weights
from synth.keyed.spectrum import BLOCK, FRAME, FRAMES_PER_BLOCK, HOP, INNER_FRAMES, mel_matrix, spectra
from tests.speech_samples import SAMPLE_RATE, reading

WEIGHTS = detector_weights(derive_keys(b"k" * 32).detector)
STARTS = [block * FRAMES_PER_BLOCK for block in range(8)]


@pytest.fixture(scope="module")
def sound():
    return soxr.resample(reading("news"), SAMPLE_RATE, 16_000)


def mels(samples, rate=1.0):
    return np.abs(spectra(samples)) @ mel_matrix(rate)


def test_both_decoders_read_the_same_logits(sound):
    blocks = np.stack([mels(sound[start * HOP :][:BLOCK]) for start in STARTS])
    assert blocks.shape == (8, INNER_FRAMES, 50)
    expected = TorchDecoder(torch.from_numpy(WEIGHTS))(torch.from_numpy(blocks)).numpy()
    read = Decoder(weights=WEIGHTS).read(mels(sound), STARTS)
    assert np.abs(expected).mean() > 0.02
    np.testing.assert_allclose(read, expected, atol=1e-4)


def test_loudness_does_not_change_what_is_read(sound):
    decoder = Decoder(weights=WEIGHTS)
    np.testing.assert_allclose(decoder.read(mels(sound * 0.01), STARTS), decoder.read(mels(sound), STARTS), atol=1e-3)


def test_a_window_half_a_second_off_reads_nearly_the_same(sound):
    decoder = Decoder(weights=WEIGHTS)
    here, late = (decoder.read(mels(sound), [start + shift for start in STARTS]) for shift in (0, 15))
    assert np.corrcoef(here.ravel(), late.ravel())[0, 1] > 0.7


@pytest.mark.parametrize("rate", [0.9, 1.1])
def test_sound_played_faster_reads_the_same_with_moved_bands(sound, rate):
    decoder = Decoder(weights=WEIGHTS)
    played = soxr.resample(sound, 16_000 * rate, 16_000)
    moved = decoder.read(mels(played, rate), [round(start / rate) for start in STARTS], tempo=rate)
    unmoved = decoder.read(mels(played), [round(start / rate) for start in STARTS], tempo=rate)
    written = decoder.read(mels(sound), STARTS)
    assert np.corrcoef(moved.ravel(), written.ravel())[0, 1] > 0.85
    assert np.corrcoef(unmoved.ravel(), written.ravel())[0, 1] < 0.5


def test_silent_and_incomplete_windows_say_nothing(sound):
    quiet = np.concatenate([np.zeros(BLOCK, dtype=np.float32), sound[:BLOCK]])
    logits = Decoder(weights=WEIGHTS).read(mels(quiet), [0, FRAMES_PER_BLOCK, 2 * FRAMES_PER_BLOCK, -1])
    assert not logits[0].any()
    assert logits[1].any()
    assert not logits[2:].any()
    assert not soften(logits)[0].any()
    assert np.abs(soften(logits)[1]).max() <= 1


@pytest.mark.parametrize("length", [0, 1, FRAME - 1])
def test_less_than_one_frame_has_no_spectrum(length):
    silent = mels(np.ones(length, dtype=np.float32))
    assert silent.shape == (0, 50)
    assert not Decoder(weights=WEIGHTS).read(silent, [0]).any()


def test_a_constant_tone_does_not_divide_by_zero():
    tone = np.sin(2 * np.pi * 1000 * np.arange(2 * BLOCK) / 16_000).astype(np.float32)
    assert np.isfinite(Decoder(weights=WEIGHTS).read(mels(tone), [0, 40])).all()


def test_gradient_is_finite_where_sound_fades_into_subnormal_numbers():
    sound = 0.1 * torch.randn(BLOCK, generator=torch.Generator().manual_seed(1)).numpy()
    for position, exponent in enumerate(range(-45, -35)):
        sound[2_000 * position : 2_000 * (position + 1)] *= 10.0**exponent
    mel = torch.from_numpy(mels(sound)[None]).requires_grad_(True)
    torch.autograd.backward(TorchDecoder(torch.from_numpy(WEIGHTS))(mel).sum())
    assert torch.isfinite(mel.grad).all()


def test_mel_bands_cover_the_band_of_the_mark_without_a_gap():
    matrix = mel_matrix()
    bins = np.arange(513) * 16_000 / FRAME
    assert matrix.shape == (513, 50)
    assert (matrix.max(axis=0) > 0).all()
    covered = matrix.sum(axis=1) > 0
    assert np.array_equal(covered, (bins > 400) & (bins < 4000))


def test_a_field_of_nothing_adds_nothing_and_a_full_one_only_in_its_band(sound):
    piece = sound[: 20 * HOP + FRAME - HOP]
    assert not added_signal(piece, np.zeros((20, 30), dtype=np.float32), 0.5).any()
    added = added_signal(piece, np.full((20, 30), 9.0, dtype=np.float32), 0.5)
    power = np.square(np.abs(np.fft.rfft(added[1024:4096] * np.hanning(3072))))
    hertz = np.fft.rfftfreq(3072, 1 / 16_000)
    assert power[(hertz < 350) | (hertz > 4050)].sum() < 1e-3 * power.sum()
    # Where every frame overlaps, a constant field is a plain gain of exp(depth) in the band.
    inner = slice(FRAME, len(piece) - FRAME)
    band = (bin_weights().sum(axis=1) > 0).astype(float)
    assert band.sum() > 200
    assert 0.3 < np.std(added[inner]) / np.std(piece[inner]) < np.expm1(0.5) + 0.01


def test_field_is_linear_between_nodes_and_stays_beyond_the_last():
    nodes = np.repeat(np.array([[0.0], [4.0]], dtype=np.float32), 30, axis=1)
    assert over_time(nodes, 7)[:, 0].tolist() == [0, 1, 2, 3, 4, 4, 4]
