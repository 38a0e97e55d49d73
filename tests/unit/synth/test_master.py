"""Mastering: on target, under the ceiling, and an error where that cannot be."""

from __future__ import annotations

import numpy as np
import pytest

from synth.audio import ChapterMark, Cue, Samples, Speech
from synth.errors import AudioError
from synth.loudness import measure_loudness, measure_true_peak
from synth.master import master

RATE = 44_100


def uneven(seconds: float, *, seed: int = 3) -> Samples:
    """Bursts of a buzz with a high crest factor, as speech has."""
    random = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    buzz = sum(np.cos(2 * np.pi * 110 * k * time + k * k) / k for k in range(1, 25))
    knots = np.arange(0.0, seconds + 0.2, 0.1)
    syllables = np.interp(time, knots, random.uniform(0.0, 1.0, len(knots)))
    return (0.2 * buzz * syllables).astype(np.float32)


@pytest.mark.parametrize("gain", [0.02, 1.0, 20.0])
def test_programme_ends_on_target_and_under_the_ceiling(gain: float) -> None:
    speech = Speech(uneven(8.0) * np.float32(gain), RATE)
    mastered = master(speech)
    assert measure_loudness(mastered.samples, RATE) == pytest.approx(-16.0, abs=0.1)
    assert measure_true_peak(mastered.samples, RATE) <= -1.9
    assert len(mastered.samples) == len(speech.samples)


def test_cues_and_chapters_are_kept() -> None:
    cues, chapters = (Cue(0.0, 1.0, "ANNA", "Hello."),), (ChapterMark(0.0, "One"),)
    mastered = master(Speech(uneven(2.0), RATE, cues, chapters))
    assert (mastered.cues, mastered.chapters, mastered.sample_rate) == (cues, chapters, RATE)


def test_a_programme_that_needs_no_limiting_is_only_amplified() -> None:
    time = np.arange(2 * RATE) / RATE
    samples = (0.01 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)
    mastered = master(Speech(samples, RATE))
    ratio = mastered.samples[1000:-1000] / np.where(np.abs(samples) < 1e-3, np.nan, samples)[1000:-1000]
    assert np.nanstd(ratio) < 1e-4 * np.nanmean(ratio)


def test_blocks_leave_no_seam() -> None:
    # 25 s cross the border of a block at 20 s; the gain around it must be as smooth as elsewhere.
    samples = uneven(25.0)
    mastered = master(Speech(samples, RATE)).samples
    border = slice(20 * RATE - 2_000, 20 * RATE + 2_000)
    loud = np.abs(samples[border]) > 1e-3
    gain = mastered[border][loud] / samples[border][loud]
    shifted = master(Speech(samples[7_000:], RATE)).samples
    other = shifted[20 * RATE - 9_000 : 20 * RATE - 5_000][loud] / samples[border][loud]
    np.testing.assert_allclose(gain / gain.max(), other / other.max(), rtol=2e-3)


def test_same_input_gives_the_same_samples() -> None:
    speech = Speech(uneven(3.0), RATE)
    assert np.array_equal(master(speech).samples, master(speech).samples)


@pytest.mark.parametrize("samples", [np.zeros(RATE, np.float32), uneven(0.3), np.zeros(0, np.float32)])
def test_silent_and_tiny_programmes_are_refused(samples: Samples) -> None:
    with pytest.raises(AudioError, match="no loudness"):
        master(Speech(samples, RATE))


def test_clicks_in_silence_cannot_be_brought_to_level() -> None:
    samples = np.zeros(2 * RATE, np.float32)
    samples[::4000] = 1.0
    with pytest.raises(AudioError, match="clicks"):
        master(Speech(samples, RATE), target_lufs=-8.0)
