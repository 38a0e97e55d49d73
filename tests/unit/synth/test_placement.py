"""Whether the sound under a mark is the episode's: damaged copies never count as foreign, foreign sound does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import soxr
from scipy import signal

from synth.audio import Samples
from synth.fingerprint import Fingerprint, fingerprint
from synth.placement import FOREIGN_SECONDS, Placement, measure_likeness, place, settle
from synth.watermark import Passage
from tests.speech_samples import SAMPLE_RATE, reading, recoded

WHOLE = Passage("ep", 0.0, 25.0, 0.0, 25.0, 1.0, 1.0, 1e-12)


@pytest.fixture(scope="module")
def news() -> Fingerprint:
    return fingerprint(reading("news"), SAMPLE_RATE)


def over(foreign: Samples, episode: Samples, decibels: float) -> Samples:
    """Return `foreign` mixed over `episode`, louder by `decibels`."""
    length = min(len(foreign), len(episode))
    gain = np.float32(10 ** (decibels / 20) * episode.std() / foreign.std())
    return foreign[:length] * gain + episode[:length]


def noisy(samples: Samples, snr: float) -> Samples:
    noise = np.random.default_rng(3).standard_normal(len(samples)).astype(np.float32)
    return samples + noise * np.float32(samples.std() / 10 ** (snr / 20))


def reverberant(samples: Samples) -> Samples:
    times = np.arange(round(0.4 * SAMPLE_RATE)) / SAMPLE_RATE
    response = np.random.default_rng(5).standard_normal(len(times)) * 10 ** (-3 * times / 0.4)
    return signal.fftconvolve(samples, response)[: len(samples)].astype(np.float32)


def filtered(samples: Samples, hertz: float, kind: str) -> Samples:
    return signal.sosfilt(signal.butter(6, hertz, kind, fs=SAMPLE_RATE, output="sos"), samples).astype(np.float32)


@pytest.mark.parametrize(
    "damage",
    [
        lambda samples: samples,
        lambda samples: recoded(samples, SAMPLE_RATE, codec="libmp3lame", bit_rate=16_000),
        lambda samples: noisy(samples, 10),
        lambda samples: noisy(samples, 5),
        reverberant,
        lambda samples: filtered(samples, 2_000, "low"),
        lambda samples: filtered(samples, 1_500, "high"),
        lambda samples: -samples,
    ],
    ids=["as published", "MP3 16k", "noise 10 dB", "noise 5 dB", "reverb", "low-pass", "high-pass", "polarity"],
)
def test_damaged_copy_is_in_its_place(news: Fingerprint, damage: Callable[[Samples], Samples]) -> None:
    assert place(damage(reading("news")), SAMPLE_RATE, WHOLE, news) is Placement.GENUINE


@pytest.mark.parametrize("speed", [0.9, 0.95, 1.05, 1.1])
@pytest.mark.parametrize("error", [0.99, 1.0, 1.01])
def test_change_of_speed_is_undone_also_when_it_is_known_to_a_per_cent(
    news: Fingerprint, speed: float, error: float
) -> None:
    samples = soxr.resample(reading("news"), SAMPLE_RATE, SAMPLE_RATE / speed)
    passage = Passage("ep", 2.0, 20.0, 2.0 * speed, 20.0 * speed, speed * error, speed * error, 1e-12)
    assert place(samples, SAMPLE_RATE, passage, news) is Placement.GENUINE


@pytest.mark.parametrize("begin", [0.0, 3.37, 9.99])
@pytest.mark.parametrize("off", [-0.4, 0.0, 0.6])
def test_excerpt_is_compared_with_the_place_that_the_mark_names(news: Fingerprint, begin: float, off: float) -> None:
    excerpt = reading("news")[round(begin * SAMPLE_RATE) : round((begin + 12) * SAMPLE_RATE)]
    passage = replace(WHOLE, end=12.0, episode_start=begin + off, episode_end=begin + 12 + off)
    assert place(excerpt, SAMPLE_RATE, passage, news) is Placement.GENUINE


def test_right_sound_at_another_place_of_the_episode_is_foreign_there(news: Fingerprint) -> None:
    excerpt = reading("news")[: 12 * SAMPLE_RATE]
    passage = replace(WHOLE, end=12.0, episode_start=14.0, episode_end=26.0)
    assert place(excerpt, SAMPLE_RATE, passage, news) is Placement.TRANSPLANTED


def test_other_speech_under_the_mark_is_transplanted(news: Fingerprint) -> None:
    assert place(reading("story"), SAMPLE_RATE, WHOLE, news) is Placement.TRANSPLANTED
    story = recoded(reading("story"), SAMPLE_RATE, codec="libmp3lame", bit_rate=32_000)
    assert place(story, SAMPLE_RATE, WHOLE, news) is Placement.TRANSPLANTED


def test_marked_episode_far_under_other_speech_is_transplanted(news: Fingerprint) -> None:
    assert place(over(reading("story"), reading("news"), 20), SAMPLE_RATE, WHOLE, news) is Placement.TRANSPLANTED


@pytest.mark.parametrize("decibels", [-5.0, 0.0, 5.0])
def test_other_speech_of_about_the_same_level_is_never_called_transplanted(news: Fingerprint, decibels: float) -> None:
    mixed = over(reading("story"), reading("news"), decibels)
    assert place(mixed, SAMPLE_RATE, WHOLE, news) in {Placement.GENUINE, Placement.INCONCLUSIVE}


def test_foreign_sound_that_is_too_short_accuses_nobody(news: Fingerprint) -> None:
    passage = replace(WHOLE, end=FOREIGN_SECONDS - 2, episode_end=FOREIGN_SECONDS - 2)
    assert place(reading("story"), SAMPLE_RATE, passage, news) is Placement.INCONCLUSIVE


def test_noise_that_drowns_everything_is_not_called_genuine(news: Fingerprint) -> None:
    assert place(noisy(reading("news"), -20), SAMPLE_RATE, WHOLE, news) is not Placement.GENUINE


@pytest.mark.parametrize("seconds", [0.0, 0.5, 30.0])
def test_silence_is_inconclusive(news: Fingerprint, seconds: float) -> None:
    silence = np.zeros(round(seconds * SAMPLE_RATE), np.float32)
    assert place(silence, SAMPLE_RATE, WHOLE, news) is Placement.INCONCLUSIVE
    assert measure_likeness(silence, SAMPLE_RATE, WHOLE, news).seconds == 0.0


@pytest.mark.parametrize(
    "passage",
    [
        replace(WHOLE, start=40.0, end=60.0),
        replace(WHOLE, episode_start=500.0, episode_end=525.0),
        replace(WHOLE, episode_start=-40.0, episode_end=-15.0),
        replace(WHOLE, start=10.0, end=10.0),
    ],
    ids=["beyond the sound", "beyond the episode", "before the episode", "empty"],
)
def test_passage_with_nothing_to_compare_is_inconclusive(news: Fingerprint, passage: Passage) -> None:
    assert place(reading("news"), SAMPLE_RATE, passage, news) is Placement.INCONCLUSIVE


@pytest.mark.parametrize("told", [0.96, 1.0, 1.04])
def test_pace_that_a_mark_tells_roughly_is_set_right_by_the_sound(news: Fingerprint, told: float) -> None:
    middle = 12.0
    passage = Passage("ep", 2.0, 22.0, middle - 10 * told, middle + 10 * told, 1.0, told, 1e-12)
    settled, placement = settle(reading("news"), SAMPLE_RATE, passage, news)
    assert (settled.tempo, placement) == (1.0, Placement.GENUINE)
    assert (settled.episode_start, settled.episode_end) == (pytest.approx(2.0), pytest.approx(22.0))


def test_pace_of_foreign_sound_cannot_be_set_right(news: Fingerprint) -> None:
    passage = replace(WHOLE, tempo=1.04, rate=1.06)
    assert settle(reading("story"), SAMPLE_RATE, passage, news)[1] is Placement.TRANSPLANTED
