"""Golden items: like any case until decided, never released, and counted nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from gateway.auth import Role, create_key
from gateway.errors import InvalidRequestError, NotFoundError, ReleaseRefusedError
from gateway.quality.golden import Known, add_golden, golden_results, mix_golden, retire_golden
from gateway.quality.rows import GoldenCase, GoldenItem, Judgement, SecondLook
from gateway.review import Outcome
from gateway.statements import statements_between
from gateway.submissions import ReviewCase, State, Submission
from tests.gateway_chain import REVIEWER, Chain, build_chain, script_of

BOTH = pytest.mark.parametrize("chain", ["sqlite", "postgres"], indirect=True)


@pytest.fixture
def chain(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Chain]:
    chosen = getattr(request, "param", "sqlite")
    url = request.getfixturevalue("postgres_url") if chosen == "postgres" else ""
    chain = build_chain(tmp_path, database_url=url, golden_share=0.5)
    yield chain
    chain.database.dispose()


@pytest.fixture
def key(chain: Chain) -> str:
    with chain.database.write() as session:
        return create_key(session, Role.SUBMITTER, "newsroom", chain.clock()).split("_")[1]


def add(chain: Chain, key: str, words: str = "please review", **named: str) -> GoldenItem:
    known = {"script": script_of(words), "submitter": key, "expected": "reject", "because": "It is false.", **named}
    with chain.database.write() as session:
        return add_golden(session, Known(**known), toolchain=chain.tools, by="operator", at=chain.clock())


def real_case(chain: Chain) -> str:
    episode_id = chain.submit("please review")
    chain.run(episode_id)
    return episode_id


def planted(chain: Chain) -> list[str]:
    with chain.database.read() as session:
        return list(session.exec(select(GoldenCase.episode_id).order_by(GoldenCase.planted_at)))  # type: ignore[arg-type]


def planted_and_waiting(chain: Chain, key: str) -> str:
    add(chain, key)
    real_case(chain)
    assert mix_golden(chain.tools) == 1
    (episode_id,) = planted(chain)
    assert chain.run(episode_id) == "awaiting_review"
    return episode_id


@BOTH
def test_nothing_tells_it_from_a_case_until_it_is_decided(chain: Chain, key: str) -> None:
    episode_id = planted_and_waiting(chain, key)
    other = next(case.episode_id for case in chain.desk.waiting() if case.episode_id != episode_id)
    assert chain.kinds(episode_id) == chain.kinds(other)
    with chain.database.read() as session:
        cases = [session.get_one(ReviewCase, one) for one in (episode_id, other)]
        rows = [session.get_one(Submission, one) for one in (episode_id, other)]
    for name in ("open", "calm", "screened", "senior", "two_people", "verdict", "barred"):
        assert getattr(cases[0], name) == getattr(cases[1], name)
    assert rows[0].idempotency_key is rows[1].idempotency_key is None
    assert rows[0].version == rows[1].version


@pytest.mark.parametrize(("verdict", "right"), [("approve", False), ("request_changes", False), ("reject", True)])
def test_whatever_is_decided_it_ends_and_is_remembered(chain: Chain, key: str, verdict: str, right: bool) -> None:
    episode_id = planted_and_waiting(chain, key)
    chain.desk._second_share = 1.0
    chain.desk.claim(episode_id, reviewer=REVIEWER)
    chain.clock.now += timedelta(seconds=90)
    if verdict == "approve":
        outcome = chain.desk.approve(episode_id, reviewer=REVIEWER, reason="Fine.")
    else:
        changes = verdict == "request_changes"
        outcome = chain.desk.reject(episode_id, reviewer=REVIEWER, reason="No.", changes=changes)
    assert outcome is Outcome.GOLDEN
    assert chain.row(episode_id).state == State.GOLDEN
    assert chain.run(episode_id) == "golden"
    assert chain.enqueued == []
    assert chain.kinds(episode_id)[-1] == "golden.answered"
    assert not {"approval.granted", "submission.rejected"} & set(chain.kinds(episode_id))
    with chain.database.read() as session:
        (judged,) = session.exec(select(Judgement)).all()
        assert session.exec(select(SecondLook)).all() == []
        case = session.get_one(ReviewCase, episode_id)
    assert (judged.kind, judged.verdict, judged.agrees, round(judged.seconds or 0)) == ("golden", verdict, right, 90)
    assert (case.open, case.decided_at) == (False, None)
    day = timedelta(days=1)
    now = chain.clock.now
    assert list(statements_between(chain.database, now - day, now + day, redress="Ask.")) == []
    with chain.database.read() as session:
        ((_, shown, answered, hits),) = golden_results(session)
    assert (shown, answered, hits) == (1, 1, int(right))


def test_even_an_approved_row_is_not_released(chain: Chain, key: str) -> None:
    episode_id = planted_and_waiting(chain, key)
    with chain.database.write() as session:
        session.get_one(Submission, episode_id).state = State.APPROVED.value
    with pytest.raises(ReleaseRefusedError, match="golden item"):
        chain.pipeline.release(episode_id)


def test_policy_never_approves_it(chain: Chain, key: str) -> None:
    episode_id = planted_and_waiting(chain, key)
    quiet = chain.submit()
    with chain.database.write() as session:
        session.add(
            GoldenCase(episode_id=quiet, golden_id=session.exec(select(GoldenItem.id)).one(), planted_at=chain.clock())
        )
    assert chain.run(quiet) == "awaiting_review"
    assert episode_id


def test_share_is_kept_and_no_item_comes_twice(chain: Chain, key: str) -> None:
    for number in range(3):
        add(chain, key, f"please review {number}")
    assert mix_golden(chain.tools) == 0  # an empty queue needs none
    for _ in range(2):
        real_case(chain)
    assert mix_golden(chain.tools) == 2
    assert mix_golden(chain.tools) == 0
    for _ in range(4):
        real_case(chain)
    assert mix_golden(chain.tools) == 1  # the third item; the others rest
    assert mix_golden(chain.tools) == 0
    with chain.database.read() as session:
        shown = [shown for _, shown, _, _ in golden_results(session)]
    assert shown == [1, 1, 1]
    chain.clock.now += timedelta(days=31)
    for _ in range(3):
        real_case(chain)
    assert mix_golden(chain.tools) == 3


def test_retired_item_comes_no_more(chain: Chain, key: str) -> None:
    item = add(chain, key)
    real_case(chain)
    with chain.database.write() as session:
        retire_golden(session, item.id, log=chain.tools.log, by="operator", at=chain.clock())
    assert mix_golden(chain.tools) == 0
    assert chain.kinds(item.id) == ["golden.added", "golden.retired"]
    with chain.database.write() as session, pytest.raises(NotFoundError):
        retire_golden(session, "gold_none", log=chain.tools.log, by="operator", at=chain.clock())


def test_item_that_can_be_submitted_no_more_is_left_out(chain: Chain, key: str) -> None:
    item = add(chain, key)
    real_case(chain)
    with chain.database.write() as session:
        session.get_one(GoldenItem, item.id).script = script_of("please review").replace("quiet", "gone")
    assert mix_golden(chain.tools) == 0
    assert planted(chain) == []


@pytest.mark.parametrize(
    ("words", "named", "told"),
    [
        ("please block", {}, "the policy blocks"),
        ("Good morning.", {}, "finds nothing"),
        ("please review", {"expected": "maybe"}, "known decision"),
        ("please review", {"because": " "}, "say why"),
        ("please review", {"submitter": "nobody"}, "no current API key"),
    ],
)
def test_item_that_no_reviewer_would_see_is_refused(
    chain: Chain, key: str, words: str, named: dict[str, str], told: str
) -> None:
    with pytest.raises(InvalidRequestError, match=told):
        add(chain, key, words, **named)


def test_sentence_taken_out_of_it_makes_no_revision(chain: Chain, key: str) -> None:
    add(chain, key, "Good morning. please review this. Good night.", expected="request_changes")
    real_case(chain)
    assert mix_golden(chain.tools) == 1
    (episode_id,) = planted(chain)
    chain.run(episode_id)
    chain.desk.claim(episode_id, reviewer=REVIEWER)
    start = chain.row(episode_id).script.index("please review this.")
    span = (start, start + len("please review this."))
    assert chain.desk.redact(episode_id, reviewer=REVIEWER, spans=[span], reason="Out.") == ""
    assert chain.row(episode_id).state == State.GOLDEN
    with chain.database.read() as session:
        assert session.exec(select(Submission.id).where(Submission.revises == episode_id)).all() == []
        assert session.exec(select(Judgement.agrees)).one() is True
