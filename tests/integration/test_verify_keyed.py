"""The real keyed mark under the real verifier: copies, changed speed, splices, transplants, and keys that changed."""

from __future__ import annotations

import numpy as np
import pytest
import soxr

from gateway.verification.marks import MarkFindings, Search, find_marks
from synth.adapters.keyed import KeyedMark
from synth.audio import Samples
from synth.fingerprint import Fingerprint, fingerprint
from synth.placement import Placement, place
from synth.watermark import Payload, Registry
from tests.speech_samples import SAMPLE_RATE, reading

KEY = bytes(range(32))
OTHER_KEY = bytes(reversed(range(32)))
EPISODE = "ep_news"
CROWD = [f"ep_{number}" for number in range(1_000)]


@pytest.fixture(scope="module")
def mark() -> KeyedMark:
    return KeyedMark(key=KEY)


@pytest.fixture(scope="module")
def published(mark: KeyedMark) -> Samples:
    return mark.embed(reading("news"), SAMPLE_RATE, Payload(EPISODE))


@pytest.fixture(scope="module")
def stored(published: Samples) -> Fingerprint:
    return fingerprint(published, SAMPLE_RATE)


def search(likely: tuple[str, ...] = ()) -> Search:
    return Search(Registry([*CROWD, EPISODE], longest=120.0), tuple(map(Payload, likely)), told_bound=1e-8)


def found(mark: KeyedMark, samples: Samples) -> MarkFindings:
    return find_marks(samples, SAMPLE_RATE, [mark], search())


@pytest.mark.parametrize("speed", [0.9, 1.0, 1.1])
def test_copy_at_another_speed_is_genuine_and_says_where(
    mark: KeyedMark, published: Samples, stored: Fingerprint, speed: float
) -> None:
    copy = soxr.resample(published[4 * SAMPLE_RATE :], SAMPLE_RATE, SAMPLE_RATE / speed)
    findings = found(mark, copy)
    assert findings.identified == EPISODE
    assert findings.passages
    for passage in findings.passages:
        assert passage.tempo == pytest.approx(speed, abs=0.015)
        assert passage.episode_start - passage.start * passage.tempo == pytest.approx(4.0, abs=1.0)
        assert place(copy, SAMPLE_RATE, passage, stored) is Placement.GENUINE


def test_mark_on_other_speech_is_transplanted(mark: KeyedMark, stored: Fingerprint) -> None:
    forged = mark.embed(reading("story"), SAMPLE_RATE, Payload(EPISODE))
    findings = found(mark, forged)
    assert findings.identified == EPISODE, "the forgery must carry the mark, or this test tests nothing"
    assert {place(forged, SAMPLE_RATE, one, stored) for one in findings.passages} == {Placement.TRANSPLANTED}


@pytest.mark.parametrize("times", [1, 3])
def test_added_signal_of_a_mark_is_not_read_on_other_speech(mark: KeyedMark, published: Samples, times: int) -> None:
    length = min(len(reading("story")), len(published))
    forged = reading("story")[:length] + times * (published - reading("news"))[:length]
    assert found(mark, forged.astype(np.float32)).identified is None


@pytest.mark.parametrize("decibels", [0, 20])
def test_other_speech_over_the_episode_is_never_genuine(
    mark: KeyedMark, published: Samples, stored: Fingerprint, decibels: int
) -> None:
    story = reading("story")
    length = min(len(story), len(published))
    louder = np.float32(10 ** (decibels / 20) * published.std() / story.std())
    mixed = story[:length] * louder + published[:length]
    for passage in found(mark, mixed).passages:
        assert place(mixed, SAMPLE_RATE, passage, stored) is not Placement.GENUINE


def test_splice_of_two_episodes_is_mapped(mark: KeyedMark, published: Samples) -> None:
    other = mark.embed(reading("story"), SAMPLE_RATE, Payload("ep_7"))
    spliced = np.concatenate([published[: 15 * SAMPLE_RATE], other[5 * SAMPLE_RATE : 20 * SAMPLE_RATE]])
    findings = found(mark, spliced)
    assert [passage.episode_id for passage in findings.passages] == [EPISODE, "ep_7"]
    assert findings.passages[1].episode_start == pytest.approx(5.0 + findings.passages[1].start - 15.0, abs=0.5)


@pytest.mark.parametrize("seed", [b"a", b"b", b"c"])
def test_jitter_moves_no_place_and_loses_no_mark(
    mark: KeyedMark, published: Samples, stored: Fingerprint, seed: bytes
) -> None:
    copy = published[4 * SAMPLE_RATE :]
    jittered = Search(Registry([*CROWD, EPISODE], longest=120.0), jitter=seed, told_bound=1e-8)
    findings = find_marks(copy, SAMPLE_RATE, [mark], jittered)
    assert findings.identified == EPISODE
    (passage,) = findings.passages
    assert passage.episode_start - passage.start == pytest.approx(4.0, abs=0.3)
    assert place(copy, SAMPLE_RATE, passage, stored) is Placement.GENUINE


def test_mark_of_a_retired_key_is_still_read(published: Samples) -> None:
    rotated = KeyedMark(key=OTHER_KEY, older=(KEY,))
    assert found(rotated, published).identified == EPISODE
    assert found(KeyedMark(key=OTHER_KEY), published).identified is None
