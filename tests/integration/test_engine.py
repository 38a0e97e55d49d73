"""The engine: whatever is unfinished finds a worker, once, and comes to rest."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from dbos import DBOSClient
from sqlmodel import select

import gateway.engine
from gateway.engine import Durably, Engine, Pace, wait_until_settled
from gateway.errors import ConflictError
from gateway.leases import ExecutorLease
from gateway.settings import Settings
from gateway.submissions import State
from tests.gateway_chain import REVIEWER, Chain, QuickProducer, build_chain

PACE = Pace(poll=0.05, beat=0.1, lease=2.0, sweep=0.1, retry=0.01)
NEVER = Pace(poll=0.05, beat=0.1, lease=2.0, sweep=3600, retry=0.01)
TIMEOUT = 30


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    chain = build_chain(tmp_path, clock=now)  # type: ignore[arg-type]
    yield chain
    chain.database.dispose()


@pytest.fixture
def engine_of(chain: Chain) -> Iterator[Callable[..., Engine]]:
    made: list[Engine] = []

    def make(pace: Pace = PACE) -> Engine:
        made.append(Engine(settings=chain.tools.settings, database=chain.database, pace=pace))
        return made[-1]

    yield make
    for engine in reversed(made):
        engine.stop()


def workflows(engine: Engine, episode_id: str) -> list[tuple[str, str]]:
    client = engine._connect()
    assert isinstance(client, DBOSClient)
    found = client.list_workflows(workflow_id_prefix=f"{episode_id}/")
    return sorted((one.workflow_id.partition("/")[2], str(one.status)) for one in found)


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def test_enqueued_episode_is_released_and_its_states_are_seen(chain: Chain, engine_of: Callable[..., Engine]) -> None:
    engine = engine_of()
    engine.start(chain.pipeline)
    assert engine.is_working
    episode_id = chain.submit()
    seen: list[State] = []
    engine.enqueue(episode_id)
    assert wait_until_settled(chain.database, episode_id, timeout=TIMEOUT, on_change=seen.append) is State.RELEASED
    assert seen[-1] is State.RELEASED
    assert seen == sorted(set(seen), key=seen.index)


def test_process_that_only_serves_hands_over_to_a_worker(chain: Chain, engine_of: Callable[..., Engine]) -> None:
    serving, working = engine_of(), engine_of(NEVER)
    episode_id = chain.submit()
    serving.enqueue(episode_id)
    assert not serving.is_working
    assert workflows(serving, episode_id) == [("1", "ENQUEUED")]
    working.start(chain.pipeline)
    assert wait_until_settled(chain.database, episode_id, timeout=TIMEOUT) is State.RELEASED


def test_enqueuing_again_and_again_makes_one_workflow(chain: Chain, engine_of: Callable[..., Engine]) -> None:
    serving = engine_of()
    episode_id = chain.submit()
    threads = [threading.Thread(target=serving.enqueue, args=(episode_id,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert workflows(serving, episode_id) == [("1", "ENQUEUED")]


def test_submission_whose_sender_crashed_before_enqueuing_is_found(
    chain: Chain, engine_of: Callable[..., Engine]
) -> None:
    episode_id = chain.submit()
    engine_of().start(chain.pipeline)
    assert wait_until_settled(chain.database, episode_id, timeout=TIMEOUT) is State.RELEASED


def test_approval_whose_sender_crashed_before_enqueuing_is_found(
    chain: Chain, engine_of: Callable[..., Engine]
) -> None:
    engine = engine_of()
    engine.start(chain.pipeline)
    episode_id = chain.submit("please review")
    engine.enqueue(episode_id)
    assert wait_until_settled(chain.database, episode_id, timeout=TIMEOUT) is State.AWAITING_REVIEW
    chain.desk.claim(episode_id, reviewer=REVIEWER)
    chain.desk.approve(episode_id, reviewer=REVIEWER, reason="Fine.")
    assert chain.enqueued == [episode_id]  # the test's desk tells nobody
    assert wait_until_settled(chain.database, episode_id, timeout=TIMEOUT) in (State.APPROVED, State.RELEASED)
    eventually(lambda: chain.row(episode_id).state == State.RELEASED)
    assert [number for number, _ in workflows(engine, episode_id)] == ["1", "2"]


def test_waiting_for_a_reviewer_keeps_no_workflow(chain: Chain, engine_of: Callable[..., Engine]) -> None:
    engine = engine_of()
    engine.start(chain.pipeline)
    episode_id = chain.submit("please review")
    engine.enqueue(episode_id)
    eventually(lambda: workflows(engine, episode_id) == [("1", "SUCCESS")])
    assert engine.sweep() == []


def test_second_worker_on_one_sqlite_file_is_refused(chain: Chain, engine_of: Callable[..., Engine]) -> None:
    first, second = engine_of(), engine_of()
    first.start(chain.pipeline)
    with pytest.raises(ConflictError, match="another worker"):
        second.start(chain.pipeline)
    with pytest.raises(ConflictError, match="already"):
        first.start(chain.pipeline)
    first.stop()
    second.start(chain.pipeline)


def test_stopped_worker_signs_off_and_stopping_twice_is_harmless(
    chain: Chain, engine_of: Callable[..., Engine]
) -> None:
    engine = engine_of()
    engine.start(chain.pipeline)
    with chain.database.read() as session:
        assert len(session.exec(select(ExecutorLease)).all()) == 1
    engine.stop()
    engine.stop()
    assert not engine.is_working
    with chain.database.read() as session:
        assert session.exec(select(ExecutorLease)).all() == []


def test_chores_are_done_again_and_again_and_one_that_fails_stops_neither_the_others_nor_the_worker(
    chain: Chain, engine_of: Callable[..., Engine]
) -> None:
    done = threading.Semaphore(0)

    def fail() -> None:
        raise RuntimeError("dust")

    engine = engine_of(pace=replace(PACE, chores=0.05))
    engine.start(chain.pipeline, chores=[fail, done.release])
    for _ in range(3):
        assert done.acquire(timeout=TIMEOUT)
    episode_id = chain.submit()
    engine.enqueue(episode_id)
    assert wait_until_settled(chain.database, episode_id, timeout=TIMEOUT) is State.RELEASED


def test_worker_that_could_not_start_leaves_the_place_free(
    chain: Chain, engine_of: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = engine_of(), engine_of()
    with monkeypatch.context() as patched:
        patched.setattr(gateway.engine.DBOS, "launch", lambda: (_ for _ in ()).throw(RuntimeError("no threads left")))
        with pytest.raises(RuntimeError, match="no threads left"):
            first.start(chain.pipeline)
    assert not first.is_working
    second.start(chain.pipeline)
    episode_id = chain.submit()
    second.enqueue(episode_id)
    assert wait_until_settled(chain.database, episode_id, timeout=TIMEOUT) is State.RELEASED


def test_episode_that_was_being_made_when_the_worker_stopped_goes_on_later(tmp_path: Path) -> None:
    reached, go_on = threading.Event(), threading.Event()

    def wait(episode_id: str) -> None:
        reached.set()
        go_on.wait(TIMEOUT)

    chain = build_chain(tmp_path, producer=QuickProducer(before=wait), clock=now)  # type: ignore[arg-type]
    first = Engine(settings=chain.tools.settings, database=chain.database, pace=PACE)
    first.start(chain.pipeline)
    episode_id = chain.submit()
    first.enqueue(episode_id)
    assert reached.wait(TIMEOUT)
    first.stop()
    assert chain.row(episode_id).state == State.SCREENED
    go_on.set()
    second = Engine(settings=chain.tools.settings, database=chain.database, pace=PACE)
    second.start(chain.pipeline)
    assert wait_until_settled(chain.database, episode_id, timeout=TIMEOUT) is State.RELEASED
    assert chain.kinds(episode_id).count("clip.produced") == 1
    second.stop()
    chain.database.dispose()


def test_episode_that_never_comes_to_rest_is_given_up(
    chain: Chain, engine_of: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Falling:
        """A pipeline whose every workflow dies of something that nobody foresaw."""

        def advance(self, episode_id: str, durably: Durably) -> str:
            raise SystemError("out of luck")

        def abandon(self, episode_id: str, error: Exception) -> str:
            return chain.pipeline.abandon(episode_id, error)

    monkeypatch.setattr(gateway.engine, "MAX_WORKFLOWS", 3)
    engine = engine_of()
    engine.start(Falling())
    episode_id = chain.submit()
    engine.enqueue(episode_id)
    assert wait_until_settled(chain.database, episode_id, timeout=TIMEOUT) is State.FAILED
    assert chain.row(episode_id).failure == "worker-lost"
    assert [number for number, _ in workflows(engine, episode_id)] == ["1", "2", "3"]


def test_passing_faults_are_retried_within_the_step(tmp_path: Path) -> None:
    from gateway.errors import StorageError

    faults = [StorageError("the disk is full"), StorageError("the disk is full")]

    def fail_twice(episode_id: str) -> None:
        if faults:
            raise faults.pop()

    chain = build_chain(tmp_path, producer=QuickProducer(before=fail_twice), clock=now)  # type: ignore[arg-type]
    engine = Engine(settings=chain.tools.settings, database=chain.database, pace=PACE)
    engine.start(chain.pipeline)
    episode_id = chain.submit()
    engine.enqueue(episode_id)
    assert wait_until_settled(chain.database, episode_id, timeout=TIMEOUT) is State.RELEASED
    assert workflows(engine, episode_id)[0][0] == "1"
    assert len(chain.tools.producer.calls) == 3  # type: ignore[attr-defined]
    engine.stop()
    chain.database.dispose()


def test_fault_that_does_not_pass_fails_the_episode(tmp_path: Path) -> None:
    from gateway.errors import StorageError

    def fail(episode_id: str) -> None:
        raise StorageError("the disk is full")

    chain = build_chain(tmp_path, producer=QuickProducer(before=fail), clock=now)  # type: ignore[arg-type]
    engine = Engine(settings=chain.tools.settings, database=chain.database, pace=PACE)
    engine.start(chain.pipeline)
    episode_id = chain.submit()
    engine.enqueue(episode_id)
    assert wait_until_settled(chain.database, episode_id, timeout=TIMEOUT) is State.FAILED
    assert chain.row(episode_id).failure == "storage-unavailable"
    engine.stop()
    chain.database.dispose()


def test_unreachable_job_database_does_not_lose_the_request(
    tmp_path: Path, chain: Chain, caplog: pytest.LogCaptureFixture
) -> None:
    unreachable = Settings(home=tmp_path, database_url="postgresql+psycopg://nobody@127.0.0.1:1/assay")
    engine = Engine(settings=unreachable, database=chain.database, pace=PACE)
    with caplog.at_level(logging.WARNING):
        engine.enqueue(chain.submit())
    assert "a worker's sweep will queue it" in caplog.text
    engine.stop()


def test_engine_starts_and_stops_inside_a_running_event_loop(
    chain: Chain, engine_of: Callable[..., Engine], caplog: pytest.LogCaptureFixture
) -> None:
    engine = engine_of()
    episode_id = chain.submit()

    async def serve() -> State:
        engine.start(chain.pipeline)
        try:
            engine.enqueue(episode_id)
            return await asyncio.to_thread(wait_until_settled, chain.database, episode_id, timeout=TIMEOUT)
        finally:
            engine.stop()

    with caplog.at_level(logging.WARNING):
        assert asyncio.run(serve()) is State.RELEASED
    assert "event loop" not in caplog.text


def test_waiting_ends_with_the_timeout_and_the_present_state(chain: Chain) -> None:
    episode_id = chain.submit()
    assert wait_until_settled(chain.database, episode_id, timeout=0.0) is State.RECEIVED


def test_waiting_for_an_unknown_episode_is_refused(chain: Chain) -> None:
    with pytest.raises(ConflictError, match="no episode"):
        wait_until_settled(chain.database, "ep_unknown", timeout=0.0)
