"""The index of released sound: filled by the release itself, and asked without any mark."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import soxr
from sqlmodel import Session, func, select

from gateway import soundindex
from gateway.db import Database, migrate, open_database
from gateway.errors import ReleaseRefusedError
from gateway.soundindex import MOST_POSTINGS, SoundKey
from gateway.submissions import EpisodeFingerprint, EpisodeRelease, State, Submission
from gateway.verification.recall import find_similar, recall
from gateway.verification.registry import ReleasedEpisodes
from synth.fingerprint import Fingerprint, fingerprint
from synth.landmarks import stored_keys
from tests.gateway_chain import build_chain
from tests.speech_samples import SAMPLE_RATE, reading

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path / 'assay.db'}" if sqlite else str(request.getfixturevalue("postgres_url"))
    migrate(url)
    opened = open_database(url)
    yield opened
    opened.dispose()


def release(session: Session, episode_id: str, entry_index: int, name: str | None) -> None:
    session.add(
        Submission(
            id=episode_id,
            state=State.RELEASED.value,
            submitter="s",
            request_digest="",
            title="T",
            show="S",
            language="en",
            script="",
            script_digest="",
            received_at=AT,
            changed_at=AT,
        )
    )
    session.flush()
    if name is not None:
        data = fingerprint(reading(name), SAMPLE_RATE).to_bytes()
        session.add(EpisodeFingerprint(episode_id=episode_id, version="2", data=data))
    session.add(EpisodeRelease(episode_id=episode_id, released_at=AT, entry_index=entry_index))
    session.flush()


@pytest.fixture
def filled(database: Database) -> Database:
    with database.write() as session:
        for number, name in enumerate(("news", "story")):
            release(session, f"ep_{name}", 10 + number, name)
            soundindex.add(session, f"ep_{name}", entry_index=10 + number)
    return database


@pytest.mark.parametrize("name", ["news", "story"])
def test_excerpt_leads_to_the_episode_by_its_id(filled: Database, name: str) -> None:
    excerpt = reading(name)[5 * SAMPLE_RATE : 23 * SAMPLE_RATE]
    (first, *_) = recall(filled, excerpt, SAMPLE_RATE)
    assert first.episode_id == f"ep_{name}"
    assert first.lead.episode_start == pytest.approx(5.0, abs=0.3)


@pytest.mark.parametrize("speed", [0.9, 1.0, 1.1])
def test_similar_content_is_named_with_its_place(filled: Database, speed: float) -> None:
    excerpt = soxr.resample(reading("story")[5 * SAMPLE_RATE : 25 * SAMPLE_RATE], SAMPLE_RATE, SAMPLE_RATE / speed)
    leads = recall(filled, excerpt, SAMPLE_RATE)
    (one,) = find_similar(filled, excerpt, SAMPLE_RATE, leads)
    assert (one.episode_id, one.episode_start) == ("ep_story", 5.0)
    assert one.speed == {0.9: "about 10 % slower", 1.0: "as published", 1.1: "about 10 % faster"}[speed]


def test_lead_that_does_not_sound_alike_is_not_similar(filled: Database) -> None:
    news = reading("news")[5 * SAMPLE_RATE : 23 * SAMPLE_RATE]
    leads = recall(filled, news, SAMPLE_RATE)
    assert find_similar(filled, news, SAMPLE_RATE, leads)
    assert find_similar(filled, reading("story")[: len(news)], SAMPLE_RATE, leads) == ()


def test_unreleased_episode_leads_nowhere(database: Database) -> None:
    assert recall(database, reading("news"), SAMPLE_RATE) == []


def test_key_that_every_episode_has_is_not_added_again(database: Database) -> None:
    _, keys = stored_keys(fingerprint(reading("news"), SAMPLE_RATE))
    common = set(keys.tolist()[:3])
    with database.write() as session:
        session.add_all(
            SoundKey(key=key, entry_index=1_000 + number, word=7) for key in common for number in range(MOST_POSTINGS)
        )
        session.flush()
        release(session, "ep_news", 10, "news")
        soundindex.add(session, "ep_news", entry_index=10)
        added = set(session.exec(select(SoundKey.key).where(SoundKey.entry_index == 10)))
    assert added == set(keys.tolist()) - common
    (first, *_) = recall(database, reading("news"), SAMPLE_RATE)
    assert first.episode_id == "ep_news"


def test_episode_without_a_fingerprint_is_not_indexed(database: Database) -> None:
    with database.write() as session:
        release(session, "ep_bare", 1, None)
        with pytest.raises(ReleaseRefusedError, match="no fingerprint"):
            soundindex.add(session, "ep_bare", entry_index=1)


def test_release_fills_the_index_in_its_own_transaction(tmp_path: Path) -> None:
    chain = build_chain(tmp_path)
    episode_id = chain.submit()
    assert chain.run(episode_id) == State.RELEASED
    with chain.database.read() as session:
        row = session.get(EpisodeRelease, episode_id)
        stored = session.get(EpisodeFingerprint, episode_id)
        assert row is not None
        assert stored is not None
        count = session.exec(
            select(func.count()).select_from(SoundKey).where(SoundKey.entry_index == row.entry_index)
        ).one()
    assert count == len(stored_keys(Fingerprint.from_bytes(stored.data))[1])


def test_registry_is_kept_until_something_is_released(filled: Database) -> None:
    episodes = ReleasedEpisodes(filled)
    first = episodes.current()
    assert [one.episode_id for one in first] == ["ep_news", "ep_story"]
    assert episodes.current() is first
    with filled.write() as session:
        release(session, "ep_new", 12, "news")
    second = episodes.current()
    assert [one.episode_id for one in second] == ["ep_news", "ep_story", "ep_new"]
    assert np.array_equal(second.codes[:2], first.codes)


def test_registry_is_read_again_when_a_release_went_missing(filled: Database) -> None:
    episodes = ReleasedEpisodes(filled)
    episodes.current()
    with filled.write() as session:
        session.delete(session.get(EpisodeRelease, "ep_news"))
        release(session, "ep_new", 12, "news")
    assert [one.episode_id for one in episodes.current()] == ["ep_story", "ep_new"]


def test_registry_of_nothing_is_empty(database: Database) -> None:
    assert len(ReleasedEpisodes(database).current()) == 0
