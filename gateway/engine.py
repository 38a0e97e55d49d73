"""Durable execution: DBOS runs the pipeline's steps, and a sweep takes over what a dead worker left.

Any process puts episodes on the queue; processes that called `start` take them off. What an episode has to do next is
its state in our own database, and every step commits exactly once by looking at that state (`gateway.pipeline`). So a
workflow is disposable: whenever an unfinished episode has no workflow that is alive, the sweep gives it the next one,
`<episode>/<n>`. That covers a crash between commit and enqueue, a killed worker, a lost database, a changed version,
and two sweeps at once, because the same name is enqueued once only.

DBOS's own recovery is not relied on: it sees only the same executor and version. No DBOS call is made inside an open
transaction of ours, and its tables are apart: a second SQLite file, or the schema `dbos` on PostgreSQL.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import sqlalchemy as sa
from dbos import DBOS, DBOSClient, DBOSConfig, DBOSPortableJSONSerializer, StepOptions, WorkflowStatus
from sqlmodel import col, select

from gateway.db import Database, is_unavailable, sqlite_engine
from gateway.errors import ConflictError, DatabaseUnavailableError, GatewayError
from gateway.leases import Leases
from gateway.settings import Settings
from gateway.submissions import RESTING, State, Submission

APPLICATION = "assay"
# Which workers understand a queued workflow. Pinned, because the default is a hash of the source: after any change of
# a comment, running episodes would wait for ever. Old workflows are replaced by the sweep, so this need never change.
APPLICATION_VERSION = "1"
QUEUE = "episodes"
WORKFLOW = "episode"
MAX_WORKFLOWS = 10  # an episode that killed its worker this often is at fault itself
SETTLE_POLL_SECONDS = 0.1
HUNG_SECONDS = 300.0  # a keeper that was silent for so long hangs: no chore and no transaction takes as long

logger = logging.getLogger(__name__)

Step = Callable[[], str]


class Durably(Protocol):
    """Runs a named step and remembers its result, so that a repeated workflow does not run it again."""

    def __call__(self, name: str, step: Step, *, patient: bool) -> str:
        """Run `step`; where `patient`, an exception is answered by a few more tries before it is raised."""


class Work(Protocol):
    """What a worker does for an episode."""

    def advance(self, episode_id: str, durably: Durably) -> str:
        """Run the steps that remain, and return the state in which the episode rests."""

    def abandon(self, episode_id: str, error: Exception) -> str:
        """Record that the episode failed with `error`, unless it has settled, and return its state."""


class Companion(Protocol):
    """Something that works beside the worker, for as long as it works."""

    def start(self) -> None:
        """Begin, in a thread of its own."""

    def stop(self) -> None:
        """End; nothing of it runs when this returns. Safe to call twice."""


class WorkerLostError(GatewayError):
    """An episode was begun too often without ever coming to rest."""

    slug = "worker-lost"
    title = "The episode kept stopping its worker"


@dataclass(frozen=True, slots=True)
class Pace:
    """How often things are looked at, in seconds."""

    poll: float = 0.25  # queue
    beat: float = 3.0  # own lease
    lease: float = 30.0  # until a silent worker counts as dead: longer than any pause under a busy interpreter lock
    sweep: float = 3.0  # unfinished episodes without a living workflow
    retry: float = 1.0  # first wait after a passing fault; doubles
    tries: int = 6  # about half a minute in all
    chores: float = 60.0  # what a worker does besides episodes


class Engine:
    """One process's access to durable execution; `start` makes the process a worker."""

    def __init__(
        self,
        *,
        settings: Settings,
        database: Database,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        pace: Pace | None = None,
    ) -> None:
        self._url = sa.make_url(settings.jobs_url)
        self._worker_threads = settings.worker_threads
        self._database = database
        self._pace = pace or Pace()
        self._leases = Leases(database=database, clock=clock, seconds=self._pace.lease, beat=self._pace.beat)
        self._lock = threading.Lock()
        self._client: DBOSClient | None = None
        self._jobs: sa.Engine | None = None  # SQLite only: DBOS would otherwise run without WAL
        self._work: Work | None = None
        self._chores: Sequence[Callable[[], object]] = ()
        self._with_beat: Callable[[], object] = lambda: None
        self._stopping = threading.Event()
        self._looked = time.monotonic()  # when the keeper last came by
        self._keeper: threading.Thread | None = None
        self._companions: Sequence[Companion] = ()
        self._running: set[str] = set()  # workflows that have a thread in this process
        self._suspects: frozenset[str] = frozenset()  # workflows of ours that had none at the last sweep

    @property
    def is_working(self) -> bool:
        """True while this process takes episodes off the queue."""
        return self._work is not None

    @property
    def is_alive(self) -> bool:
        """False once a worker has not looked around for so long that a supervisor should restart it."""
        return not self.is_working or time.monotonic() - self._looked < HUNG_SECONDS

    def enqueue(self, episode_id: str) -> None:
        """See that the episode is being worked on; call it after the commit that made it ready, as often as you like.

        Never raises for a database that is out of reach: the episode is stored, and the sweep will find it.
        """
        try:
            self._ensure(episode_id, self._leases.living(), frozenset())
        except Exception as error:
            if not is_unavailable(error):
                raise
            logger.warning("episode %s is stored but not queued yet; a worker's sweep will queue it", episode_id)

    def start(
        self,
        work: Work,
        *,
        chores: Sequence[Callable[[], object]] = (),
        companions: Sequence[Companion] = (),
        with_beat: Callable[[], object] = lambda: None,
    ) -> None:
        """Make this process a worker: launch DBOS, announce the worker, and sweep at once and then regularly.

        `with_beat` is done with every beat, `chores` once a minute, both first at once and in the thread of the sweep.
        `companions` are started last, and stopped first.

        Raises `ConflictError` if another worker already serves this SQLite file; PostgreSQL takes any number.
        """
        if self._work is not None:
            raise ConflictError("this process is a worker already")
        self._leases.claim()
        try:
            # Aside, because an application may start us from its event loop, where DBOS would complain.
            with ThreadPoolExecutor(max_workers=1) as aside:
                aside.submit(self._launch, work).result()
        except BaseException:
            DBOS.destroy(destroy_registry=True)
            self._leases.release()
            raise
        self._work = work
        self._chores, self._with_beat = chores, with_beat
        self._stopping.clear()
        self._keeper = threading.Thread(target=self._keep, name="assay-keeper", daemon=True)
        self._keeper.start()
        self._companions = companions
        for companion in companions:
            companion.start()

    def stop(self, *, patience_seconds: int = 0) -> None:
        """Take no new episodes, wait up to `patience_seconds` for running ones, and disconnect; safe to call twice.

        An episode that is still being made stays unfinished, and the next worker goes on with it.
        """
        for companion in self._companions:
            companion.stop()
        self._companions = ()
        self._stopping.set()
        if self._keeper is not None:
            self._keeper.join()
            self._keeper = None
        if self._work is not None:
            DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=patience_seconds)
            self._work = None
            self._leases.release()
        with self._lock:
            if self._client is not None:
                self._client.destroy()
                self._client = None
            if self._jobs is not None:
                self._jobs.dispose()
                self._jobs = None

    def sweep(self) -> list[str]:
        """Give every unfinished episode without a living workflow its next one; returns the episodes concerned."""
        living = self._leases.living()
        active = self._connect().list_workflows(
            name=WORKFLOW, status=["ENQUEUED", "DELAYED", "PENDING"], load_input=False, load_output=False
        )
        stalled = self._stalled(active)
        busy = {_episode_of(workflow) for workflow in active if _is_alive(workflow, living, stalled)}
        with self._database.read() as session:
            waiting = session.exec(
                select(Submission.id)
                .where(
                    col(Submission.state).not_in([state.value for state in RESTING]),
                    col(Submission.waiting_for).is_(None),  # `gateway.countersigning` knows when they may go on
                )
                .order_by(col(Submission.received_at))
            ).all()
        left = [episode_id for episode_id in waiting if episode_id not in busy]
        for episode_id in left:
            self._ensure(episode_id, living, stalled)
        return left

    def _stalled(self, active: Iterable[WorkflowStatus]) -> frozenset[str]:
        """Workflows that are ours and pending, but had no thread at this sweep nor the one before.

        A thread ends without a word when DBOS loses the database while it records a result. Once is no proof: a thread
        may be about to begin, or DBOS about to record its end.
        """
        ours = (one for one in active if one.status == "PENDING" and one.executor_id == self._leases.executor_id)
        idle = frozenset(one.workflow_id for one in ours if one.workflow_id not in self._running)
        stalled, self._suspects = idle & self._suspects, idle
        return stalled

    def _ensure(self, episode_id: str, living: frozenset[str], stalled: frozenset[str]) -> None:
        """Enqueue the episode's next workflow unless one is waiting or running."""
        client = self._connect()
        history = client.list_workflows(workflow_id_prefix=f"{episode_id}/", load_input=False, load_output=False)
        newest = max(history, key=_number_of, default=None)
        number = 1 if newest is None else _number_of(newest) + 1
        if newest is not None:
            if _is_alive(newest, living, stalled):
                return
            if newest.status == "PENDING":
                # Its worker is dead, or so slow that it looks dead; cancelled, it stops before its next step.
                client.cancel_workflow(newest.workflow_id)
        # One that ended well left the episode where it waits for others, and says nothing against it.
        if sum(workflow.status != "SUCCESS" for workflow in history) >= MAX_WORKFLOWS:
            if self._work is not None:
                self._work.abandon(episode_id, WorkerLostError(f"the episode was begun {MAX_WORKFLOWS} times in vain"))
            return
        # If we crash here, or another process does the same now: the same name is enqueued once only.
        client.enqueue(
            {"workflow_name": WORKFLOW, "queue_name": QUEUE, "workflow_id": f"{episode_id}/{number}"}, episode_id
        )

    def _launch(self, work: Work) -> None:
        self._connect().register_queue(
            QUEUE,
            worker_concurrency=self._worker_threads,
            polling_interval_sec=self._pace.poll,
            on_conflict="always_update",
        )
        DBOS(config=self._config())

        def episode(episode_id: str) -> str:
            workflow_id = str(DBOS.workflow_id)
            self._running.add(workflow_id)
            try:
                return work.advance(episode_id, self._durably)
            finally:
                self._running.discard(workflow_id)

        DBOS.workflow(name=WORKFLOW, max_recovery_attempts=MAX_WORKFLOWS)(episode)
        DBOS.launch()

    def _durably(self, name: str, step: Step, *, patient: bool) -> str:
        options = StepOptions(
            name=name,
            retries_allowed=patient,
            interval_seconds=self._pace.retry,
            max_attempts=self._pace.tries,
            backoff_rate=2.0,
        )
        return DBOS.run_step(options, step)

    def _connect(self) -> DBOSClient:
        """Return the client, after seeing to DBOS's tables on first use."""
        with self._lock:
            if self._client is None:
                try:
                    self._client = self._open_client()
                except Exception as error:
                    if is_unavailable(error):
                        raise DatabaseUnavailableError("the job database is out of reach") from error
                    raise
            return self._client

    def _open_client(self) -> DBOSClient:
        if self._url.get_backend_name() == "sqlite":
            self._jobs = sqlite_engine(self._url, begin=None)
        DBOS.migrate(self._url.render_as_string(hide_password=False))
        return DBOSClient(
            system_database_url=self._url.render_as_string(hide_password=False),
            system_database_engine=self._jobs,
            serializer=DBOSPortableJSONSerializer(),
            application_name=APPLICATION,
            retry_connection_errors=False,
        )

    def _config(self) -> DBOSConfig:
        logging.getLogger("dbos").addHandler(logging.NullHandler())  # else DBOS installs a console of its own
        return DBOSConfig(
            name=APPLICATION,
            system_database_url=self._url.render_as_string(hide_password=False),
            system_database_engine=self._jobs,
            executor_id=self._leases.executor_id,
            application_version=APPLICATION_VERSION,
            serializer=DBOSPortableJSONSerializer(),
            log_level="WARNING",
        )

    def _keep(self) -> None:
        """Beat and sweep until told to stop; a database that is away is waited for."""
        next_sweep, next_chores = 0.0, 0.0
        while not self._stopping.is_set():
            self._looked = time.monotonic()
            try:
                self._leases.beat()
                self._with_beat()
                if time.monotonic() >= next_sweep:
                    for episode_id in self.sweep():
                        logger.info("episode %s had no living workflow and got one", episode_id)
                    next_sweep = time.monotonic() + self._pace.sweep
            except Exception as error:  # noqa: BLE001  # the keeper must outlive whatever it meets
                logger.warning("the sweep failed with %s and will be tried again", type(error).__name__)
            if time.monotonic() >= next_chores:
                self._do_chores()
                next_chores = time.monotonic() + self._pace.chores
            self._stopping.wait(self._pace.beat)

    def _do_chores(self) -> None:
        for chore in self._chores:
            try:
                chore()
            except Exception as error:  # noqa: BLE001  # the same
                logger.warning("a chore failed with %s and will be tried again", type(error).__name__)


def wait_until_settled(
    database: Database,
    episode_id: str,
    *,
    timeout: float,
    on_change: Callable[[State], None] | None = None,
) -> State:
    """Wait until the episode rests (released, blocked, failed, rejected or awaiting review) and return that state.

    Calls `on_change` with every state that is seen, the first included. Returns the present state after `timeout`
    seconds. Raises `ConflictError` for an unknown episode.
    """
    deadline = time.monotonic() + timeout
    seen: State | None = None
    while True:
        with database.read() as session:
            found = session.exec(select(Submission.state).where(Submission.id == episode_id)).one_or_none()
        if found is None:
            raise ConflictError(f"there is no episode '{episode_id}' to wait for")
        if found != seen:
            seen = State(found)
            if on_change is not None:
                on_change(seen)
        if seen in RESTING or time.monotonic() >= deadline:
            return seen
        time.sleep(SETTLE_POLL_SECONDS)


def _episode_of(workflow: WorkflowStatus) -> str:
    return workflow.workflow_id.partition("/")[0]


def _number_of(workflow: WorkflowStatus) -> int:
    return int(workflow.workflow_id.partition("/")[2])


def _is_alive(workflow: WorkflowStatus, living: frozenset[str], stalled: frozenset[str]) -> bool:
    if workflow.status == "PENDING":
        return workflow.executor_id in living and workflow.workflow_id not in stalled
    return workflow.status in ("ENQUEUED", "DELAYED")
