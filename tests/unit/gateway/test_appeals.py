"""Appeals: once for each refusal, in time, decided by somebody else, and never a way past the checks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlmodel import func, select

from gateway.appealed import Appeal, Ruling, appeals_of
from gateway.appeals import AppealDesk
from gateway.auth import Role, create_key
from gateway.erasure import Eraser, Reason
from gateway.errors import ConflictError, ForbiddenError, GatewayError, InvalidRequestError, NotFoundError
from gateway.inspection import inspect
from gateway.review import Outcome
from gateway.statements import Statement, statement_of, statements_between
from gateway.submissions import EpisodeRelease, EpisodeWithdrawal, ReviewCase, State, Submission
from gateway.withdrawal import withdraw
from tests.gateway_chain import OTHER_REVIEWER, REVIEWER, SUBMITTER, Chain, build_chain

SENIOR, OTHER_SENIOR = "senior1", "senior2"


BOTH = pytest.mark.parametrize("chain", ["sqlite", "postgres"], indirect=True)  # what depends on the database


@pytest.fixture
def chain(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Chain]:
    chosen = getattr(request, "param", "sqlite")
    url = request.getfixturevalue("postgres_url") if chosen == "postgres" else ""
    chain = build_chain(tmp_path, database_url=url)
    yield chain
    chain.database.dispose()


@pytest.fixture
def desk(chain: Chain) -> AppealDesk:
    return AppealDesk(
        database=chain.database,
        log=chain.tools.log,
        clock=chain.clock,
        lease=timedelta(minutes=10),
        settings=chain.tools.settings,
        enqueue=chain.enqueued.append,
    )


def rejected(chain: Chain, words: str = "please review", *, role: Role = Role.REVIEWER) -> str:
    episode_id = chain.submit(words)
    chain.run(episode_id)
    chain.desk.claim(episode_id, reviewer=REVIEWER, role=role)
    chain.desk.reject(episode_id, reviewer=REVIEWER, reason="The claim is false.", role=role)
    return episode_id


def blocked(chain: Chain, words: str = "please block") -> str:
    episode_id = chain.submit(words)
    assert chain.run(episode_id) == "blocked"
    return episode_id


def released(chain: Chain) -> str:
    episode_id = chain.submit()
    assert chain.run(episode_id) == "released"
    return episode_id


def take_back(chain: Chain, episode_id: str, by: str = REVIEWER) -> None:
    with chain.database.write() as session:
        withdraw(
            session, episode_id, reason="A wrong date.", by=by, role="reviewer", at=chain.clock(), log=chain.tools.log
        )


def appeal(desk: AppealDesk, episode_id: str, reason: str = "It is quoted and refuted.") -> str:
    return desk.file(episode_id, by=SUBMITTER, role=Role.SUBMITTER, reason=reason)[0].id


def rule(desk: AppealDesk, appeal_id: str, outcome: Ruling, who: str = SENIOR, **named: object) -> Appeal:
    named.setdefault("role", Role.SENIOR_REVIEWER)
    named.setdefault("reason", "I looked at it again.")
    return desk.decide(appeal_id, reviewer=who, outcome=outcome, **named)  # type: ignore[arg-type]


def sign(chain: Chain, episode_id: str, who: str, role: Role = Role.REVIEWER) -> Outcome:
    chain.desk.claim(episode_id, reviewer=who, role=role)
    return chain.desk.approve(episode_id, reviewer=who, reason="Fine.", role=role)


def problems(chain: Chain) -> tuple[str, ...]:
    tools = chain.tools
    return inspect(chain.database, log=tools.log, blobs=tools.blobs, files=tools.log_files).problems


@BOTH
def test_overturned_block_is_spoken_heard_and_signed_by_two(chain: Chain, desk: AppealDesk) -> None:
    episode_id = blocked(chain, "please block please curse")  # it would be blocked by ear as well
    found = rule(desk, appeal(desk, episode_id), Ruling.OVERTURNED)
    assert found.led_to == "screened"
    assert chain.enqueued == [episode_id]
    assert chain.run(episode_id) == "awaiting_review"
    assert sign(chain, episode_id, REVIEWER) is Outcome.PROPOSED
    with pytest.raises(ForbiddenError, match="signed first"):
        sign(chain, episode_id, REVIEWER)
    assert sign(chain, episode_id, OTHER_REVIEWER) is Outcome.APPROVED
    assert chain.run(episode_id) == "released"
    kinds = chain.kinds(episode_id)
    order = [
        "submission.blocked",
        "appeal.filed",
        "appeal.decided",
        "clip.produced",
        "speech.heard",
        "approval.granted",
    ]
    assert [one for one in kinds if one in order] == order
    assert problems(chain) == ()


def test_overturned_block_by_ear_goes_on_with_the_sound_that_there_is(chain: Chain, desk: AppealDesk) -> None:
    episode_id = blocked(chain, "please curse")
    assert rule(desk, appeal(desk, episode_id), Ruling.OVERTURNED).led_to == "heard"
    assert chain.run(episode_id) == "awaiting_review"
    assert chain.kinds(episode_id).count("clip.produced") == 1
    assert sign(chain, episode_id, REVIEWER) is Outcome.PROPOSED


def test_overturned_refusal_is_reviewed_by_others(chain: Chain, desk: AppealDesk) -> None:
    episode_id = rejected(chain)
    appeal_id = appeal(desk, episode_id)
    with pytest.raises(ForbiddenError, match="you took the decision"):
        rule(desk, appeal_id, Ruling.UPHELD, REVIEWER, role=Role.REVIEWER)
    rule(desk, appeal_id, Ruling.OVERTURNED, OTHER_REVIEWER, role=Role.REVIEWER)
    assert chain.row(episode_id).state == State.AWAITING_REVIEW
    with pytest.raises(ForbiddenError, match="an appeal overturned it"):
        chain.desk.claim(episode_id, reviewer=REVIEWER)
    assert sign(chain, episode_id, OTHER_REVIEWER) is Outcome.APPROVED
    assert chain.run(episode_id) == "released"
    assert problems(chain) == ()


def test_case_is_not_handed_over_to_who_refused_it_before(chain: Chain, desk: AppealDesk) -> None:
    episode_id = rejected(chain)
    rule(desk, appeal(desk, episode_id), Ruling.OVERTURNED)
    chain.desk.claim(episode_id, reviewer=OTHER_REVIEWER)
    with pytest.raises(InvalidRequestError, match="refused it before"):
        chain.desk.hand_over(episode_id, reviewer=OTHER_REVIEWER, to=REVIEWER, to_role=Role.REVIEWER)


@BOTH
def test_overturned_withdrawal_is_approved_announced_and_examined_anew(chain: Chain, desk: AppealDesk) -> None:
    episode_id = released(chain)
    take_back(chain, episode_id)
    with chain.database.read() as session:
        before = session.get_one(EpisodeRelease, episode_id).entry_index
    rule(desk, appeal(desk, episode_id), Ruling.OVERTURNED)
    assert chain.row(episode_id).state == State.AWAITING_REVIEW
    assert problems(chain) == ()
    with pytest.raises(ForbiddenError, match="refused this before"):
        chain.desk.claim(episode_id, reviewer=REVIEWER)
    assert sign(chain, episode_id, OTHER_REVIEWER) is Outcome.APPROVED
    assert chain.run(episode_id) == "released"
    with chain.database.read() as session:
        assert session.get_one(EpisodeRelease, episode_id).entry_index > before
        assert session.get(EpisodeWithdrawal, episode_id) is None
    kinds = chain.kinds(episode_id)
    assert kinds.count("release.intended") == kinds.count("episode.released") == kinds.count("approval.granted") == 2
    assert problems(chain) == ()
    take_back(chain, episode_id)
    assert problems(chain) == ()


def test_upheld_refusal_stands_and_is_not_appealed_again(chain: Chain, desk: AppealDesk) -> None:
    episode_id = rejected(chain)
    found = rule(desk, appeal(desk, episode_id), Ruling.UPHELD, OTHER_REVIEWER, role=Role.REVIEWER)
    assert found.led_to is None
    assert chain.row(episode_id).state == State.REJECTED
    with pytest.raises(ConflictError, match="appealed before"):
        appeal(desk, episode_id, "But really.")
    with chain.database.read() as session:
        text = statement_of(session, chain.row(episode_id), redress="Ask.").text
    assert "The refusal stands. The reviewer says: I looked at it again." in text


def test_partly_upheld_refusal_is_for_other_categories(chain: Chain, desk: AppealDesk) -> None:
    episode_id = rejected(chain)
    appeal_id = appeal(desk, episode_id)
    for bad in ([], ["request"], ["made up"], ["other"] * 11 + ["x"]):
        with pytest.raises(InvalidRequestError, match="categories"):
            rule(desk, appeal_id, Ruling.PARTLY, categories=bad)
    rule(desk, appeal_id, Ruling.PARTLY, categories=["other"])
    with chain.database.read() as session:
        found = statement_of(session, chain.row(episode_id), redress="Ask.")
    assert found.record["incompatible_content_ground"].endswith(": other")
    assert "for the categories that are named above" in found.text


def test_same_reasons_twice_are_one_appeal_and_others_are_refused(chain: Chain, desk: AppealDesk) -> None:
    episode_id = rejected(chain)
    first, new = desk.file(episode_id, by=SUBMITTER, role=Role.SUBMITTER, reason="Look again.")
    again, second = desk.file(episode_id, by=SUBMITTER, role=Role.SUBMITTER, reason=" Look again.\r\n")
    assert (new, second, first.id) == (True, False, again.id)
    assert chain.kinds(episode_id).count("appeal.filed") == 1
    with pytest.raises(ConflictError, match="one appeal for each"):
        appeal(desk, episode_id, "Other reasons.")


def test_second_refusal_is_another_decision_with_another_statement(chain: Chain, desk: AppealDesk) -> None:
    episode_id = rejected(chain)
    first = statement(chain, episode_id).puid
    rule(desk, appeal(desk, episode_id), Ruling.OVERTURNED)
    chain.desk.claim(episode_id, reviewer=OTHER_REVIEWER)
    chain.desk.reject(episode_id, reviewer=OTHER_REVIEWER, reason="Still false.")
    assert statement(chain, episode_id).puid == first + "-2"
    day = timedelta(days=1)
    kept = list(statements_between(chain.database, chain.clock.now - day, chain.clock.now + day, redress="Ask."))
    assert sorted(one.puid for one in kept) == [first, first + "-2"]
    appeal(desk, episode_id, "Once more.")


def statement(chain: Chain, episode_id: str) -> Statement:
    with chain.database.read() as session:
        return statement_of(session, session.get_one(Submission, episode_id), redress="Ask.")


def test_time_runs_out(chain: Chain, desk: AppealDesk) -> None:
    episode_id, late = rejected(chain), rejected(chain)
    with chain.database.read() as session:
        assert desk.closes_at(session, chain.row(late)) is not None
    chain.clock.now += timedelta(days=182)
    appeal(desk, episode_id)
    chain.clock.now += timedelta(days=2)
    with pytest.raises(ConflictError, match="183 days for an appeal are over"):
        appeal(desk, late)
    with chain.database.read() as session:
        assert desk.closes_at(session, chain.row(late)) is None


def test_what_is_not_refused_cannot_be_appealed(chain: Chain, desk: AppealDesk) -> None:
    waiting = chain.submit("please review")
    chain.run(waiting)
    for episode_id in (released(chain), waiting, chain.submit()):
        with pytest.raises(ConflictError, match="there is no refusal to appeal"):
            appeal(desk, episode_id)
    with pytest.raises(NotFoundError):
        appeal(desk, "ep_nothing")
    for reason in ("", " \n", "x" * 2_001, "a\x00b"):
        with pytest.raises(InvalidRequestError):
            appeal(desk, rejected(chain), reason)


def test_own_withdrawal_is_no_refusal(chain: Chain, desk: AppealDesk) -> None:
    episode_id = released(chain)
    take_back(chain, episode_id, by=SUBMITTER)
    with pytest.raises(ConflictError, match="you took episode"):
        appeal(desk, episode_id)


def test_strangers_and_reviewers_do_not_appeal(chain: Chain, desk: AppealDesk) -> None:
    for who in ("other", REVIEWER):
        with pytest.raises(ForbiddenError, match="only whoever submitted"):
            desk.file(rejected(chain), by=who, role=Role.SUBMITTER, reason="Look again.")


@pytest.mark.parametrize("role", [Role.ADMIN, Role.AUDITOR, Role.SUBMITTER])
def test_only_reviewers_decide(chain: Chain, desk: AppealDesk, role: Role) -> None:
    appeal_id = appeal(desk, rejected(chain))
    with pytest.raises(ForbiddenError, match="only reviewers"):
        rule(desk, appeal_id, Ruling.OVERTURNED, "somebody", role=role)


def test_submitter_with_a_senior_key_does_not_decide(chain: Chain, desk: AppealDesk) -> None:
    with chain.database.write() as session:
        keys = [
            create_key(session, role, "x", chain.clock(), account_id="acct_x").split("_")[1]
            for role in (Role.SUBMITTER, Role.SENIOR_REVIEWER)
        ]
    episode_id = chain.submit("please block", api_key_id=keys[0])
    chain.run(episode_id)
    found, _ = desk.file(episode_id, by=keys[0], role=Role.SUBMITTER, reason="Look again.")
    with pytest.raises(ForbiddenError, match="what they submitted"):
        rule(desk, found.id, Ruling.OVERTURNED, keys[1])


def test_blocks_withdrawals_and_refusals_of_seniors_are_for_seniors(chain: Chain, desk: AppealDesk) -> None:
    withdrawn = released(chain)
    take_back(chain, withdrawn)
    for episode_id in (blocked(chain), withdrawn, rejected(chain, role=Role.SENIOR_REVIEWER)):
        appeal_id = appeal(desk, episode_id)
        with pytest.raises(ForbiddenError, match="senior reviewer must decide"):
            rule(desk, appeal_id, Ruling.OVERTURNED, OTHER_REVIEWER, role=Role.REVIEWER)
        rule(desk, appeal_id, Ruling.UPHELD, OTHER_SENIOR)


def test_appeal_that_another_holds_waits_until_the_lease_ends(chain: Chain, desk: AppealDesk) -> None:
    appeal_id = appeal(desk, rejected(chain))
    desk.take(appeal_id, reviewer=SENIOR, role=Role.SENIOR_REVIEWER)
    for act in (desk.take, lambda *a, **b: rule(desk, appeal_id, Ruling.UPHELD, OTHER_SENIOR)):
        with pytest.raises(ConflictError, match="another reviewer works"):
            act(appeal_id, reviewer=OTHER_SENIOR, role=Role.SENIOR_REVIEWER)
    chain.clock.now += timedelta(minutes=11)
    rule(desk, appeal_id, Ruling.UPHELD, OTHER_SENIOR)
    with pytest.raises(ConflictError, match="is decided"):
        rule(desk, appeal_id, Ruling.OVERTURNED, SENIOR)


@BOTH
def test_of_two_reviewers_at_once_one_decides(chain: Chain, desk: AppealDesk) -> None:
    episode_id = rejected(chain)
    appeal_id = appeal(desk, episode_id)
    rulings = {SENIOR: Ruling.OVERTURNED, OTHER_SENIOR: Ruling.UPHELD, "senior3": Ruling.OVERTURNED}
    acts = [partial(rule, desk, appeal_id, how, who) for who, how in rulings.items()]
    assert sorted(race(acts)) == ["conflict", "conflict", "done"]
    assert chain.kinds(episode_id).count("appeal.decided") == 1
    assert problems(chain) == ()


@BOTH
def test_of_two_appeals_at_once_one_is_filed(chain: Chain, desk: AppealDesk) -> None:
    episode_id = rejected(chain)
    said = race([partial(appeal, desk, episode_id, f"Reasons {number}.") for number in range(3)])
    assert sorted(said) == ["conflict", "conflict", "done"]
    with chain.database.read() as session:
        assert session.exec(select(func.count()).select_from(Appeal)).one() == 1


@BOTH
def test_appeal_and_withdrawal_at_once_never_contradict(chain: Chain, desk: AppealDesk) -> None:
    episode_id = released(chain)
    said = race([partial(appeal, desk, episode_id), partial(take_back, chain, episode_id)])
    assert "done" in said
    if said.count("done") == 1:
        appeal(desk, episode_id)
    with chain.database.read() as session:
        assert [one.against for one in appeals_of(session, episode_id)] == ["withdrawal"]


def race(acts: Sequence[Callable[[], object]]) -> list[str]:
    outcomes: list[str] = []
    start = threading.Barrier(len(acts))

    def run(act: Callable[[], object]) -> None:
        start.wait()
        try:
            act()
        except GatewayError as error:
            outcomes.append(error.slug)
        else:
            outcomes.append("done")

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return outcomes


@BOTH
def test_erasure_takes_the_words_and_ends_the_appeal(chain: Chain, desk: AppealDesk) -> None:
    episode_id = rejected(chain)
    appeal_id = appeal(desk, episode_id, "Unforgettable words.")
    tools = chain.tools
    eraser = Eraser(database=chain.database, log=tools.log, blobs=tools.blobs, clock=chain.clock)
    assert eraser.expire(keep=timedelta(days=-1)) == 0  # an appeal that waits keeps what it is about
    eraser.erase(episode_id, reason=Reason.REQUEST, by="admin1", role="admin")
    with chain.database.read() as session:
        found = session.get_one(Appeal, appeal_id)
    assert (found.open, found.outcome, found.reason, found.statement) == (False, "void", "", None)
    with pytest.raises(ConflictError, match="is decided"):
        rule(desk, appeal_id, Ruling.OVERTURNED)
    with pytest.raises(ConflictError):
        appeal(desk, episode_id)


def test_lists_are_in_the_order_of_what_is_due(chain: Chain, desk: AppealDesk) -> None:
    ids = [appeal(desk, rejected(chain)) for _ in range(3)]
    assert [one.id for one, _ in desk.waiting()] == ids
    rule(desk, ids[1], Ruling.UPHELD)
    assert [one.id for one, _ in desk.waiting()] == [ids[0], ids[2]]
    assert [one.id for one, _ in desk.decided()] == [ids[1]]


def test_reopened_case_is_new_in_the_queue(chain: Chain, desk: AppealDesk) -> None:
    episode_id = rejected(chain)
    with chain.database.read() as session:
        before = session.get_one(ReviewCase, episode_id)
    chain.clock.now += timedelta(hours=3)
    rule(desk, appeal(desk, episode_id), Ruling.OVERTURNED)
    with chain.database.read() as session:
        case = session.get_one(ReviewCase, episode_id)
    assert (case.open, case.verdict, case.decided_by) == (True, None, None)
    assert case.due_at > before.due_at
    assert [one.episode_id for one in chain.desk.waiting()] == [episode_id]


def test_redaction_is_appealed_like_any_refusal_and_decided_by_somebody_else(chain: Chain, desk: AppealDesk) -> None:
    episode_id = chain.submit("Good morning. please review this. Good night.")
    chain.run(episode_id)
    chain.desk.claim(episode_id, reviewer=SENIOR, role=Role.SENIOR_REVIEWER)
    start = chain.row(episode_id).script.index("please")
    redact = partial(chain.desk.redact, episode_id, spans=[(start, start + 1)], reason="False.")
    revision = redact(reviewer=SENIOR, role=Role.SENIOR_REVIEWER)
    appeal, _ = desk.file(episode_id, by=SUBMITTER, role=Role.SUBMITTER, reason="It was true.")
    decide = partial(desk.decide, appeal.id, outcome=Ruling.OVERTURNED, reason="Indeed.")
    with pytest.raises(ForbiddenError):  # what a senior reviewer took out, a senior reviewer looks at
        decide(reviewer=OTHER_REVIEWER, role=Role.REVIEWER)
    with pytest.raises(ForbiddenError):
        decide(reviewer=SENIOR, role=Role.SENIOR_REVIEWER)
    decide(reviewer=OTHER_SENIOR, role=Role.SENIOR_REVIEWER)
    assert chain.row(episode_id).state == State.AWAITING_REVIEW
    with pytest.raises(ForbiddenError):
        chain.desk.claim(episode_id, reviewer=SENIOR, role=Role.SENIOR_REVIEWER)
    chain.desk.claim(episode_id, reviewer=OTHER_REVIEWER)
    chain.desk.reject(episode_id, reviewer=OTHER_REVIEWER, reason="No.")
    with chain.database.read() as session:
        text = statement_of(session, session.get_one(Submission, episode_id), redress="Appeal.").text
    assert revision not in text
    assert "is not published, anywhere" in text
