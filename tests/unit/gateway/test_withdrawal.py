"""Taking a released episode back: once, by one of two who race, with its event, and never what was not released."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from audit.fsck import fsck
from gateway.errors import ConflictError, GatewayError, InvalidRequestError, NotFoundError, WithdrawnError
from gateway.inspection import inspect
from gateway.publish import Purpose
from gateway.releases import find_published, find_released, list_released
from gateway.submissions import EpisodeReceipt, EpisodeWithdrawal, State, Submission
from gateway.withdrawal import MAX_REASON, withdraw
from tests.gateway_chain import REVIEWER, Chain, build_chain


@pytest.fixture(params=["sqlite", "postgres"])
def chain(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Chain]:
    url = "" if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))
    chain = build_chain(tmp_path, database_url=url)
    yield chain
    chain.database.dispose()


def released(chain: Chain) -> str:
    episode_id = chain.submit()
    assert chain.run(episode_id) == State.RELEASED
    return episode_id


def take_back(
    chain: Chain, episode_id: str, reason: str = "The date is wrong.", replacement: str | None = None
) -> None:
    with chain.database.write() as session:
        withdraw(
            session,
            episode_id,
            reason=reason,
            by=REVIEWER,
            role="reviewer",
            at=chain.clock(),
            log=chain.tools.log,
            replacement=replacement,
        )


def problems(chain: Chain) -> tuple[str, ...]:
    tools = chain.tools
    return inspect(chain.database, log=tools.log, blobs=tools.blobs, files=tools.log_files).problems


def test_withdrawn_episode_is_out_of_what_is_released_and_still_known(chain: Chain) -> None:
    episode_id = released(chain)
    take_back(chain, episode_id)
    with chain.database.read() as session:
        assert find_released(session, episode_id) is None
        assert list_released(session) == []
        known = find_published(session, episode_id)
        assert session.get(EpisodeReceipt, (episode_id, Purpose.INTENT.value)) is not None
    assert known is not None
    assert known.state is State.WITHDRAWN
    assert known.withdrawal is not None
    assert known.withdrawal.reason == "The date is wrong."
    assert chain.kinds(episode_id)[-2:] == ["episode.released", "episode.withdrawn"]
    assert problems(chain) == ()


def test_superseded_episode_names_the_released_one_that_takes_its_place(chain: Chain) -> None:
    wrong, right = released(chain), released(chain)
    take_back(chain, wrong, replacement=right)
    with chain.database.read() as session:
        known = find_published(session, wrong)
        assert [one.id for one in list_released(session)] == [right]
    assert known is not None
    assert known.state is State.SUPERSEDED
    assert known.withdrawal is not None
    assert known.withdrawal.replacement == right
    assert chain.kinds(wrong)[-1] == "episode.corrected"
    assert problems(chain) == ()


def test_the_event_is_under_a_signed_checkpoint_and_names_no_reason(chain: Chain) -> None:
    episode_id = released(chain)
    take_back(chain, episode_id, "Mrs Jones of Elm Street never said this.")
    with chain.database.read() as session:
        (event,) = [
            one
            for one in chain.tools.log.events_for(session, episode_id)
            if one.event.kind.value == "episode.withdrawn"
        ]
        assert event.event.actor == REVIEWER
        assert b"Jones" not in event.leaf
        chain.tools.log.prove(session, event.index)  # raises where no checkpoint covers it
        report = fsck(session, origin=chain.tools.log.origin, verifier=chain.tools.log.verifier, published=None)
    assert report.divergence is None


def test_second_time_is_refused_and_keeps_the_first_reason(chain: Chain) -> None:
    episode_id, other = released(chain), released(chain)
    take_back(chain, episode_id, "First.")
    for replacement in (None, other):
        with pytest.raises(WithdrawnError, match="First"):
            take_back(chain, episode_id, "Second.", replacement)
    assert chain.kinds(episode_id).count("episode.withdrawn") == 1
    assert chain.kinds(episode_id)[-1] == "episode.withdrawn"


@pytest.mark.parametrize("words", ["please review", "please block", "please break"])
def test_what_was_never_released_cannot_be_taken_back(chain: Chain, words: str) -> None:
    episode_id = chain.submit(words)
    chain.run(episode_id)
    before = chain.kinds(episode_id)
    with pytest.raises(ConflictError, match="only what is public"):
        take_back(chain, episode_id)
    assert chain.kinds(episode_id) == before
    with chain.database.read() as session:
        assert session.get(EpisodeWithdrawal, episode_id) is None


def test_replacement_must_be_another_released_episode(chain: Chain) -> None:
    wrong, waiting, gone = released(chain), chain.submit("please review"), released(chain)
    chain.run(waiting)
    take_back(chain, gone)
    for replacement, refusal in (
        (wrong, InvalidRequestError),
        (waiting, ConflictError),
        (gone, ConflictError),
        ("ep_nowhere", NotFoundError),
    ):
        with pytest.raises(refusal):
            take_back(chain, wrong, replacement=replacement)
    assert chain.row(wrong).state == State.RELEASED
    with pytest.raises(NotFoundError):
        take_back(chain, "ep_nowhere")


@pytest.mark.parametrize("reason", ["", "  \n ", "x" * (MAX_REASON + 1), "bell \x07", "\x00"])
def test_unusable_reason_takes_nothing_back(chain: Chain, reason: str) -> None:
    episode_id = released(chain)
    with pytest.raises(InvalidRequestError, match="public reason"):
        take_back(chain, episode_id, reason)
    assert chain.row(episode_id).state == State.RELEASED


def test_of_two_who_act_at_once_one_is_told(chain: Chain) -> None:
    one, two = released(chain), released(chain)
    outcomes: list[str] = []
    start = threading.Barrier(4)

    def act(episode_id: str, replacement: str | None) -> None:
        start.wait()
        try:
            take_back(chain, episode_id, replacement=replacement)
        except GatewayError as error:
            outcomes.append(error.slug)
        else:
            outcomes.append("done")

    # Twice the first, and each as the other's replacement: orders of locks that would block each other for ever.
    threads = [threading.Thread(target=act, args=args) for args in ((one, None), (one, two), (two, one), (two, None))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert 1 <= outcomes.count("done") <= 2
    assert set(outcomes) <= {"done", "withdrawn", "conflict"}
    for episode_id in (one, two):
        kinds = chain.kinds(episode_id)
        assert kinds.count("episode.withdrawn") + kinds.count("episode.corrected") <= 1
    with chain.database.read() as session:
        taken = [row for row in (session.get(EpisodeWithdrawal, one), session.get(EpisodeWithdrawal, two)) if row]
    assert len(taken) == outcomes.count("done")
    assert problems(chain) == ()


def test_a_crash_before_the_commit_leaves_the_episode_released(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    episode_id = released(chain)

    class Crash(BaseException):
        pass

    def crash(*_: object, **__: object) -> None:
        raise Crash

    monkeypatch.setattr(chain.tools.log, "seal", crash)
    with pytest.raises(Crash):
        take_back(chain, episode_id)
    monkeypatch.undo()
    assert chain.row(episode_id).state == State.RELEASED
    assert chain.kinds(episode_id)[-1] == "episode.released"
    assert problems(chain) == ()


def test_row_that_contradicts_the_log_is_found(chain: Chain) -> None:
    episode_id = released(chain)
    take_back(chain, episode_id)
    with chain.database.write() as session:
        session.delete(session.get(EpisodeWithdrawal, episode_id))
        row = session.get(Submission, episode_id)
        assert row is not None
        row.state = State.RELEASED.value
    assert any(f"withdrawal of {episode_id}" in problem for problem in problems(chain))
