"""Figures: what counts where, medians and bins, rules, alpha over what was judged independently; on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import Session

from gateway.appealed import Appeal
from gateway.db import Database, migrate, open_database
from gateway.quality.figures import judgements_between, read_figures
from gateway.quality.rows import Judgement, SecondLook
from gateway.submissions import State, Submission

SINCE = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
UNTIL = SINCE + timedelta(days=9)


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    postgres = request.param == "postgres"
    url = request.getfixturevalue("postgres_url") if postgres else f"sqlite:///{tmp_path / 'assay.db'}"
    migrate(url)
    database = open_database(url)
    with database.write() as session:
        session.add(
            Submission(
                id="ep_1",
                state=State.REJECTED.value,
                submitter="key",
                request_digest="sha256:0",
                title="t",
                show="s",
                language="en",
                script="",
                script_digest="sha256:0",
                received_at=SINCE,
                changed_at=SINCE,
            )
        )
    yield database
    database.dispose()


def judge(session: Session, person: str, verdict: str, unit: str, *, at: datetime = SINCE, **named: object) -> None:
    values = {"kind": "case", "seconds": 60.0, "rules": ["toxicity"], "role": "reviewer", "screened": "review"}
    session.add(
        Judgement(at=at, person=person, verdict=verdict, unit=unit, episode_id="ep_1", **{**values, **named})  # type: ignore[arg-type]
    )


def test_of_nothing_there_are_no_figures(database: Database) -> None:
    with database.read() as session:
        found = read_figures(session, since=SINCE, until=UNTIL)
    assert (found.decisions, found.median_seconds, found.alpha.alpha, found.golden.value) == (0, None, None, None)
    assert len(found.days) == 9
    assert found.people == ()


def test_each_kind_counts_where_it_belongs(database: Database) -> None:
    with database.write() as session:
        judge(session, "ann", "approve", "a")
        judge(session, "ann", "reject", "b", rules=["toxicity", "insult"], seconds=600.0)
        judge(session, "ben", "request_changes", "c", rules=[], seconds=None, at=SINCE + timedelta(days=8))
        judge(session, "ann", "approve", "d", kind="first")
        judge(session, "ann", "reject", "gold", kind="golden", agrees=True)
        judge(session, "ben", "approve", "gold", kind="golden", agrees=False, at=SINCE + timedelta(days=7))
        judge(session, "ben", "approve", "b", kind="second", agrees=False)
        judge(session, "cat", "approve", "b", kind="settled", seconds=0.0)
        judge(session, "ann", "approve", "late", at=UNTIL)
        judge(session, "ann", "approve", "early", at=SINCE - timedelta(microseconds=1))
    with database.read() as session:
        found = read_figures(session, since=SINCE, until=UNTIL)
        assert len(judgements_between(session, since=SINCE, until=UNTIL)) == 8
    assert (found.decisions, found.first_signatures) == (3, 1)
    assert found.verdicts == {"approve": 1, "request_changes": 1, "reject": 1}
    assert (found.median_seconds, found.timed) == (330.0, 2)
    assert dict(found.times)["1 to 2 min"] == dict(found.times)["10 to 20 min"] == 1
    assert dict(found.rules)["toxicity"] == {"approve": 1, "request_changes": 0, "reject": 1}
    assert dict(found.rules)["nothing found"]["request_changes"] == 1
    assert found.days[0] == (date(2026, 3, 2), {"approve": 1, "request_changes": 0, "reject": 1})
    assert (found.golden.hits, found.golden.of) == (1, 2)
    assert [(week, share.hits, share.of) for week, share in found.weeks] == [
        (date(2026, 3, 2), 1, 1),
        (date(2026, 3, 9), 0, 1),
    ]
    assert (found.second.hits, found.second.of) == (0, 1)
    assert (found.alpha.units, found.alpha.values) == (2, 4)  # "gold" and "b"; neither signatures nor settlements
    assert [one.person for one in found.people] == ["ann", "ben", "cat"]
    assert found.people[0].decisions == 2


def test_ones_own_figures_hold_nobody_else(database: Database) -> None:
    with database.write() as session:
        judge(session, "ann", "approve", "a")
        judge(session, "ben", "approve", "a", kind="second", agrees=True)
    with database.read() as session:
        found = read_figures(session, since=SINCE, until=UNTIL, person="ben")
    assert (found.decisions, found.second.of, found.alpha.alpha) == (0, 1, None)
    assert [one.person for one in found.people] == ["ben"]
    assert found.appeals == ()


def test_appeals_and_disputes(database: Database) -> None:
    with database.write() as session:
        for number, (against, outcome) in enumerate(
            [("person", "overturned"), ("person", "upheld"), ("policy", "partly"), ("person", "void"), ("person", None)]
        ):
            session.add(
                Appeal(
                    id=f"ap_{number}",
                    episode_id="ep_1",
                    version=number,
                    against=against,
                    refused_by=[],
                    refused_at=SINCE,
                    filed_by="key",
                    filed_at=SINCE,
                    due_at=SINCE,
                    reason="x",
                    senior=False,
                    open=outcome is None,
                    outcome=outcome,
                    decided_at=SINCE if outcome else None,
                )
            )
        for number, stage in enumerate(("disputed", "done", "waiting", "disputed")):
            session.add(
                SecondLook(
                    id=f"sl_{number}",
                    episode_id="ep_1",
                    version=number,
                    asked_at=SINCE,
                    stage=stage,
                    first_by=["x"],
                    first_verdict="reject",
                    senior=False,
                )
            )
    with database.read() as session:
        found = read_figures(session, since=SINCE, until=UNTIL)
    assert [(against, share.hits, share.of) for against, share in found.appeals] == [
        ("policy", 1, 1),
        ("person", 1, 2),
        ("withdrawal", 0, 0),
    ]
    assert found.disputed == 2
