"""Review: one reviewer holds a case, one decision is made, with a reason, and never by the submitter."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from gateway.commitments import commit_text
from gateway.errors import ConflictError, ForbiddenError, GatewayError, InvalidRequestError, NotFoundError
from gateway.submissions import EpisodeApproval, ReviewCase, State
from tests.gateway_chain import OTHER_REVIEWER, REVIEWER, SUBMITTER, Chain, build_chain


@pytest.fixture(params=["sqlite", "postgres"])
def chain(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Chain]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else ""
    chain = build_chain(tmp_path, database_url=url)
    yield chain
    chain.database.dispose()


@pytest.fixture
def waiting(chain: Chain) -> str:
    episode_id = chain.submit("please review")
    chain.run(episode_id)
    return episode_id


def test_waiting_cases_are_listed_oldest_first(chain: Chain) -> None:
    ids = [chain.submit("please review") for _ in range(3)]
    for episode_id in ids:
        chain.run(episode_id)
    chain.run(chain.submit())
    assert [case.episode_id for case in chain.desk.waiting()] == ids
    assert [case.episode_id for case in chain.desk.waiting(limit=2)] == ids[:2]
    chain.desk.claim(ids[0], reviewer=REVIEWER)
    assert [case.claimed_by for case in chain.desk.waiting()] == [REVIEWER, None, None]


def test_approved_episode_goes_back_to_the_workers_and_is_released(chain: Chain, waiting: str) -> None:
    chain.desk.claim(waiting, reviewer=REVIEWER)
    chain.desk.approve(waiting, reviewer=REVIEWER, reason="  Sources checked.  ")
    assert chain.enqueued == [waiting]
    assert chain.row(waiting).state == State.APPROVED
    with chain.database.read() as session:
        approval = session.get(EpisodeApproval, waiting)
        events = chain.tools.log.events_for(session, waiting)
    assert approval is not None
    assert (approval.approver, approval.reason) == (REVIEWER, "Sources checked.")
    granted = events[-1]
    assert (granted.event.kind.value, granted.event.actor, granted.index) == (
        "approval.granted",
        REVIEWER,
        approval.entry_index,
    )
    with chain.database.read() as session:
        commitment = commit_text(session, waiting, "reason", "Sources checked.")
    assert granted.event.facts["reason_commitment"] == commitment
    assert granted.event.facts["role"] == "reviewer"
    assert b"Sources" not in granted.leaf
    assert chain.run(waiting) == "released"


def test_rejected_episode_ends_with_its_reason(chain: Chain, waiting: str) -> None:
    chain.desk.claim(waiting, reviewer=REVIEWER)
    chain.desk.reject(waiting, reviewer=REVIEWER, reason="The claim is false.")
    assert chain.run(waiting) == "rejected"
    assert chain.kinds(waiting)[-1] == "submission.rejected"
    assert chain.enqueued == []
    assert chain.desk.waiting() == []
    with chain.database.read() as session:
        case = session.get(ReviewCase, waiting)
    assert case is not None
    assert (case.verdict, case.reason, case.decided_by) == ("reject", "The claim is false.", REVIEWER)


def test_case_that_nobody_claimed_cannot_be_decided(chain: Chain, waiting: str) -> None:
    for decide in (chain.desk.approve, chain.desk.reject):
        with pytest.raises(ConflictError, match="claim it first"):
            decide(waiting, reviewer=REVIEWER, reason="I say so.")
    assert chain.row(waiting).state == State.AWAITING_REVIEW


def test_case_held_by_another_can_neither_be_claimed_nor_decided(chain: Chain, waiting: str) -> None:
    chain.desk.claim(waiting, reviewer=REVIEWER)
    with pytest.raises(ConflictError, match="another reviewer holds"):
        chain.desk.claim(waiting, reviewer=OTHER_REVIEWER)
    with pytest.raises(ConflictError, match="claim it first"):
        chain.desk.approve(waiting, reviewer=OTHER_REVIEWER, reason="I say so.")


def test_lease_that_ran_out_frees_the_case_and_binds_its_old_holder(chain: Chain, waiting: str) -> None:
    chain.desk.claim(waiting, reviewer=REVIEWER)
    chain.clock.now += timedelta(minutes=11)
    with pytest.raises(ConflictError, match="claim it first"):
        chain.desk.approve(waiting, reviewer=REVIEWER, reason="Too late.")
    assert chain.desk.waiting()[0].claimed_by is None
    assert chain.desk.claim(waiting, reviewer=OTHER_REVIEWER).claimed_by == OTHER_REVIEWER
    with chain.database.read() as session:
        claims = [
            one.event.facts
            for one in chain.tools.log.events_for(session, waiting)
            if one.event.kind.value == "review.claimed"
        ]
    assert claims == [{"role": "reviewer"}, {"role": "reviewer", "lapsed": REVIEWER}]


def test_prolonging_ones_own_lease_is_no_new_claim(chain: Chain, waiting: str) -> None:
    first = chain.desk.claim(waiting, reviewer=REVIEWER)
    chain.clock.now += timedelta(minutes=5)
    second = chain.desk.claim(waiting, reviewer=REVIEWER)
    assert first.claimed_until is not None
    assert second.claimed_until is not None
    assert second.claimed_until > first.claimed_until
    assert chain.kinds(waiting).count("review.claimed") == 1


def test_submitter_reviews_nothing_of_their_own(chain: Chain, waiting: str) -> None:
    with pytest.raises(ForbiddenError, match="what they submitted"):
        chain.desk.claim(waiting, reviewer=SUBMITTER)
    with chain.database.write() as session:  # not even if a row says that they hold it
        case = session.get(ReviewCase, waiting)
        assert case is not None
        case.claimed_by, case.claimed_until = SUBMITTER, chain.clock() + timedelta(minutes=5)
    for decide in (chain.desk.approve, chain.desk.reject):
        with pytest.raises(ForbiddenError, match="what they submitted"):
            decide(waiting, reviewer=SUBMITTER, reason="Mine is good.")
    assert chain.row(waiting).state == State.AWAITING_REVIEW


@pytest.mark.parametrize("reason", ["", "   ", "\n", "x" * 2001, "because\x00", "because\u202e"])
def test_decision_without_a_usable_reason_is_refused(tmp_path: Path, reason: str) -> None:
    chain = build_chain(tmp_path)
    episode_id = chain.submit("please review")
    chain.run(episode_id)
    chain.desk.claim(episode_id, reviewer=REVIEWER)
    for decide in (chain.desk.approve, chain.desk.reject):
        with pytest.raises(InvalidRequestError, match="needs a reason"):
            decide(episode_id, reviewer=REVIEWER, reason=reason)
    assert chain.row(episode_id).state == State.AWAITING_REVIEW


def test_decision_on_something_that_changed_since_is_refused(chain: Chain, waiting: str) -> None:
    case = chain.desk.claim(waiting, reviewer=REVIEWER)
    with pytest.raises(ConflictError, match="has changed"):
        chain.desk.approve(waiting, reviewer=REVIEWER, reason="Fine.", version=case.version - 1)
    chain.desk.approve(waiting, reviewer=REVIEWER, reason="Fine.", version=case.version)


@pytest.mark.parametrize("end", ["released", "blocked"])
def test_episode_that_is_not_waiting_cannot_be_reviewed(chain: Chain, end: str) -> None:
    episode_id = chain.submit("please block" if end == "blocked" else "Good morning.")
    assert chain.run(episode_id) == end
    with pytest.raises(GatewayError) as caught:
        chain.desk.claim(episode_id, reviewer=REVIEWER)
    assert caught.value.status in (404, 409)


def test_unknown_episode_is_not_found(chain: Chain) -> None:
    with pytest.raises(NotFoundError):
        chain.desk.claim("ep_unknown", reviewer=REVIEWER)


def test_decided_case_cannot_be_decided_again(chain: Chain, waiting: str) -> None:
    chain.desk.claim(waiting, reviewer=REVIEWER)
    chain.desk.reject(waiting, reviewer=REVIEWER, reason="No.")
    for decide in (chain.desk.approve, chain.desk.reject):
        with pytest.raises(ConflictError):
            decide(waiting, reviewer=REVIEWER, reason="On second thoughts.")
    with pytest.raises(ConflictError):
        chain.desk.claim(waiting, reviewer=OTHER_REVIEWER)
    assert chain.row(waiting).state == State.REJECTED


def test_of_many_reviewers_at_once_one_claims_and_one_decision_is_made(chain: Chain, waiting: str) -> None:
    outcomes: list[str] = []
    barrier = threading.Barrier(6)

    def decide(number: int) -> None:
        reviewer = f"reviewer{number}"
        barrier.wait()
        try:
            chain.desk.claim(waiting, reviewer=reviewer)
            act = chain.desk.approve if number % 2 else chain.desk.reject
            act(waiting, reviewer=reviewer, reason="I was first.")
            outcomes.append("decided")
        except ConflictError:
            outcomes.append("refused")

    threads = [threading.Thread(target=decide, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["decided"] + ["refused"] * 5
    kinds = chain.kinds(waiting)
    assert kinds.count("approval.granted") + kinds.count("submission.rejected") == 1
    assert kinds.count("review.claimed") == 1
    with chain.database.read() as session:
        assert len(session.exec(select(EpisodeApproval)).all()) == kinds.count("approval.granted")


def test_same_reviewer_in_two_windows_decides_once(chain: Chain, waiting: str) -> None:
    chain.desk.claim(waiting, reviewer=REVIEWER)
    outcomes: list[str] = []
    barrier = threading.Barrier(4)

    def approve() -> None:
        barrier.wait()
        try:
            chain.desk.approve(waiting, reviewer=REVIEWER, reason="Fine.")
            outcomes.append("decided")
        except ConflictError:
            outcomes.append("refused")

    threads = [threading.Thread(target=approve) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["decided", "refused", "refused", "refused"]
    assert chain.kinds(waiting).count("approval.granted") == 1
