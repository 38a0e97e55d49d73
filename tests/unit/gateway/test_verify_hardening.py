"""The public verifier as an oracle: one level, one answer per content, few questions about one sound, few words."""

from __future__ import annotations

import numpy as np
import pytest

from gateway.errors import RateLimitedError
from gateway.verification.clusters import BUCKETS, ClusterThrottle, sketch
from gateway.verification.hardening import CANONICAL_RMS, canonicalise, jitter_seed
from gateway.verification.marks import Confidence
from gateway.verification.passages import BLOCK_SECONDS, describe_pitch, describe_speed, report_passage
from synth.audio import Samples
from synth.fingerprint import Fingerprint, fingerprint
from synth.placement import Placement
from synth.watermark import Passage
from tests.speech_samples import SAMPLE_RATE, reading, recoded

KEY = bytes(32)


def heard(samples: Samples) -> Fingerprint:
    return fingerprint(samples, SAMPLE_RATE)


def varied(samples: Samples, seed: int) -> Samples:
    noise = np.random.default_rng(seed).standard_normal(len(samples)).astype(np.float32)
    return samples + np.float32(0.01 * samples.std()) * noise


@pytest.mark.parametrize("gain", [0.01, 0.3, 1.0, 5.0])
def test_every_level_is_brought_to_one(gain: float) -> None:
    canonical = canonicalise(reading("news") * np.float32(gain))
    sounding = canonical[np.abs(canonical) > 1e-3]
    assert np.sqrt(np.mean(sounding**2)) == pytest.approx(CANONICAL_RMS, rel=0.1)
    assert canonical.dtype == np.float32


@pytest.mark.parametrize("level", [0.0, 1e-5])
def test_silence_is_not_made_loud(level: float) -> None:
    silence = np.full(1_000, level, np.float32)
    assert np.array_equal(canonicalise(silence), silence)


def test_softest_sound_is_raised_by_a_bounded_gain() -> None:
    spike = np.zeros(10_000, np.float32)
    spike[::100] = 0.0011
    assert canonicalise(spike).max() == pytest.approx(0.11, rel=0.01)


def test_seed_repeats_for_the_same_content_and_moves_with_any_other() -> None:
    samples = canonicalise(reading("news"))
    assert jitter_seed(KEY, samples) == jitter_seed(KEY, samples.copy())
    assert jitter_seed(KEY, samples) != jitter_seed(KEY, varied(samples, 1))
    assert jitter_seed(KEY, samples) != jitter_seed(b"\1" * 32, samples)
    assert len(jitter_seed(KEY, samples)) == 32


def test_seed_does_not_hang_on_the_last_bits_of_a_decoder() -> None:
    samples = canonicalise(reading("news"))
    steps = np.float32(2.0**-10) * np.rint(samples * 2**10)  # in the middle of every step
    assert jitter_seed(KEY, steps) == jitter_seed(KEY, steps + np.float32(1e-6))


class Seconds:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_variants_of_one_sound_share_their_buckets_and_other_speech_has_its_own() -> None:
    news = sketch(heard(reading("news")))
    for variant in (
        varied(reading("news"), 1),
        recoded(reading("news"), SAMPLE_RATE, codec="libmp3lame", bit_rate=64_000),
        reading("news") * np.float32(0.3),
    ):
        assert sum(a == b for a, b in zip(news, sketch(heard(variant)), strict=True)) >= BUCKETS // 2
    assert sum(a == b for a, b in zip(news, sketch(heard(reading("story"))), strict=True)) == 0


def test_search_for_a_variant_runs_dry_and_other_sounds_do_not_suffer() -> None:
    seconds = Seconds()
    throttle = ClusterThrottle(burst=5, interval=600.0, clock=seconds)
    with pytest.raises(RateLimitedError, match="sound like this") as caught:
        for number in range(40):
            throttle.admit(heard(varied(reading("news"), number)), f"{number:064x}")
    assert 5 <= number <= 12  # some variants fall into other buckets; all of them together run dry
    throttle.admit(heard(reading("story")), "s" * 64)
    wait = caught.value.extensions["retry_after"]
    assert isinstance(wait, int)
    assert 1 <= wait <= 601
    seconds.now += wait
    throttle.admit(heard(varied(reading("news"), number)), "later")


def test_same_file_again_costs_nothing() -> None:
    throttle = ClusterThrottle(burst=1, interval=600.0, clock=Seconds())
    for _ in range(10):
        throttle.admit(heard(reading("news")), "a" * 64)
    with pytest.raises(RateLimitedError):
        throttle.admit(heard(reading("news")), "b" * 64)


def test_sounds_that_cannot_be_told_apart_count_as_one() -> None:
    hum = np.sin(np.arange(12 * SAMPLE_RATE) / 20).astype(np.float32)
    assert sketch(heard(hum)) == sketch(heard(np.zeros(0, np.float32))) == (0,) * BUCKETS


@pytest.mark.parametrize(
    ("tempo", "words"),
    [
        (1.0, "as published"),
        (1.012, "as published"),
        (1.1, "about 10 % faster"),
        (0.9, "about 10 % slower"),
        (1.0237, "about 2 % faster"),
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
        (1.02, "about 0.5 semitone higher"),
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
