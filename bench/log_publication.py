"""How long the log's public files take: a whole log once, one ordinary seal, an audit from outside, a rebuild.

Run with `python -m bench.log_publication [--entries 1000000]`; writes below a temporary folder and prints a table.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from resource import RUSAGE_SELF, getrusage

from sqlalchemy import Engine
from sqlalchemy.orm import Session

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from audit_log import ORIGIN, START, an_event, create_log_tables, sqlite_engine

from audit.checkpoint import LogKey
from audit.event import Event
from audit.files import FileTree
from audit.log import Log
from audit.monitor import audit_files
from audit.publication import Publication, Reading
from audit.rebuild import examine, rebuild
from audit.store import read_head
from bench.conditions import conditions

SEALS = 40  # ordinary seals that are measured; each adds ten events, as an episode does
BATCH = 5_000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--rebuild", action="store_true", help="also rebuild an empty database")
    arguments = parser.parse_args()
    print(conditions(), flush=True)
    with tempfile.TemporaryDirectory(prefix="assay-bench-") as name:
        _measure(Path(name), arguments.entries, with_rebuild=arguments.rebuild)


def _measure(home: Path, entries: int, *, with_rebuild: bool) -> None:
    log = Log(origin=ORIGIN, key=LogKey.generate())
    engine = _database(home / "assay.db")
    for start in range(0, entries, BATCH):
        with Session(engine) as session, session.begin():
            log.append_all(session, [an_event(number) for number in range(start, min(entries, start + BATCH))])
    publication = Publication(home / "log", origin=ORIGIN, verifier=log.verifier)
    _seal(engine, log)
    before = _memory()
    with _timed(f"publish {entries:,} entries once"):
        _publish(publication, engine, log)
    print(f"| growth of the process meanwhile | {_memory() - before:.0f} MB |")
    _ordinary(publication, engine, log, entries)
    tree = FileTree(home / "log")

    def fetch(name: str, max_bytes: int) -> bytes | None:
        return tree.read(name, max_bytes=max_bytes)

    with _timed("audit from outside, files on the same disk"):
        found = audit_files(fetch, verifier=log.verifier)
    if found.divergence is not None:
        raise SystemExit(f"the files diverge at {found.divergence}")
    if with_rebuild:
        _rebuild(home / "empty.db", fetch, log)
    engine.dispose()


def _ordinary(publication: Publication, engine: Engine, log: Log, entries: int) -> None:
    seals, publications = [], []
    for number in range(SEALS):
        first = entries + number * 10
        events: list[Event] = [an_event(first + offset) for offset in range(10)]
        with Session(engine) as session, session.begin():
            log.append_all(session, events)
        seals.append(_seconds(lambda: _seal(engine, log)))
        publications.append(_seconds(lambda: _publish(publication, engine, log)))
    for what, values in (("seal after ten events", seals), ("its publication", publications)):
        ranked = sorted(values)
        middle, high = statistics.median(ranked), ranked[int(len(ranked) * 0.95)]
        print(f"| {what}, p50 / p95 | {middle * 1000:.0f} / {high * 1000:.0f} ms |")


def _rebuild(path: Path, fetch: Callable[[str, int], bytes | None], log: Log) -> None:
    engine = _database(path)
    with Session(engine) as session:
        head = read_head(session)
    with _timed("rebuild an empty database, checked twice"):
        examined = examine(fetch, head=head, verifier=log.verifier)
        with Session(engine) as session, session.begin():
            rebuild(session, fetch, examined, verifier=log.verifier, at=START)
    engine.dispose()


def _database(path: Path) -> Engine:
    engine = sqlite_engine(path)
    create_log_tables(engine)
    return engine


def _seal(engine: Engine, log: Log) -> None:
    with Session(engine) as session, session.begin():
        log.seal(session, at=START)


def _publish(publication: Publication, engine: Engine, log: Log) -> None:
    with Session(engine) as session:
        checkpoint = log.latest_checkpoint(session)
    if checkpoint is not None:
        publication.show(publication.write(_reading(engine), checkpoint))


def _reading(engine: Engine) -> Reading:
    @contextmanager
    def read() -> Iterator[Session]:
        with Session(engine) as session:
            yield session

    return read


def _seconds(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


@contextmanager
def _timed(what: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    print(f"| {what} | {time.perf_counter() - start:.1f} s |", flush=True)


def _memory() -> float:
    return getrusage(RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
