"""A worker that can be killed at a named point; run as `python worker_program.py <home> <database url or ->`.

Reads one line per worker from standard input, forks, and answers with how the child ended: `exited 0` or `killed 9`.
The parent imports everything once and stays without threads and connections, so that a fork is a clean, quick start.
A line is `<words of a script to submit, or -> | <point, or ->`. The child waits until everything from before has come
to rest, submits the script, and works until the point kills it or everything has come to rest.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlmodel import col, select

from gateway.engine import Engine, Pace
from gateway.pipeline import Change, Pipeline
from gateway.submissions import RESTING, State, Submission
from tests.gateway_chain import QuickProducer, WordScreener, build_chain, listen_to

PACE = Pace(poll=0.05, beat=0.1, lease=0.6, sweep=0.2, retry=0.05)
PATIENCE_SECONDS = 60

# Where a worker can die: in the heavy part of a step, inside its transaction, and between its commit and DBOS's record.
POINTS = (
    "submit:inside",
    "submit:after",
    "screen:during",
    "screen:inside",
    "screen:after",
    "produce:during",
    "produce:stored",
    "produce:inside",
    "produce:after",
    "listen:during",
    "listen:inside",
    "listen:after",
    "log:inside",
    "log:after",
    "decide:inside",
    "decide:after",
    "announce:inside",
    "announce:after",
    "go_public:inside",
    "go_public:after",
)


class Fuse:
    """Kills this process, as nothing in it can prevent, when it reaches its point."""

    def __init__(self, point: str) -> None:
        self._point = point
        self.armed = False
        self.spared: frozenset[str] = frozenset()  # episodes from before; their threads may still be on the way out

    def reach(self, point: str, episode_id: str = "") -> None:
        if self.armed and point == self._point and episode_id not in self.spared:
            os.kill(os.getpid(), signal.SIGKILL)
            signal.pause()


class MortalPipeline(Pipeline):
    """The pipeline, with a fuse at the borders of every transaction."""

    def __init__(self, *, toolchain: Any, fuse: Fuse) -> None:
        super().__init__(toolchain=toolchain)
        self._fuse = fuse

    def _commit(self, episode_id: str, expected: State, change: Change) -> str:
        names = {"RECEIVED": "screen", "SCREENED": "produce", "PRODUCED": "listen", "HEARD": "log", "LOGGED": "decide"}
        name = names.get(expected.name, change.__name__)  # the last step has two transactions
        if name == "produce":
            self._fuse.reach("produce:stored", episode_id)

        def then_reach(*arguments: Any) -> None:
            change(*arguments)
            arguments[0].flush()
            self._fuse.reach(f"{name}:inside", episode_id)

        state = super()._commit(episode_id, expected, then_reach)
        self._fuse.reach(f"{name}:after", episode_id)
        return state


class MortalScreener(WordScreener):
    def __init__(self, fuse: Fuse) -> None:
        self._fuse = fuse

    def screen(self, manuscript: Any) -> Any:
        self._fuse.reach("screen:during")
        return super().screen(manuscript)


def mortal_ears(fuse: Fuse) -> Any:
    def hear(*arguments: Any) -> Any:
        fuse.reach("listen:during")
        return listen_to(*arguments)

    return hear


def work(home: Path, database_url: str, words: str, point: str) -> None:
    """Be one worker until everything rests, or until the fuse blows."""
    from dataclasses import replace

    from gateway.intake import submit
    from tests.gateway_chain import SUBMITTER, script_of

    fuse = Fuse(point)
    chain = build_chain(
        home,
        database_url=database_url,
        clock=lambda: datetime.now(UTC),  # type: ignore[arg-type]
        producer=QuickProducer(before=lambda episode_id: fuse.reach("produce:during")),
    )
    tools = replace(chain.tools, screener=MortalScreener(fuse), hear=mortal_ears(fuse))  # type: ignore[type-var]
    engine = Engine(settings=tools.settings, database=tools.database, pace=PACE)
    engine.start(MortalPipeline(toolchain=tools, fuse=fuse))
    wait_for(lambda: not unfinished(tools.database))
    if words != "-":
        with tools.database.read() as session:
            fuse.spared = frozenset(session.exec(select(Submission.id)))
        fuse.armed = True
        with tools.database.write() as session:
            row, _ = submit(session, toolchain=tools, api_key_id=SUBMITTER, text=script_of(words))
            fuse.reach("submit:inside")
        fuse.reach("submit:after")
        engine.enqueue(row.id)
        wait_for(lambda: not unfinished(tools.database))
    engine.stop()


def unfinished(database: Any) -> list[str]:
    with database.read() as session:
        resting = [state.value for state in RESTING]
        return list(session.exec(select(Submission.id).where(col(Submission.state).not_in(resting))))


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the episodes did not come to rest")
        time.sleep(0.02)


def main(home: Path, database_url: str) -> None:
    """Fork one worker per line and say how each ended."""
    for line in sys.stdin:
        words, _, point = line.strip().partition(" | ")
        child = os.fork()
        if child == 0:
            try:
                work(home, database_url, words, point)
            except BaseException:
                logging.exception("the worker failed")
                os._exit(1)
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        how = f"killed {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"exited {os.WEXITSTATUS(status)}"
        print(how, flush=True)  # noqa: T201  # the answer


if __name__ == "__main__":
    main(Path(sys.argv[1]), "" if sys.argv[2] == "-" else sys.argv[2])
