"""Review: escalation, hand over, two signatures, refusals by category, and races that only one reviewer wins."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from gateway.accounts import add_account
from gateway.auth import Role, create_key
from gateway.cases import ReviewAction, ReviewRule
from gateway.errors import ConflictError, ForbiddenError, GatewayError, InvalidRequestError
from gateway.queue import Filters, Queue
from gateway.review import Outcome
from gateway.submissions import ReviewCase, State
from tests.gateway_chain import OTHER_REVIEWER, REVIEWER, Chain, build_chain

SENIOR = "senior1"


@pytest.fixture(params=["sqlite", "postgres"])
def chain(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Chain]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else ""
    chain = build_chain(tmp_path, database_url=url)
    yield chain
    chain.database.dispose()


@pytest.fixture
def waiting(chain: Chain) -> str:
    return held(chain)


def held(chain: Chain, words: str = "please review", **options: object) -> str:
    episode_id = chain.submit(words, **options)
    assert chain.run(episode_id) == "awaiting_review"
    return episode_id


def case_of(chain: Chain, episode_id: str) -> ReviewCase:
    with chain.database.read() as session:
        return session.get_one(ReviewCase, episode_id)


def change(chain: Chain, episode_id: str, **values: object) -> None:
    with chain.database.write() as session:
        case = session.get_one(ReviewCase, episode_id)
        for name, value in values.items():
            setattr(case, name, value)
        session.add(case)


def test_case_remembers_risk_due_time_and_rules_until_it_is_decided(chain: Chain, waiting: str) -> None:
    case = case_of(chain, waiting)
    assert (case.open, 100 - case.calm, case.screened, case.two_people) == (True, 70, "review", False)
    assert case.due_at - case.requested_at == timedelta(hours=24)
    with chain.database.read() as session:
        assert [one.rule for one in session.exec(select(ReviewRule))] == ["words"]
    chain.desk.claim(waiting, reviewer=REVIEWER)
    chain.desk.reject(waiting, reviewer=REVIEWER, reason="No.")
    assert case_of(chain, waiting).open is False
    with chain.database.read() as session:
        assert session.exec(select(ReviewRule)).all() == []


def test_rule_named_by_the_settings_needs_two_people(tmp_path: Path) -> None:
    chain = build_chain(tmp_path, two_person_rules=("words",))
    assert case_of(chain, held(chain)).two_people is True
    chain.database.dispose()


def test_first_signature_is_not_enough_and_never_counts_twice(chain: Chain, waiting: str) -> None:
    change(chain, waiting, two_people=True)
    chain.desk.claim(waiting, reviewer=REVIEWER)
    assert chain.desk.approve(waiting, reviewer=REVIEWER, reason="I agree.") is Outcome.PROPOSED
    assert chain.row(waiting).state == State.AWAITING_REVIEW
    assert chain.run(waiting) == "awaiting_review"  # no worker takes it further
    assert chain.enqueued == []
    with pytest.raises(ForbiddenError, match="signed first"):
        chain.desk.claim(waiting, reviewer=REVIEWER)
    with pytest.raises(ForbiddenError, match="signed first"):
        chain.desk.approve(waiting, reviewer=REVIEWER, reason="Again.")
    chain.desk.claim(waiting, reviewer=OTHER_REVIEWER)
    assert chain.desk.approve(waiting, reviewer=OTHER_REVIEWER, reason="So do I.") is Outcome.APPROVED
    assert chain.kinds(waiting)[-4:] == ["review.claimed", "approval.proposed", "review.claimed", "approval.granted"]
    assert chain.run(waiting) == "released"


def test_second_reviewer_may_refuse_what_the_first_approved(chain: Chain, waiting: str) -> None:
    change(chain, waiting, two_people=True)
    chain.desk.claim(waiting, reviewer=REVIEWER)
    chain.desk.approve(waiting, reviewer=REVIEWER, reason="I agree.")
    chain.desk.claim(waiting, reviewer=OTHER_REVIEWER)
    assert chain.desk.reject(waiting, reviewer=OTHER_REVIEWER, reason="I do not.") is Outcome.REJECTED
    assert chain.run(waiting) == "rejected"


def test_two_keys_of_one_person_are_one_person(chain: Chain) -> None:
    now, log = chain.clock(), chain.tools.log
    with chain.database.write() as session:
        account = add_account(session, "ruth", Role.REVIEWER, at=now, log=log).id
        keys = [create_key(session, Role.SUBMITTER, "k", now, account_id=account).split("_")[1] for _ in range(2)]
    own = held(chain, api_key_id=keys[0])
    for name in (account, *keys):
        with pytest.raises(ForbiddenError, match="what they submitted"):
            chain.desk.claim(own, reviewer=name)
    other = held(chain)
    change(chain, other, two_people=True)
    chain.desk.claim(other, reviewer=keys[0])
    assert chain.desk.approve(other, reviewer=keys[0], reason="One.") is Outcome.PROPOSED
    with pytest.raises(ForbiddenError, match="signed first"):
        chain.desk.claim(other, reviewer=keys[1])


@pytest.mark.parametrize("role", [Role.ADMIN, Role.AUDITOR, Role.SUBMITTER])
def test_other_roles_decide_nothing(chain: Chain, waiting: str, role: Role) -> None:
    with pytest.raises(ForbiddenError, match="only reviewers"):
        chain.desk.claim(waiting, reviewer="boss", role=role)
    with pytest.raises(ForbiddenError, match="only reviewers"):
        chain.desk.approve(waiting, reviewer="boss", reason="Because.", role=role)


def test_escalated_case_is_for_senior_reviewers(chain: Chain, waiting: str) -> None:
    chain.desk.claim(waiting, reviewer=REVIEWER)
    chain.desk.escalate(waiting, reviewer=REVIEWER, reason="Law, not policy.")
    with pytest.raises(ForbiddenError, match="senior"):
        chain.desk.claim(waiting, reviewer=OTHER_REVIEWER)
    chain.desk.claim(waiting, reviewer=SENIOR, role=Role.SENIOR_REVIEWER)
    with pytest.raises(ConflictError, match="escalated before"):
        chain.desk.escalate(waiting, reviewer=SENIOR, reason="Higher.", role=Role.SENIOR_REVIEWER)
    chain.desk.approve(waiting, reviewer=SENIOR, reason="Fine.", role=Role.SENIOR_REVIEWER)
    with chain.database.read() as session:
        done = session.exec(select(ReviewAction).order_by(ReviewAction.id)).all()  # type: ignore[arg-type]
        entries = {one.index: one for one in chain.tools.log.events_for(session, waiting)}
    assert [one.kind for one in done] == ["review.claimed", "review.escalated", "review.claimed", "approval.granted"]
    assert all(entries[one.entry_index].event.kind.value == one.kind for one in done)
    assert all(one.reason.encode() not in entries[one.entry_index].leaf for one in done if one.reason)


def test_handed_over_case_waits_for_the_person_named(chain: Chain, waiting: str) -> None:
    chain.desk.claim(waiting, reviewer=REVIEWER)
    for to, role in ((REVIEWER, Role.REVIEWER), ("boss", Role.ADMIN)):
        with pytest.raises(InvalidRequestError):
            chain.desk.hand_over(waiting, reviewer=REVIEWER, to=to, to_role=role)
    chain.desk.hand_over(waiting, reviewer=REVIEWER, to=OTHER_REVIEWER, to_role=Role.REVIEWER)
    with pytest.raises(ForbiddenError, match="handed over"):
        chain.desk.claim(waiting, reviewer=REVIEWER)
    chain.desk.claim(waiting, reviewer=OTHER_REVIEWER)
    assert case_of(chain, waiting).meant_for is None


def test_case_that_is_put_off_comes_back_by_itself_and_stays_due_when_it_was(chain: Chain, waiting: str) -> None:
    queue = Queue(database=chain.database, desk=chain.desk, clock=chain.clock, monotonic=lambda: 0.0)
    named = {"reviewer": REVIEWER, "reason": "The lawyers read it."}
    due, until = case_of(chain, waiting).due_at, chain.clock.now + timedelta(hours=4)
    with pytest.raises(ConflictError, match="do not hold"):
        chain.desk.hold(waiting, until=until, **named)
    chain.desk.claim(waiting, reviewer=REVIEWER)
    for wrong in (chain.clock.now, until + timedelta(days=31), until.replace(tzinfo=None)):
        with pytest.raises(InvalidRequestError, match="time ahead"):
            chain.desk.hold(waiting, **{**named, "until": wrong})
    with pytest.raises(ConflictError, match="changed"):
        chain.desk.hold(waiting, until=until, version=1, **named)
    chain.desk.hold(waiting, until=until, **named)
    assert queue.take_next(Filters(), reviewer=OTHER_REVIEWER, role=Role.REVIEWER) is None
    assert [one.held_until for one in queue.page(Filters(held=True))[0]] == [until]
    assert queue.counts().held == 1
    with pytest.raises(ConflictError):  # it was given back
        chain.desk.approve(waiting, reviewer=REVIEWER, reason="Now.")
    chain.clock.now += timedelta(hours=5)
    assert queue.page(Filters(held=True))[0] == []
    taken = queue.take_next(Filters(), reviewer=OTHER_REVIEWER, role=Role.REVIEWER)
    assert taken is not None
    assert (taken.episode_id, taken.held_until, taken.due_at) == (waiting, None, due)
    assert chain.kinds(waiting)[-3:] == ["review.claimed", "review.held", "review.claimed"]


def test_whoever_takes_a_case_that_is_put_off_ends_that(chain: Chain, waiting: str) -> None:
    chain.desk.claim(waiting, reviewer=REVIEWER)
    chain.desk.hold(waiting, reviewer=REVIEWER, reason="Later.", until=chain.clock.now + timedelta(days=1))
    assert chain.desk.claim(waiting, reviewer=OTHER_REVIEWER).held_until is None
    assert case_of(chain, waiting).held_until is None


def test_given_back_case_is_free_at_once(chain: Chain, waiting: str) -> None:
    chain.desk.claim(waiting, reviewer=REVIEWER)
    with pytest.raises(ConflictError):
        chain.desk.release(waiting, reviewer=OTHER_REVIEWER)
    chain.desk.release(waiting, reviewer=REVIEWER)
    chain.desk.claim(waiting, reviewer=OTHER_REVIEWER)


def test_lease_that_ran_out_cannot_be_extended(chain: Chain, waiting: str) -> None:
    chain.desk.claim(waiting, reviewer=REVIEWER)
    chain.clock.now += timedelta(minutes=9)
    assert chain.desk.extend(waiting, reviewer=REVIEWER) > chain.clock.now + timedelta(minutes=9)
    chain.clock.now += timedelta(minutes=11)
    with pytest.raises(ConflictError):
        chain.desk.extend(waiting, reviewer=REVIEWER)


def test_refusal_names_categories_of_the_policy_only(chain: Chain, waiting: str) -> None:
    chain.desk.claim(waiting, reviewer=REVIEWER)
    for categories in (["nonsense"], ["<b>"], ["other"] * 3 + ["nonsense"]):
        with pytest.raises(InvalidRequestError, match="categories"):
            chain.desk.reject(waiting, reviewer=REVIEWER, reason="No.", categories=categories)
    outcome = chain.desk.reject(waiting, reviewer=REVIEWER, reason="No.", categories=["other", "request"], changes=True)
    assert outcome is Outcome.CHANGES_REQUESTED
    case = case_of(chain, waiting)
    assert (case.verdict, case.categories) == ("request_changes", ["other", "request"])


@pytest.mark.parametrize("attempt", range(2))
def test_of_many_racing_decisions_exactly_one_counts(chain: Chain, waiting: str, attempt: int) -> None:
    chain.desk.claim(waiting, reviewer=REVIEWER)
    done: list[object] = []
    refused: list[GatewayError] = []
    gate = threading.Barrier(6)

    def decide(act: Callable[..., Outcome]) -> None:
        gate.wait()
        try:
            done.append(act(waiting, reviewer=REVIEWER, reason="Mine."))
        except GatewayError as error:
            refused.append(error)

    threads = [threading.Thread(target=decide, args=(act,)) for act in [chain.desk.approve, chain.desk.reject] * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(done), len(refused)) == (1, 5)
    assert all(isinstance(error, ConflictError) for error in refused)
    decided = [kind for kind in chain.kinds(waiting) if kind in {"approval.granted", "submission.rejected"}]
    assert len(decided) == 1


def test_racing_claims_give_a_case_to_one(chain: Chain, waiting: str) -> None:
    got: list[str] = []
    gate = threading.Barrier(6)

    def claim(name: str) -> None:
        gate.wait()
        try:
            chain.desk.claim(waiting, reviewer=name)
            got.append(name)
        except ConflictError:
            pass

    threads = [threading.Thread(target=claim, args=(f"reviewer{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 1
    assert case_of(chain, waiting).claimed_by == got[0]
