"""Verifications are counted, told in bundles, and not lost while the database is away."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import DatabaseUnavailableError
from gateway.verification.tally import LONGEST, MOST_COUNTED, Tally
from tests.gateway_chain import Chain, build_chain


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    chain = build_chain(tmp_path)
    yield chain
    chain.database.dispose()


@pytest.fixture
def tally(chain: Chain) -> Tally:
    return Tally(database=chain.database, log=chain.tools.log, clock=chain.clock)


def told(chain: Chain) -> list[dict[str, Any]]:
    with chain.database.read() as session:
        return [dict(one.event.facts) for one in chain.tools.log.events_for(session, "verification")]


def test_a_hundred_checks_make_one_event(chain: Chain, tally: Tally) -> None:
    for number in range(MOST_COUNTED - 1):
        tally.count("genuine" if number % 2 else "unknown")
    assert told(chain) == []
    tally.count("refused")
    (facts,) = told(chain)
    assert facts["counts"] == {"genuine": 49, "unknown": 50, "refused": 1}
    tally.tell()
    assert len(told(chain)) == 1  # nothing new, nothing told


def test_few_checks_are_told_when_time_has_passed(chain: Chain, tally: Tally) -> None:
    tally.count("genuine")
    tally.tell_if_due()
    assert told(chain) == []
    chain.clock.now += LONGEST
    tally.tell_if_due()
    assert told(chain)[0]["counts"] == {"genuine": 1}
    tally.count("genuine")
    chain.clock.now += LONGEST + timedelta(seconds=1)
    tally.count("altered")  # a gateway without a worker tells by itself
    assert told(chain)[1]["counts"] == {"genuine": 1, "altered": 1}
    assert told(chain)[1]["since"] < told(chain)[1]["until"]


def test_what_could_not_be_told_is_counted_on(chain: Chain, tally: Tally, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any) -> None:
        raise DatabaseUnavailableError("away")

    tally.count("genuine")
    with monkeypatch.context() as patch:
        patch.setattr(type(chain.tools.log), "append", away)
        tally.tell()
    tally.count("genuine")
    tally.tell()
    assert [facts["counts"] for facts in told(chain)] == [{"genuine": 2}]


def test_counts_of_several_threads_add_up(chain: Chain, tally: Tally) -> None:
    def work() -> None:
        for _ in range(75):
            tally.count("unknown")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tally.tell()
    assert sum(facts["counts"]["unknown"] for facts in told(chain)) == 300
