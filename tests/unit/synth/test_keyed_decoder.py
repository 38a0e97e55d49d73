"""The decoder of the keyed mark in numpy, held to its twin with gradients and to its limits."""

import numpy as np
import pytest
import soxr
import torch

from synth.adapters.keyed import TorchDecoder
from synth.keyed.decoder import Decoder
from synth.keyed.key import derive_keys, detector_weights
from synth.keyed.spectrum import BLOCK, HOP, LEVEL, band_magnitudes, mel_matrix
from tests.speech_samples import SAMPLE_RATE, reading

WEIGHTS = detector_weights(derive_keys(b"k" * 32).detector)


@pytest.fixture(scope="module")
def sound():
    return soxr.resample(reading("news"), SAMPLE_RATE, 16_000)


def test_both_decoders_read_the_same_logits(sound):
    blocks = np.stack([sound[start : start + BLOCK] for start in range(0, 8 * BLOCK, BLOCK)])
    level = np.sqrt(np.mean(np.square(blocks, dtype=np.float64), axis=1, keepdims=True))
    with torch.no_grad():
        expected = TorchDecoder(weights=WEIGHTS)(torch.from_numpy((blocks * LEVEL / level).astype(np.float32))).numpy()
    decoder = Decoder(weights=WEIGHTS)
    read = np.concatenate([decoder.read(block, np.array([0])) for block in blocks])
    assert np.abs(expected).mean() > 0.005
    np.testing.assert_allclose(read, expected, atol=1e-4)


def test_a_window_reads_the_same_alone_and_in_company(sound):
    decoder, start = Decoder(weights=WEIGHTS), 100 * HOP
    alone = decoder.read(sound[start : start + BLOCK], np.array([0]))
    np.testing.assert_allclose(decoder.read(sound, np.array([0, start, 9000]))[1], alone[0], atol=1e-4)


def test_loudness_does_not_change_what_is_read(sound):
    decoder, starts = Decoder(weights=WEIGHTS), np.arange(4) * BLOCK
    np.testing.assert_allclose(decoder.read(sound * 0.01, starts), decoder.read(sound, starts), atol=1e-3)


def test_silent_and_incomplete_windows_say_nothing(sound):
    quiet = np.concatenate([np.zeros(BLOCK, dtype=np.float32), sound[:BLOCK]])
    logits = Decoder(weights=WEIGHTS).read(quiet, np.array([0, BLOCK, 2 * BLOCK, -HOP]))
    assert not logits[0].any()
    assert logits[1].any()
    assert not logits[2:].any()


@pytest.mark.parametrize("length", [0, 1, 1023])
def test_less_than_one_frame_has_no_spectrum(length):
    assert band_magnitudes(np.ones(length, dtype=np.float32)).shape == (0, 217)
    assert not Decoder(weights=WEIGHTS).read(np.ones(length, dtype=np.float32), np.array([0])).any()


def test_mel_bands_cover_the_band_of_the_mark():
    matrix = mel_matrix()
    assert matrix.shape == (217, 70)
    assert (matrix.max(axis=0) > 0).all()
    assert (matrix.sum(axis=1) > 0).all()


def test_a_constant_tone_does_not_divide_by_zero():
    tone = np.sin(2 * np.pi * 1000 * np.arange(BLOCK) / 16_000).astype(np.float32)
    assert np.isfinite(Decoder(weights=WEIGHTS).read(tone, np.array([0]))).all()
