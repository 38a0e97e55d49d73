"""Checks 4 and 5 on real speech and a real database, with a layer that says what the test wants."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soxr

from gateway import soundindex
from gateway.db import Database, migrate, open_database
from gateway.errors import RateLimitedError
from gateway.releases import PublicEpisode
from gateway.verification.case import Case
from gateway.verification.clusters import ClusterThrottle
from gateway.verification.listening import Listener
from gateway.verification.opening import Opened
from gateway.verification.report import Agreement, Conclusion, Evidence, Outcome, conclude
from synth.audio import Samples
from synth.containers import sniff
from synth.decode import decode
from synth.placement import Placement
from synth.watermark import Detection, Passage, Payload, Presence
from tests.recoding import written
from tests.speech_samples import SAMPLE_RATE, reading
from tests.unit.gateway.test_soundindex import release


class KnowingMark:
    """A layer that finds the passages it was given, and remembers which episodes were likely."""

    name, version, epochs = "knowing", "1", ("epoch",)

    def __init__(self, *passages: Passage) -> None:
        self.passages = passages
        self.likely: list[str] = []
        self.jitters: list[bytes | None] = []

    def embed(self, samples: Samples, sample_rate: int, payload: Payload) -> Samples:
        return samples

    def detect(
        self,
        samples: Samples,
        sample_rate: int,
        candidates: Sequence[Payload],
        likely: Sequence[Payload] = (),
        *,
        jitter: bytes | None = None,
    ) -> Detection:
        self.likely = [one.episode_id for one in likely]
        self.jitters.append(jitter)
        if not self.passages:
            return Detection(self.name, Presence.NOT_DETECTED)
        main = self.passages[0]
        return Detection(
            self.name,
            Presence.DETECTED,
            episode_id=main.episode_id,
            passages=self.passages,
            false_match_bound=main.false_match_bound,
        )


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    path: Path = tmp_path_factory.mktemp("listening")
    url = f"sqlite:///{path / 'assay.db'}"
    migrate(url)
    opened = open_database(url)
    with opened.write() as session:
        for number, name in enumerate(("news", "story")):
            release(session, f"ep_{name}", 10 + number, name)
            soundindex.add(session, f"ep_{name}", entry_index=10 + number)
    yield opened
    opened.dispose()


def case_of(samples: Samples, sha256: str = "0" * 64) -> Case:
    data = written(samples, SAMPLE_RATE)
    container = sniff(data)
    assert container is not None
    return Case(sha256, container, Opened(decode(data, target_rate=16_000), "", None, ""))


def listener(database: Database, *marks: Any, clusters: ClusterThrottle | None = None) -> Listener:
    return Listener(database=database, marks=marks, jitter_key=bytes(32), told_bound=1e-8, clusters=clusters)


def examined(database: Database, samples: Samples, *marks: Any) -> Case:
    case = case_of(samples)
    one = listener(database, *marks)
    one.admit(case)
    one.check_marks(case)
    one.check_fingerprint(case)
    return case


def passage(name: str, start: float, end: float, episode_start: float = 0.0, tempo: float = 1.0) -> Passage:
    return Passage(f"ep_{name}", start, end, episode_start, episode_start + tempo * (end - start), tempo, tempo, 1e-30)


def concluded(case: Case) -> Conclusion:
    evidence = Evidence(
        marked=case.marks.marked,
        identified=case.identified,
        transplanted=case.placement is Placement.TRANSPLANTED,
        agreement=tuple(case.agreement.items()),
        similar=tuple(one.episode_id for one in case.similar),
        logged=True,
    )
    return conclude(evidence)


def seconds(name: str, start: float, end: float) -> Samples:
    return reading(name)[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)]


def test_copy_under_its_mark_is_recovered(database: Database) -> None:
    case = examined(database, reading("news"), KnowingMark(passage("news", 0.0, 25.0)))
    assert case.agreement == {"ep_news": Agreement.AGREES}
    assert (case.placement, concluded(case)) == (Placement.GENUINE, Conclusion.RECOVERED_COPY)
    (told,) = case.passages
    assert (told.start, told.end, told.episode_start) == (0.0, 25.0, 0.0)


@pytest.mark.parametrize("speed", [0.9, 1.1])
def test_copy_at_another_speed_is_recovered(database: Database, speed: float) -> None:
    faster = soxr.resample(reading("news"), SAMPLE_RATE, SAMPLE_RATE / speed)
    case = examined(database, faster, KnowingMark(passage("news", 2.0, 22.0, 2.0 * speed, speed)))
    assert concluded(case) is Conclusion.RECOVERED_COPY
    assert "10 %" in case.passages[0].speed


def test_mark_on_other_speech_is_transplanted(database: Database) -> None:
    case = examined(database, reading("story"), KnowingMark(passage("news", 0.0, 25.0)))
    assert case.agreement == {"ep_news": Agreement.DISAGREES}
    assert (case.placement, concluded(case)) == (Placement.TRANSPLANTED, Conclusion.TRANSPLANTED)


def test_one_transplanted_passage_outweighs_a_genuine_one(database: Database) -> None:
    samples = np.concatenate([seconds("news", 0, 15), seconds("story", 0, 15)])
    case = examined(database, samples, KnowingMark(passage("news", 0.0, 15.0), passage("news", 15.0, 30.0, 15.0)))
    assert [one.placement for one in case.passages] == [Placement.GENUINE, Placement.TRANSPLANTED]
    assert concluded(case) is Conclusion.TRANSPLANTED


def test_transplanted_passage_of_a_second_episode_outweighs_the_first(database: Database) -> None:
    samples = np.concatenate([seconds("news", 0, 15), seconds("news", 3, 18)])
    case = examined(database, samples, KnowingMark(passage("news", 0.0, 15.0), passage("story", 15.0, 30.0, 5.0)))
    assert case.identified == "ep_news"
    assert concluded(case) is Conclusion.TRANSPLANTED


def test_splice_of_two_episodes_names_both_and_is_altered(database: Database) -> None:
    samples = np.concatenate([seconds("news", 0, 15), seconds("story", 5, 20)])
    mark = KnowingMark(passage("news", 0.0, 15.0), passage("story", 15.0, 30.0, 5.0))
    case = examined(database, samples, mark)
    assert [(one.episode_id, one.placement) for one in case.passages] == [
        ("ep_news", Placement.GENUINE),
        ("ep_story", Placement.GENUINE),
    ]
    assert concluded(case) is Conclusion.ALTERED
    assert "2 released episodes" in case.checks[0].explanation


def test_other_speech_all_over_the_episode_makes_it_altered(database: Database) -> None:
    news, story = reading("news"), reading("story")
    length = min(len(news), len(story))
    mixed = (0.5 * news[:length] + 0.5 * story[:length] * np.float32(news.std() / story.std())).astype(np.float32)
    case = examined(database, mixed, KnowingMark(passage("news", 0.0, 25.0)))
    assert case.placement is Placement.INCONCLUSIVE
    assert concluded(case) in {Conclusion.ALTERED, Conclusion.MARKED_UNKNOWN}


def test_episode_whose_marks_are_gone_is_similar_content_and_no_more(database: Database) -> None:
    case = examined(database, seconds("story", 3, 23), KnowingMark())
    assert [one.episode_id for one in case.similar] == ["ep_story"]
    assert (case.placement, concluded(case)) == (Placement.NOT_FOUND, Conclusion.SIMILAR_CONTENT)
    assert case.checks[-1].outcome is Outcome.INCONCLUSIVE
    assert case.identified is None


def test_what_sounds_alike_is_searched_first(database: Database) -> None:
    mark = KnowingMark()
    examined(database, seconds("story", 3, 23), mark)
    assert mark.likely == ["ep_story"]


def test_speech_of_no_episode_is_like_none(database: Database) -> None:
    noise = np.random.default_rng(1).standard_normal(15 * SAMPLE_RATE).astype(np.float32) * 0.1
    case = examined(database, noise, KnowingMark())
    assert (case.similar, concluded(case)) == ((), Conclusion.UNKNOWN)
    assert case.checks[-1].outcome is Outcome.NOT_APPLICABLE


def test_marks_are_not_looked_for_in_less_than_ten_seconds(database: Database) -> None:
    mark = KnowingMark(passage("news", 0.0, 9.0))
    case = examined(database, seconds("news", 0, 9), mark)
    assert (mark.jitters, case.marks.marked) == ([], False)
    assert (case.checks[0].outcome, "10 seconds" in case.checks[0].explanation) == (Outcome.INCONCLUSIVE, True)


def test_same_sound_gets_the_same_jitter_at_every_level(database: Database) -> None:
    mark = KnowingMark()
    examined(database, seconds("news", 0, 12), mark)
    examined(database, seconds("news", 0, 12), mark)
    examined(database, seconds("news", 0.01, 12), mark)
    assert mark.jitters[0] == mark.jitters[1] != mark.jitters[2]


def test_variants_of_one_sound_run_dry_but_the_released_file_does_not(database: Database) -> None:
    clusters = ClusterThrottle(burst=2, interval=600.0, clock=lambda: 0.0)
    one = listener(database, KnowingMark(), clusters=clusters)
    for number in range(2):
        one.admit(case_of(seconds("news", 0.1 * number, 20), f"{number}"))
    with pytest.raises(RateLimitedError):
        one.admit(case_of(seconds("news", 0.3, 20), "2"))
    released = case_of(seconds("news", 0.3, 20), "2")
    released.exact = PublicEpisode("ep_news", "", "", "en", datetime(2026, 3, 1, tzinfo=UTC), 10, (), (), ())
    one.admit(released)
    assert released.samples is not None


@pytest.mark.parametrize("break_it", [lambda data: b"", lambda data: data[:-1]])
def test_fingerprint_that_cannot_be_read_is_an_error_and_supports_nothing(
    tmp_path: Path, break_it: Callable[[bytes], bytes]
) -> None:
    from gateway.submissions import EpisodeFingerprint

    url = f"sqlite:///{tmp_path / 'assay.db'}"
    migrate(url)
    database = open_database(url)
    with database.write() as session:
        release(session, "ep_news", 10, "news")
        row = session.get(EpisodeFingerprint, "ep_news")
        assert row is not None
        row.data = break_it(row.data)
    case = examined(database, reading("news"), KnowingMark(passage("news", 0.0, 25.0)))
    database.dispose()
    assert case.checks[-1].outcome is Outcome.ERROR
    assert (case.agreement, case.passages) == ({}, ())
    assert concluded(case) is Conclusion.MARKED_UNKNOWN
