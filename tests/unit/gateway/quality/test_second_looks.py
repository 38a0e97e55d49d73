"""Second looks: by another person, blindly; disagreement goes to a senior reviewer who had no part in it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from gateway.auth import Role
from gateway.erasure import Eraser, Reason
from gateway.errors import ConflictError, ForbiddenError, InvalidRequestError, NotFoundError
from gateway.quality.rows import Judgement, SecondLook
from gateway.quality.sampling import sample
from gateway.secondlooks import SecondLooks, must_stay_blind
from gateway.submissions import ReviewCase, State
from tests.gateway_chain import OTHER_REVIEWER, REVIEWER, SUBMITTER, Chain, build_chain

BOTH = pytest.mark.parametrize("chain", ["sqlite", "postgres"], indirect=True)
SENIOR = "senior1"


@pytest.fixture
def chain(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Chain]:
    chosen = getattr(request, "param", "sqlite")
    url = request.getfixturevalue("postgres_url") if chosen == "postgres" else ""
    chain = build_chain(tmp_path, database_url=url)
    chain.desk._second_share = 1.0
    yield chain
    chain.database.dispose()


@pytest.fixture
def looks(chain: Chain) -> SecondLooks:
    return SecondLooks(
        database=chain.database,
        log=chain.tools.log,
        clock=chain.clock,
        lease=timedelta(minutes=10),
        settings=chain.tools.settings,
    )


def decided(chain: Chain, verdict: str = "reject") -> str:
    episode_id = chain.submit("please review")
    chain.run(episode_id)
    chain.desk.claim(episode_id, reviewer=REVIEWER)
    if verdict == "approve":
        chain.desk.approve(episode_id, reviewer=REVIEWER, reason="Fine.")
    else:
        chain.desk.reject(episode_id, reviewer=REVIEWER, reason="No.")
    return episode_id


def take(looks: SecondLooks, who: str = OTHER_REVIEWER) -> SecondLook:
    found = looks.take_next(reviewer=who, role=Role.REVIEWER)
    assert found is not None
    return found


def second(looks: SecondLooks, verdict: str, who: str = OTHER_REVIEWER) -> SecondLook:
    look = take(looks, who)
    return looks.decide(look.id, reviewer=who, role=Role.REVIEWER, verdict=verdict, reason="My own view.")


@BOTH
def test_agreement_ends_it_and_changes_nothing(chain: Chain, looks: SecondLooks) -> None:
    episode_id = decided(chain)
    assert looks.waiting(reviewer=OTHER_REVIEWER, role=Role.REVIEWER) == 1
    look = take(looks)
    chain.clock.now += timedelta(seconds=30)
    done = looks.decide(look.id, reviewer=OTHER_REVIEWER, role=Role.REVIEWER, verdict="reject", reason="Indeed.")
    assert done.stage == "done"
    assert chain.row(episode_id).state == State.REJECTED
    assert chain.kinds(episode_id)[-1] == "review.repeated"
    assert looks.disputed() == []
    with chain.database.read() as session:
        judged = session.exec(select(Judgement).where(Judgement.kind == "second")).one()
    assert (judged.agrees, round(judged.seconds or 0)) == (True, 30)


def test_neither_who_decided_nor_who_submitted_looks_again(chain: Chain, looks: SecondLooks) -> None:
    decided(chain)
    for who, role in ((REVIEWER, Role.REVIEWER), (SUBMITTER, Role.REVIEWER), ("x", Role.ADMIN), ("x", Role.AUDITOR)):
        assert looks.take_next(reviewer=who, role=role) is None
        assert looks.waiting(reviewer=who, role=role) == 0


def test_both_who_signed_are_barred(chain: Chain, looks: SecondLooks) -> None:
    episode_id = chain.submit("please review")
    chain.run(episode_id)
    with chain.database.write() as session:
        session.get_one(ReviewCase, episode_id).two_people = True
    for who in (REVIEWER, OTHER_REVIEWER):
        chain.desk.claim(episode_id, reviewer=who)
        chain.desk.approve(episode_id, reviewer=who, reason="Fine.")
    for who in (REVIEWER, OTHER_REVIEWER):
        assert looks.take_next(reviewer=who, role=Role.REVIEWER) is None
    assert looks.take_next(reviewer="third", role=Role.REVIEWER) is not None


def test_page_is_closed_while_it_is_held(chain: Chain, looks: SecondLooks) -> None:
    episode_id = decided(chain)
    take(looks)
    with chain.database.read() as session:
        assert must_stay_blind(session, episode_id, OTHER_REVIEWER, chain.clock())
        assert not must_stay_blind(session, episode_id, REVIEWER, chain.clock())
        assert not must_stay_blind(session, episode_id, OTHER_REVIEWER, chain.clock() + timedelta(minutes=11))


@BOTH
def test_wrong_refusal_is_reopened_for_others(chain: Chain, looks: SecondLooks) -> None:
    episode_id = decided(chain)
    look = second(looks, "approve")
    assert [one.id for one, _ in looks.disputed()] == [look.id]
    for who, role in ((OTHER_REVIEWER, Role.SENIOR_REVIEWER), (REVIEWER, Role.SENIOR_REVIEWER), ("x", Role.REVIEWER)):
        with pytest.raises(ForbiddenError):
            looks.settle(look.id, reviewer=who, role=role, verdict="approve", reason="x")
    with pytest.raises(InvalidRequestError, match="one of the two"):
        looks.settle(look.id, reviewer=SENIOR, role=Role.SENIOR_REVIEWER, verdict="request_changes", reason="x")
    looks.settle(look.id, reviewer=SENIOR, role=Role.SENIOR_REVIEWER, verdict="approve", reason="The second is right.")
    assert chain.row(episode_id).state == State.AWAITING_REVIEW
    with pytest.raises(ForbiddenError):
        chain.desk.claim(episode_id, reviewer=REVIEWER)
    chain.desk.claim(episode_id, reviewer=OTHER_REVIEWER)
    with pytest.raises(ConflictError):
        looks.settle(look.id, reviewer=SENIOR, role=Role.SENIOR_REVIEWER, verdict="approve", reason="Again.")


def test_released_episode_stays_released_until_somebody_withdraws_it(chain: Chain, looks: SecondLooks) -> None:
    episode_id = decided(chain, "approve")
    assert chain.run(episode_id) == "released"
    look = second(looks, "reject")
    looks.settle(look.id, reviewer=SENIOR, role=Role.SENIOR_REVIEWER, verdict="reject", reason="It is false.")
    assert chain.row(episode_id).state == State.RELEASED


def test_lease_that_ran_out_gives_it_to_the_next(chain: Chain, looks: SecondLooks) -> None:
    decided(chain)
    look = take(looks)
    assert looks.take_next(reviewer="third", role=Role.REVIEWER) is None
    chain.clock.now += timedelta(minutes=11)
    with pytest.raises(ConflictError, match="do not hold"):
        looks.decide(look.id, reviewer=OTHER_REVIEWER, role=Role.REVIEWER, verdict="reject", reason="Late.")
    assert take(looks, "third").id == look.id


def test_of_many_who_take_at_once_one_has_it(chain: Chain, looks: SecondLooks) -> None:
    decided(chain)
    found: list[SecondLook | None] = []
    start = threading.Barrier(4)

    def act(who: str) -> None:
        start.wait()
        found.append(looks.take_next(reviewer=who, role=Role.REVIEWER))

    threads = [threading.Thread(target=act, args=(f"person{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sum(one is not None for one in found) == 1


def test_bad_answers_are_refused(chain: Chain, looks: SecondLooks) -> None:
    decided(chain)
    look = take(looks)
    for verdict, reason in (("", "x"), ("escalate", "x"), ("reject", " ")):
        with pytest.raises(InvalidRequestError):
            looks.decide(look.id, reviewer=OTHER_REVIEWER, role=Role.REVIEWER, verdict=verdict, reason=reason)
    with pytest.raises(NotFoundError):
        looks.decide("sl_none", reviewer=OTHER_REVIEWER, role=Role.REVIEWER, verdict="reject", reason="x")


def test_erased_episode_is_not_looked_at_again(chain: Chain, looks: SecondLooks) -> None:
    first, other = decided(chain), decided(chain)
    second(looks, "approve")
    tools = chain.tools
    eraser = Eraser(database=chain.database, log=tools.log, blobs=tools.blobs, clock=chain.clock)
    for episode_id in (first, other):
        eraser.erase(episode_id, reason=Reason.REQUEST, by="admin1", role="admin")
    assert looks.take_next(reviewer=OTHER_REVIEWER, role=Role.REVIEWER) is None
    assert looks.disputed() == []
    with chain.database.read() as session:
        assert {(one.stage, one.second_reason) for one in session.exec(select(SecondLook))} == {("void", "")}


def test_share_of_nothing_and_of_all(chain: Chain) -> None:
    episode_id = decided(chain)
    with chain.database.write() as session:
        row, case = chain.row(episode_id), session.get_one(ReviewCase, episode_id)
        row.version = 99
        drawn = [
            sample(session, row, case, share=0.0, by=["x"], verdict="reject", at=chain.clock()) for _ in range(200)
        ]
    assert not any(drawn)
