"""The queue: order, filters, counts, the next case, and that a long queue costs no more."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from gateway.auth import Role
from gateway.cases import show_key_of
from gateway.queue import PAGE, Filters, Order, Queue
from tests.gateway_chain import OTHER_REVIEWER, REVIEWER, SUBMITTER, Chain, build_chain

MANY = 100_000
MOST_SECONDS = 0.1  # for a page of the queue with its counts, on one core; asked of the median of several


@pytest.fixture(params=["sqlite", "postgres"])
def chain(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Chain]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else ""
    chain = build_chain(tmp_path, database_url=url)
    yield chain
    chain.database.dispose()


def queue_of(chain: Chain) -> Queue:
    return Queue(database=chain.database, desk=chain.desk, clock=chain.clock, monotonic=time.monotonic)


def fill(chain: Chain, many: int) -> None:
    """Store that many open cases beside each other, of five shows and three rules, a minute apart."""
    begin = chain.clock() - timedelta(minutes=many)
    ids = ["ep_" + f"{number:020d}" for number in range(many)]
    submissions = [
        {
            "id": one,
            "state": "awaiting_review" if number % 10 else "released",
            "version": 5,
            "submitter": SUBMITTER,
            "request_digest": "sha256:0",
            "title": f"Title {number}",
            "show": f"Show {number % 5}",
            "language": "en",
            "script": "x" * 2_000,
            "script_digest": "sha256:0",
            "received_at": begin + timedelta(minutes=number),
            "changed_at": begin + timedelta(minutes=number),
        }
        for number, one in enumerate(ids)
    ]
    cases = [
        {
            "episode_id": one,
            "requested_at": begin + timedelta(minutes=number),
            "open": bool(number % 10),
            "calm": number * 7 % 71,
            "due_at": begin + timedelta(minutes=number, hours=24),
            "screened": "review",
            "show_key": show_key_of(f"Show {number % 5}"),
            "senior": number % 97 == 0,
            "two_people": False,
            "verdict": None if number % 10 else "approve",
        }
        for number, one in enumerate(ids)
    ]
    rules = [{"rule": f"rule{number % 3}", "episode_id": one} for number, one in enumerate(ids) if number % 10]
    metadata = sa.MetaData()
    with chain.database.writer.begin() as connection:
        metadata.reflect(connection, only=["submission", "reviewcase", "reviewrule"])
        for name, rows in (("submission", submissions), ("reviewcase", cases), ("reviewrule", rules)):
            for start in range(0, len(rows), 20_000):
                connection.execute(metadata.tables[name].insert(), rows[start : start + 20_000])
    with chain.database.writer.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("ANALYZE" if chain.database.is_sqlite else "VACUUM ANALYZE"))


def test_orders_and_filters(chain: Chain) -> None:
    fill(chain, 300)
    queue = queue_of(chain)
    oldest, more = queue.page(Filters(order=Order.OLDEST))
    assert more is True
    assert [one.episode_id for one in oldest] == sorted(one.episode_id for one in oldest)
    riskiest, _ = queue.page(Filters())
    assert [one.risk for one in riskiest] == sorted((one.risk for one in riskiest), reverse=True)
    assert oldest[0].title == "Title 1"  # 0 is decided
    second, _ = queue.page(Filters(order=Order.OLDEST), number=2)
    assert {one.episode_id for one in second}.isdisjoint(one.episode_id for one in oldest)
    assert {one.show for one in queue.page(Filters(show="Show 3"))[0]} == {"Show 3"}
    by_rule, _ = queue.page(Filters(rule="rule1", order=Order.OLDEST))
    assert {int(one.episode_id[3:]) % 3 for one in by_rule} == {1}
    assert queue.page(Filters(rule="' or 1=1 --"))[0] == []
    assert queue.page(Filters(screened="block"))[0] == []
    old, _ = queue.page(Filters(min_age=timedelta(minutes=290), order=Order.OLDEST))
    assert 0 < len(old) <= 10
    chain.clock.now += timedelta(hours=20)
    assert 0 < len(queue.page(Filters(overdue=True, order=Order.OLDEST))[0]) <= PAGE


def test_counts_are_those_of_open_cases(chain: Chain) -> None:
    fill(chain, 300)
    counts = queue_of(chain).counts()
    assert counts.open == 270
    assert dict(counts.rules) == {"rule0": 90, "rule1": 90, "rule2": 90}
    assert sum(count for _, count in counts.shows) == 270
    assert counts.verdicts == (("review", 270),)
    assert counts.escalated == 3
    assert counts.second == 0


def test_next_case_skips_what_others_hold_and_what_one_may_not_decide(chain: Chain) -> None:
    ids = [chain.submit("please review", api_key_id=REVIEWER if number == 0 else SUBMITTER) for number in range(4)]
    for episode_id in ids:
        chain.run(episode_id)
    queue, oldest = queue_of(chain), Filters(order=Order.OLDEST)
    chain.desk.claim(ids[1], reviewer=OTHER_REVIEWER)
    chain.desk.escalate(ids[1], reviewer=OTHER_REVIEWER, reason="Hard.")
    chain.desk.claim(ids[2], reviewer=OTHER_REVIEWER)
    taken = queue.take_next(oldest, reviewer=REVIEWER, role=Role.REVIEWER)
    assert taken is not None
    assert taken.episode_id == ids[3]
    assert queue.take_next(oldest, reviewer=REVIEWER, role=Role.REVIEWER) is None
    senior = queue.take_next(oldest, reviewer="senior1", role=Role.SENIOR_REVIEWER)
    assert senior is not None
    assert senior.episode_id == ids[0]
    assert [one.episode_id for one in queue.mine(OTHER_REVIEWER)] == [ids[2]]


@pytest.mark.soak
def test_page_of_a_hundred_thousand_cases_is_quick(chain: Chain, capsys: pytest.CaptureFixture[str]) -> None:
    fill(chain, MANY)
    queue = queue_of(chain)
    begin = time.perf_counter()
    queue.counts()
    counted = time.perf_counter() - begin
    for filters in (Filters(), Filters(order=Order.OLDEST), Filters(show="Show 3"), Filters(rule="rule1")):
        times = []
        for _ in range(9):
            begin = time.perf_counter()
            found, _ = queue.page(filters)
            queue.counts()
            times.append(time.perf_counter() - begin)
        assert len(found) == PAGE
        with capsys.disabled():
            named = f"{filters.order} show={filters.show!r} rule={filters.rule!r}"
            sys.stdout.write(f"\n{chain.database.url.drivername} {named}: {sorted(times)[4] * 1000:.1f} ms")
        assert sorted(times)[4] < MOST_SECONDS
    with capsys.disabled():
        sys.stdout.write(f"\n{chain.database.url.drivername} first counts: {counted * 1000:.1f} ms\n")
    assert counted < 10 * MOST_SECONDS
