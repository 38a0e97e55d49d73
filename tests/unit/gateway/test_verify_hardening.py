"""The public verifier as an oracle: one level, one answer per content, few questions about one sound, few words."""

from __future__ import annotations

import numpy as np
import pytest

from gateway.errors import RateLimitedError
from gateway.verification.clusters import Clusters, ClusterThrottle
from gateway.verification.hardening import CANONICAL_RMS, canonicalise, jitter_seed
from gateway.verification.marks import Confidence
from gateway.verification.passages import BLOCK_SECONDS, describe_pitch, describe_speed, report_passage
from synth.audio import Samples
from synth.landmarks import Question, plain_questions
from synth.placement import Placement
from synth.watermark import Passage
from tests.speech_samples import SAMPLE_RATE, reading, recoded

KEY = bytes(32)


def asked(samples: Samples) -> list[Question]:
    return plain_questions(samples, SAMPLE_RATE)


def varied(samples: Samples, seed: int) -> Samples:
    noise = np.random.default_rng(seed).standard_normal(len(samples)).astype(np.float32)
    return samples + np.float32(0.01 * samples.std()) * noise


@pytest.mark.parametrize("gain", [0.05, 0.3, 1.0, 5.0])
def test_every_level_is_brought_to_one(gain: float) -> None:
    canonical = canonicalise(reading("news") * np.float32(gain))
    sounding = canonical[np.abs(canonical) > 0.02 * np.quantile(np.abs(canonical), 0.999)]
    assert np.sqrt(np.mean(sounding**2)) == pytest.approx(CANONICAL_RMS, rel=0.001)
    assert canonical.dtype == np.float32


@pytest.mark.parametrize("level", [0.0, 1e-5])
def test_silence_is_not_made_loud(level: float) -> None:
    silence = np.full(1_000, level, np.float32)
    assert np.array_equal(canonicalise(silence), silence)


def test_softest_sound_is_raised_by_a_bounded_gain() -> None:
    hiss = np.random.default_rng(1).uniform(-2e-4, 2e-4, 10_000).astype(np.float32)
    loudest = hiss.max()
    assert canonicalise(hiss).max() == pytest.approx(100 * loudest)


def test_samples_that_may_not_be_changed_are_copied() -> None:
    frozen = reading("news")
    assert not frozen.flags.writeable
    assert canonicalise(frozen) is not frozen


def test_long_sound_is_brought_to_its_level_in_place() -> None:
    samples = np.tile(reading("news"), 4)
    assert canonicalise(samples) is samples
    assert np.allclose(samples[: len(reading("news"))], canonicalise(reading("news")), rtol=0.02)


def test_one_click_does_not_decide_the_level() -> None:
    clicked = reading("news").copy()
    clicked[1_000] = 1.0
    assert np.abs(canonicalise(clicked) / canonicalise(reading("news").copy()) - 1)[5_000:6_000].max() < 0.02


def test_seed_repeats_for_the_same_content_and_moves_with_any_other() -> None:
    samples = canonicalise(reading("news").copy())
    assert jitter_seed(KEY, samples) == jitter_seed(KEY, samples.copy())
    assert jitter_seed(KEY, samples) != jitter_seed(KEY, varied(samples, 1))
    assert jitter_seed(KEY, samples) != jitter_seed(b"\1" * 32, samples)
    assert len(jitter_seed(KEY, samples)) == 32


def test_seed_does_not_hang_on_the_last_bits_of_a_decoder() -> None:
    samples = canonicalise(reading("news").copy())
    steps = np.float32(2.0**-10) * np.rint(samples * 2**10)  # in the middle of every step
    assert jitter_seed(KEY, steps) == jitter_seed(KEY, steps + np.float32(1e-6))


class Seconds:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def variants() -> list[Samples]:
    news = reading("news")
    return [
        varied(news, 1),
        recoded(news, SAMPLE_RATE, codec="libmp3lame", bit_rate=32_000),
        news * np.float32(0.3),
        news[3 * SAMPLE_RATE + 77 :],
        news + np.float32(0.2 * news.std()) * np.random.default_rng(2).standard_normal(len(news)).astype(np.float32),
    ]


def test_variants_of_one_sound_are_one_cluster_and_other_speech_is_another() -> None:
    clusters = Clusters()
    news = clusters.of(asked(reading("news")))
    story = clusters.of(asked(reading("story")))
    assert news != story
    assert [clusters.of(asked(variant)) for variant in variants()] == [news] * 5


def test_episodes_that_share_their_first_seconds_are_not_one_cluster() -> None:
    disclosure = reading("news")[: 5 * SAMPLE_RATE]
    clusters = Clusters()
    first = clusters.of(asked(reading("news")[: 16 * SAMPLE_RATE]))
    assert clusters.of(asked(np.concatenate([disclosure, reading("story")[: 11 * SAMPLE_RATE]]))) != first


def test_search_for_a_variant_runs_dry_and_other_sounds_do_not_suffer() -> None:
    seconds = Seconds()
    throttle = ClusterThrottle(burst=5, interval=600.0, clock=seconds)
    for number in range(5):
        throttle.admit(asked(varied(reading("news"), number)), f"{number:064x}")
    with pytest.raises(RateLimitedError, match="sound like this") as caught:
        throttle.admit(asked(varied(reading("news"), 6)), "6")
    throttle.admit(asked(reading("story")), "story")
    wait = caught.value.extensions["retry_after"]
    assert isinstance(wait, int)
    assert 600 <= wait <= 601
    seconds.now += wait
    throttle.admit(asked(varied(reading("news"), 6)), "6")


def test_same_file_again_costs_nothing() -> None:
    throttle = ClusterThrottle(burst=1, interval=600.0, clock=Seconds())
    for _ in range(10):
        throttle.admit(asked(reading("news")), "a")
    with pytest.raises(RateLimitedError):
        throttle.admit(asked(reading("news")), "b")


def test_sounds_that_cannot_be_told_apart_count_as_one() -> None:
    clusters = Clusters()
    assert clusters.of(asked(np.zeros(20 * SAMPLE_RATE, np.float32))) == 0
    assert clusters.of([]) == 0


def test_memory_of_clusters_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.verification.clusters.MOST_CLUSTERS", 3)
    clusters = Clusters()
    words = np.arange(10, dtype=np.int64)
    numbers = [clusters.of([Question(0.0, 1.0, words, words + 100 * n, words + 100 * n)]) for n in range(10)]
    assert len(set(numbers)) == 10
    assert len(clusters._keys) == 3
    assert len(clusters._holders) == 30


@pytest.mark.parametrize(
    ("tempo", "words"),
    [
        (1.0, "as published"),
        (1.012, "as published"),
        (1.1, "about 10 % faster"),
        (0.9, "about 10 % slower"),
        (1.021, "as published"),
        (1.04, "about 4 % faster"),
    ],
)
def test_speed_is_a_round_word(tempo: float, words: str) -> None:
    assert describe_speed(tempo) == words


@pytest.mark.parametrize(
    ("rate", "words"),
    [
        (1.0, "as published"),
        (2 ** (1 / 12), "about 1 semitone higher"),
        (2 ** (-1 / 12), "about 1 semitone lower"),
        (1.1, "about 1.5 semitones higher"),
        (1.03, "about 0.5 semitone higher"),
    ],
)
def test_pitch_is_told_in_half_semitones(rate: float, words: str) -> None:
    assert describe_pitch(rate) == words


def test_places_are_no_finer_than_a_block_and_bounds_are_words() -> None:
    passage = Passage("ep", 0.93, 21.77, 100.1, 123.09, 1.1037, 1.1037, 3.2e-11)
    document = report_passage(passage, Placement.GENUINE).to_dict()
    for name in ("start", "end", "episode_start", "episode_end"):
        assert float(document[name]) % BLOCK_SECONDS == 0
    assert document["confidence"] == Confidence.PROBABLE.value
    assert {name for name, value in document.items() if isinstance(value, float)} == {
        "start",
        "end",
        "episode_start",
        "episode_end",
    }
