"""Workers are killed at every border of every step, on both databases, and nothing is lost or done twice."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlmodel import select

from audit.checkpoint import parse_and_verify
from audit.fsck import fsck
from audit.published import read_checkpoint_file
from gateway.submissions import EpisodeRelease, State, Submission
from tests.gateway_chain import Chain, build_chain
from tests.integration.worker_program import POINTS

ROOT = Path(__file__).parents[2]
RELEASED = [
    "submission.received",
    "screening.decided",
    "clip.produced",
    "speech.heard",
    "clip.logged",
    "approval.granted",
    "release.intended",
    "episode.released",
]


class Workers:
    """Starts one worker after the other, each with its script and the point at which it dies."""

    def __init__(self, program: subprocess.Popen[str]) -> None:
        self._program = program

    def run(self, words: str, point: str = "-") -> str:
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        self._program.stdin.write(f"{words} | {point}\n")
        self._program.stdin.flush()
        return self._program.stdout.readline().strip()


@contextmanager
def workers(home: Path, database_url: str) -> Iterator[Workers]:
    command = [sys.executable, "-m", "tests.integration.worker_program", str(home), database_url or "-"]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    ) as program:
        yield Workers(program)
        assert program.stdin is not None
        program.stdin.close()
        assert program.wait(timeout=60) == 0


def rows_of(chain: Chain) -> Sequence[Submission]:
    with chain.database.read() as session:
        return session.exec(select(Submission)).all()


def assert_every_invariant(chain: Chain) -> None:
    """Whatever happened: one end each, no event twice, released once and only with evidence, log and files sound."""
    with chain.database.read() as session:
        released = set(session.exec(select(EpisodeRelease.episode_id)))
        report = fsck(
            session,
            origin=chain.tools.log.origin,
            verifier=chain.tools.log.verifier,
            published=parse_and_verify(
                read_checkpoint_file(chain.tools.settings.published_checkpoint) or "",
                origin=chain.tools.log.origin,
                verifiers=(chain.tools.log.verifier,),
            ),
        )
    report.require_sound()
    for row in rows_of(chain):
        kinds = chain.kinds(row.id)
        assert max(Counter(kinds).values()) == 1, kinds
        assert (row.state == State.RELEASED) == (row.id in released) == ("episode.released" in kinds)
        if row.id in released:
            assert kinds.index("approval.granted") < kinds.index("release.intended") < kinds.index("episode.released")
    temporary = list((chain.tools.settings.blob_folder / "incoming").glob("*"))
    assert len(temporary) <= len(POINTS)  # at most one per killed writer, and none of them has a blob's name
    for path in (chain.tools.settings.blob_folder / "sha256").glob("*/*"):
        chain.tools.blobs.verify(path.parent.name + path.name)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: a killed process loses nothing that was written, synced or not."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="assay-kill-") as folder:
        yield Path(folder)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["sqlite", "postgres"])
def test_worker_killed_at_any_point_of_any_step_costs_nothing(
    backend: str, home: Path, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue("postgres_url") if backend == "postgres" else ""
    with workers(home, url) as fleet:
        for point in POINTS:  # each worker first finishes what the one before it left
            assert fleet.run("Good morning.", point) == "killed 9", point
        assert fleet.run("-") == "exited 0"
    chain = build_chain(home, database_url=url)
    rows = rows_of(chain)
    # The only submission that is not there is the one that was never committed, so that nobody was told of it.
    assert len(rows) == len(POINTS) - 1
    assert [row.state for row in rows] == [State.RELEASED] * len(rows)
    assert [chain.kinds(row.id) for row in rows] == [RELEASED] * len(rows)
    assert_every_invariant(chain)
    chain.database.dispose()


@pytest.mark.slow
def test_worker_killed_on_the_other_paths_costs_nothing(home: Path) -> None:
    with workers(home, "") as fleet:
        assert fleet.run("please block", "screen:inside") == "killed 9"
        assert fleet.run("please block", "screen:after") == "killed 9"
        assert fleet.run("please review", "decide:inside") == "killed 9"
        assert fleet.run("please review", "decide:after") == "killed 9"
        assert fleet.run("please crackle", "produce:during") == "killed 9"
        assert fleet.run("please curse", "listen:inside") == "killed 9"
        assert fleet.run("please curse", "listen:after") == "killed 9"
        assert fleet.run("please mumble", "decide:inside") == "killed 9"
        assert fleet.run("please break") == "exited 0"
    chain = build_chain(home)
    ends = Counter(row.state for row in rows_of(chain))
    assert ends == {State.BLOCKED: 4, State.AWAITING_REVIEW: 3, State.FAILED: 2}
    assert {row.failure for row in rows_of(chain) if row.failure} == {"read-back-failed", "screening-failed"}
    chain.database.dispose()
