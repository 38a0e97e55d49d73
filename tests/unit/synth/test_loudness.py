"""Loudness and true peak against the signals and readings that ITU-R BS.1770, BS.2217 and EBU Tech 3341 give."""

from __future__ import annotations

import numpy as np
import pyloudnorm
import pytest

from synth.audio import Samples
from synth.errors import AudioError
from synth.loudness import LoudnessMeter, _k_weighting, measure_loudness, measure_true_peak

RATE = 48_000


def sine(level_db: float, seconds: float, frequency: float = 997.0, rate: int = RATE, phase: float = 0.0) -> Samples:
    time = np.arange(round(seconds * rate)) / rate
    return (10 ** (level_db / 20) * np.sin(2 * np.pi * frequency * time + phase)).astype(np.float32)


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000, 96_000])
def test_full_scale_sine_reads_minus_3_01_at_every_rate(rate: int) -> None:
    # Low rates bend the shelf a little near half the rate, which costs up to 0.04 LU at 997 Hz.
    assert measure_loudness(sine(0.0, 5.0, rate=rate), rate) == pytest.approx(-3.01, abs=0.05)


def test_weighting_at_48_khz_is_the_table_of_the_recommendation() -> None:
    shelf, high_pass = _k_weighting(48_000)
    # ITU-R BS.1770-5, Annex 1, tables 1 and 2: b0 b1 b2 a0 a1 a2.
    table_1 = [1.53512485958697, -2.69169618940638, 1.19839281085285, 1.0, -1.69065929318241, 0.73248077421585]
    table_2 = [1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621]
    np.testing.assert_allclose(shelf, table_1, atol=1e-8)
    np.testing.assert_allclose(high_pass, table_2, atol=1e-8)


def test_relative_gate_ignores_quiet_parts() -> None:
    # EBU Tech 3341, test case 3, for one channel: the level is that of the loud part.
    programme = np.concatenate([sine(-36.0, 10.0), sine(-23.0, 60.0), sine(-36.0, 10.0)])
    assert measure_loudness(programme, RATE) == pytest.approx(-23.0 - 3.01, abs=0.1)


def test_absolute_gate_ignores_near_silence() -> None:
    # EBU Tech 3341, test case 4, for one channel.
    programme = np.concatenate([sine(-72.0, 10.0), sine(-36.0, 10.0), sine(-23.0, 60.0), sine(-36.0, 10.0)])
    assert measure_loudness(programme, RATE) == pytest.approx(-23.0 - 3.01, abs=0.1)


def test_agrees_with_an_independent_meter_on_speech_like_noise() -> None:
    random = np.random.default_rng(1)
    envelope = np.repeat(random.uniform(0.001, 0.3, 60), RATE // 4)
    noise = (np.convolve(random.standard_normal(len(envelope)), np.ones(24) / 24, "same") * envelope).astype(np.float32)
    reference = pyloudnorm.Meter(RATE, filter_class="DeMan").integrated_loudness(noise.astype(np.float64))
    assert measure_loudness(noise, RATE) == pytest.approx(reference, abs=0.05)


def test_pieces_of_any_size_give_the_same_reading() -> None:
    samples = sine(-20.0, 3.0, frequency=300.0)
    meter = LoudnessMeter(RATE)
    for start in range(0, len(samples), 777):
        meter.add(samples[start : start + 777])
    assert meter.integrated() == pytest.approx(measure_loudness(samples, RATE), abs=1e-9)


def test_gain_moves_the_reading_by_itself() -> None:
    samples = sine(-30.0, 2.0)
    louder = measure_loudness(samples * np.float32(2.0), RATE)
    assert louder - measure_loudness(samples, RATE) == pytest.approx(20 * np.log10(2), abs=1e-4)


@pytest.mark.parametrize("samples", [np.zeros(RATE, np.float32), sine(0.0, 0.39), np.zeros(0, np.float32)])
def test_silence_and_snippets_have_no_loudness(samples: Samples) -> None:
    with pytest.raises(AudioError, match="no loudness"):
        measure_loudness(samples, RATE)


def test_true_peak_sees_between_the_samples() -> None:
    # A quarter of the rate at 45 degrees: every sample is at 0.707, the wave between them at 1.0 (BS.1770-5, Annex 2).
    samples = sine(0.0, 1.0, frequency=RATE / 4, phase=np.pi / 4)[2_000:-2_000]
    assert np.abs(samples).max() == pytest.approx(0.7071, abs=1e-3)
    fade = np.minimum(1, np.minimum(np.arange(len(samples)), np.arange(len(samples))[::-1]) / 2_000).astype(np.float32)
    assert measure_true_peak(samples * fade, RATE) == pytest.approx(0.0, abs=0.1)


def test_true_peak_across_blocks_is_that_of_the_whole() -> None:
    samples = sine(-6.0, 45.0, frequency=440.0, rate=8_000)
    samples[160_000 - 3 : 160_000 + 3] = 0.9
    whole = measure_true_peak(samples, 8_000)
    assert whole == pytest.approx(measure_true_peak(samples[150_000:170_000], 8_000), abs=0.01)
    assert whole > 20 * np.log10(0.9)


def test_silence_has_no_peak() -> None:
    with pytest.raises(AudioError, match="silence"):
        measure_true_peak(np.zeros(100, np.float32), RATE)
