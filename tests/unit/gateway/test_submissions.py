"""Accepting scripts, and the states that a submission may move through."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import func, select

from audit.event import EventKind
from gateway.commitments import commit, secret_of
from gateway.errors import ConflictError, IdempotencyConflictError, InvalidRequestError, NotFoundError, TooLargeError
from gateway.intake import manuscript_of, submit
from gateway.submissions import PUBLISHED, RESTING, TERMINAL, TRANSITIONS, State, Submission, lock, move, new_episode_id
from synth.errors import ScriptError, VoiceError
from synth.formats import parse_script
from tests.gateway_chain import SUBMITTER, Chain, build_chain, script_of


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    return build_chain(tmp_path, max_script_bytes=10_000)


def stored(chain: Chain) -> int:
    with chain.database.read() as session:
        return session.exec(select(func.count()).select_from(Submission)).one()


def logged(chain: Chain) -> int:
    from audit.store import read_head

    with chain.database.read() as session:
        return read_head(session).size


def test_accepted_script_is_stored_untouched_with_its_first_event(chain: Chain) -> None:
    episode_id = chain.submit("Good   morning,  *world*.")
    row = chain.row(episode_id)
    assert row.state == State.RECEIVED
    assert row.script == script_of("Good   morning,  *world*.")
    assert row.submitter == SUBMITTER
    assert row.received_at.tzinfo is not None
    with chain.database.read() as session:
        (event,) = chain.tools.log.events_for(session, episode_id)
    assert event.event.kind is EventKind.SUBMISSION_RECEIVED
    assert event.event.actor == SUBMITTER
    with chain.database.read() as session:
        secret = secret_of(session, row.id)
    assert event.event.facts["script_commitment"] == commit(secret, "script", row.script_digest)
    assert b"morning" not in event.leaf
    assert b"briefing" not in event.leaf


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", ScriptError),
        ("   \n\n", ScriptError),
        ("\x00\x01\x02", ScriptError),
        (script_of("Good \x07 morning."), ScriptError),
        (script_of("Good morning.").replace("Anna: Good", "BERT: Good"), ScriptError),
        (script_of("Good morning.").replace("quiet", "loud"), VoiceError),
        (script_of("Guten Morgen.").replace("language: en", "language: de"), VoiceError),
        (script_of("word " * 4000), TooLargeError),
        ("\ud800", Exception),
    ],
    ids=[
        "empty",
        "blank",
        "binary",
        "control character",
        "unknown speaker",
        "voice not allowed",
        "language",
        "large",
        "surrogate",
    ],
)
def test_unacceptable_script_leaves_nothing_behind(chain: Chain, text: str, error: type[Exception]) -> None:
    with chain.database.write() as session, pytest.raises(error) as caught:
        submit(session, toolchain=chain.tools, api_key_id=SUBMITTER, text=text)
    assert type(caught.value).__module__.split(".")[0] in ("gateway", "synth")
    assert stored(chain) == 0
    assert logged(chain) == 0


def test_same_script_under_the_same_key_is_the_same_submission(chain: Chain) -> None:
    with chain.database.write() as session:
        first, created = submit(
            session, toolchain=chain.tools, api_key_id="a", text=script_of("Hello."), idempotency_key="k1"
        )
    assert created
    chain.run(first.id)
    with chain.database.write() as session:
        again, created = submit(
            session, toolchain=chain.tools, api_key_id="a", text=script_of("Hello."), idempotency_key="k1"
        )
    assert not created
    assert again.id == first.id
    assert again.state == State.RELEASED
    assert stored(chain) == 1


def test_other_script_under_the_same_key_is_refused_and_names_the_first(chain: Chain) -> None:
    first = chain.submit("Hello.", idempotency_key="k1")
    with pytest.raises(IdempotencyConflictError) as caught:
        chain.submit("Goodbye.", idempotency_key="k1")
    assert caught.value.extensions["episode_id"] == first
    assert stored(chain) == 1


def test_idempotency_keys_of_different_callers_do_not_meet(chain: Chain) -> None:
    assert chain.submit("Hello.", idempotency_key="k1", api_key_id="a") != chain.submit(
        "Goodbye.", idempotency_key="k1", api_key_id="b"
    )


def test_without_a_key_the_same_script_is_a_new_submission(chain: Chain) -> None:
    assert chain.submit("Hello.") != chain.submit("Hello.")


@pytest.mark.parametrize("key", ["", "x" * 256, "a\nb"])
def test_unusable_idempotency_key_is_refused(chain: Chain, key: str) -> None:
    with pytest.raises(InvalidRequestError):
        chain.submit("Hello.", idempotency_key=key)
    assert stored(chain) == 0


@pytest.mark.parametrize("backend", ["sqlite", "postgres"])
def test_concurrent_retries_under_one_key_make_one_submission(
    backend: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue("postgres_url") if backend == "postgres" else ""
    chain = build_chain(tmp_path, database_url=url)
    found: list[str] = []
    barrier = threading.Barrier(6)

    def send() -> None:
        barrier.wait()
        found.append(chain.submit("Hello.", idempotency_key="k1"))

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert len(set(found)) == 1
    assert stored(chain) == 1
    assert chain.kinds(found[0]) == ["submission.received"]
    chain.database.dispose()


def test_everything_a_listener_sees_is_screened(chain: Chain) -> None:
    script = parse_script(script_of("Good morning.", title="A title to screen"))
    manuscript = manuscript_of(script)
    assert manuscript.text == script.source
    assert [manuscript.text[turn.start : turn.end] for turn in manuscript.turns] == ["Good morning."]


def test_every_state_has_its_transitions_and_the_ends_have_none() -> None:
    assert set(TRANSITIONS) == set(State)
    ends = {State.BLOCKED, State.REJECTED, State.GOLDEN, State.FAILED, State.SPOKEN}
    assert PUBLISHED | ends == TERMINAL
    appealed = {State.BLOCKED, State.REJECTED, State.WITHDRAWN, State.SUPERSEDED}
    assert {state for state in TERMINAL if TRANSITIONS[state]} == {State.RELEASED, State.SPOKEN} | appealed
    assert all(
        State.APPROVED not in TRANSITIONS[state] and State.RELEASED not in TRANSITIONS[state] for state in appealed
    )
    assert {State.AWAITING_REVIEW} == RESTING - TERMINAL
    begins = {State.RECEIVED, State.SPOKEN}  # the second for speech on request, which is screened before it has a row
    reachable, frontier = set(begins), set(begins)
    while frontier:
        frontier = {to for state in frontier for to in TRANSITIONS[state]} - reachable
        reachable |= frontier
    assert reachable == set(State)


def test_release_is_reachable_through_approval_only() -> None:
    assert [state for state, following in TRANSITIONS.items() if State.RELEASED in following] == [State.APPROVED]


def test_move_that_the_machine_does_not_know_is_refused_and_changes_nothing(chain: Chain) -> None:
    episode_id = chain.submit()
    with chain.database.write() as session:
        row = lock(session, episode_id)
        with pytest.raises(ConflictError, match="cannot become released"):
            move(row, State.RELEASED, at=chain.clock())
    assert chain.row(episode_id).state == State.RECEIVED
    assert chain.row(episode_id).version == 1


def test_move_counts_versions_and_keeps_the_time(chain: Chain) -> None:
    episode_id = chain.submit()
    at = chain.clock() + timedelta(minutes=1)
    with chain.database.write() as session:
        move(lock(session, episode_id), State.SCREENED, at=at)
    row = chain.row(episode_id)
    assert (row.state, row.version, row.changed_at) == ("screened", 2, at)


def test_locking_an_unknown_episode_is_not_found(chain: Chain) -> None:
    with chain.database.write() as session, pytest.raises(NotFoundError):
        lock(session, "ep_unknown")


def test_ids_are_long_random_and_free_of_look_alikes() -> None:
    ids = {new_episode_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(len(one) == 23 and one.startswith("ep_") and not set(one[3:]) & set("ilou") for one in ids)
