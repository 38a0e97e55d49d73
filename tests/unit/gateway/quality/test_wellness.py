"""Wellness: exposure is counted once, breaks are suggested and put off, and milder cases come after the limit."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.quality.wellness import BREAK, Wellness, _covered
from gateway.submissions import EpisodeHearing, ReviewCase
from tests.gateway_chain import OTHER_REVIEWER, REVIEWER, Chain, build_chain


@pytest.fixture(params=["sqlite", "postgres"])
def chain(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Chain]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else ""
    chain = build_chain(tmp_path, database_url=url, break_minutes=30, severe_per_day=2)
    yield chain
    chain.database.dispose()


@pytest.fixture
def wellness(chain: Chain) -> Wellness:
    return Wellness(database=chain.database, clock=chain.clock, settings=chain.tools.settings)


def test_taking_a_case_counts_what_it_shows(chain: Chain, wellness: Wellness) -> None:
    episode_id = chain.submit("please mumble please review")
    chain.run(episode_id)
    with chain.database.write() as session:
        hearing = session.get_one(EpisodeHearing, episode_id)
        found = {**hearing.decision["findings"][0], "time_start": 2.0, "time_end": 5.5}  # type: ignore[index]
        hearing.decision = {**hearing.decision, "findings": [found, {**found, "time_start": 4.0, "time_end": 6.0}]}
    signed_in_at = chain.clock()
    chain.desk.claim(episode_id, reviewer=REVIEWER)
    chain.desk.claim(episode_id, reviewer=REVIEWER)  # prolonging shows nothing new
    seen = wellness.condition(REVIEWER).today
    assert (seen.cases, seen.findings, seen.seconds) == (1, 3, 4.0)
    assert wellness.condition(REVIEWER, signed_in_at=signed_in_at).session == seen
    assert wellness.condition(REVIEWER, signed_in_at=chain.clock()).session.cases == 0
    assert wellness.condition(OTHER_REVIEWER).today.cases == 0
    chain.clock.now += timedelta(days=1)
    assert wellness.condition(REVIEWER).today.cases == 0


def test_break_is_suggested_put_off_and_ends_the_count(chain: Chain, wellness: Wellness) -> None:
    for _ in range(7):
        wellness.touch(REVIEWER)
        chain.clock.now += timedelta(minutes=5)
    found = wellness.condition(REVIEWER)
    assert (found.minutes, found.break_due) == (35, True)
    wellness.snooze(REVIEWER)
    assert not wellness.condition(REVIEWER).break_due
    for _ in range(2):
        wellness.touch(REVIEWER)
        chain.clock.now += timedelta(minutes=6)
    assert wellness.condition(REVIEWER).break_due
    chain.clock.now += BREAK
    wellness.touch(REVIEWER)
    found = wellness.condition(REVIEWER)
    assert (found.minutes, found.break_due) == (0, False)


def test_who_has_not_begun_needs_no_break(wellness: Wellness) -> None:
    found = wellness.condition("somebody")
    assert (found.minutes, found.break_due, found.limited) == (0, False, False)


def test_limit_of_severe_cases_holds_for_the_day_and_can_be_lifted(chain: Chain, wellness: Wellness) -> None:
    for _ in range(2):
        assert not wellness.condition(REVIEWER).limited
        _severe(chain)
    assert wellness.condition(REVIEWER).limited
    wellness.lift_limit(REVIEWER)
    assert not wellness.condition(REVIEWER).limited
    wellness.touch(REVIEWER)
    chain.clock.now += timedelta(hours=1)
    wellness.touch(REVIEWER)
    assert not wellness.condition(REVIEWER).limited
    chain.clock.now += timedelta(days=1)
    for _ in range(2):
        _severe(chain)
    assert wellness.condition(REVIEWER).limited


def _severe(chain: Chain) -> None:
    episode_id = chain.submit("please review")
    chain.run(episode_id)
    with chain.database.write() as session:
        session.get_one(ReviewCase, episode_id).calm = 10
    chain.desk.claim(episode_id, reviewer=REVIEWER)


def test_overlapping_seconds_count_once() -> None:
    assert _covered([]) == 0
    assert _covered([(4, 6), (2, 5.5), (5, 5.2), (10, 11)]) == 5
