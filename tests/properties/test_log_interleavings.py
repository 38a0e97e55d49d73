"""Whatever order transactions come in, the log only grows and loses nothing; fsck finds every changed byte."""

from __future__ import annotations

import shutil
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from audit_log import ORIGIN, START, an_event, create_log_tables, drop_guards, fill, seal, sqlite_engine
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Select, select
from sqlalchemy.orm import Session

from audit import merkle
from audit.checkpoint import Checkpoint, LogKey
from audit.fsck import fsck
from audit.log import Log
from audit.store import ENTRIES

LOG = Log(origin=ORIGIN, key=LogKey.from_seed(b"\x05" * 32))

STEPS = st.lists(
    st.tuples(st.sampled_from(["record", "append", "abort", "sequence", "seal", "forget seal"]), st.integers(1, 90)),
    max_size=14,
)


def take(session: Session, step: str, events: list[Any], amount: int) -> Checkpoint | None:
    """Do one step in an open transaction; returns the checkpoint if it made one."""
    if step == "append":
        LOG.append_all(session, events)
    elif step == "sequence":
        LOG.sequence(session, limit=amount)
    elif "seal" in step:
        return LOG.seal(session, at=START)
    else:
        LOG.record(session, *events)
    return None


@given(steps=STEPS)
@settings(max_examples=25, deadline=None)
def test_any_order_of_transactions_keeps_the_log_append_only_and_whole(steps: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory(prefix="assay-log-") as folder:
        engine = sqlite_engine(Path(folder) / "assay.db", synchronous="OFF")
        create_log_tables(engine)
        committed: list[bytes] = []
        sealed: list[Checkpoint] = []
        for number, (step, amount) in enumerate([*steps, ("seal", 1)]):
            events = [an_event(1000 * number + one) for one in range(amount)]
            with Session(engine) as session:
                checkpoint = take(session, step, events, amount)
                if step in ("abort", "forget seal"):
                    session.rollback()
                    continue
                session.commit()
            if step in ("record", "append"):
                committed += [event.canonical() for event in events]
            if checkpoint is not None:
                assert checkpoint.size == len(committed)  # nothing that was committed is left out
                sealed.append(checkpoint)
        with Session(engine) as session:
            assert list(session.execute(select(ENTRIES.c.leaf).order_by(ENTRIES.c.idx)).scalars()) == committed
            fsck(session, origin=ORIGIN, verifier=LOG.verifier).require_sound()
            for old, new in pairwise(sealed):
                if old.size:
                    merkle.verify_consistency(
                        old_size=old.size,
                        old_root=old.root,
                        new_size=new.size,
                        new_root=new.root,
                        proof=LOG.prove_consistency(session, old_size=old.size, new_size=new.size),
                    )
        engine.dispose()


COLUMNS = {
    "audit_entry": ("idx", ["leaf", "leaf_hash", "kind", "subject", "at"]),
    "audit_tile": ("rowid", ["hashes"]),
    "audit_head": ("id", ["root", "frontier"]),
    "audit_checkpoint": ("size", ["root", "note"]),
    "audit_outbox": ("id", ["leaf", "event_id", "kind", "subject", "at"]),
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sound") / "assay.db"
    engine = sqlite_engine(path, synchronous="OFF")
    create_log_tables(engine)
    for start in (0, 150):
        fill(engine, LOG, 150, start=start)
        seal(engine, LOG)
    with Session(engine) as session, session.begin():
        LOG.record(session, *(an_event(number) for number in range(300, 310)))
    drop_guards(engine)
    engine.dispose()
    return path


def _read(connection: Connection, told: Select[Any]) -> Any:
    """Return a stored time, or nothing where it has become unreadable."""
    try:
        return connection.execute(told).scalar_one()
    except ValueError:
        return None


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_changed_byte_of_a_stored_row_is_found(data: st.DataObject, sound: Path) -> None:
    table = data.draw(st.sampled_from(sorted(COLUMNS)))
    key, columns = COLUMNS[table]
    column = data.draw(st.sampled_from(columns))
    with tempfile.TemporaryDirectory(prefix="assay-log-") as folder:
        engine = sqlite_engine(shutil.copy(sound, Path(folder) / "assay.db"), synchronous="OFF")
        with engine.begin() as connection:
            rows = connection.exec_driver_sql(f"SELECT {key}, {column} FROM {table} ORDER BY 1").all()
            number, value = rows[data.draw(st.integers(0, len(rows) - 1))]
            place = data.draw(st.integers(0, len(value) - 1))
            if isinstance(value, bytes):
                changed: Any = (
                    value[:place] + bytes([value[place] ^ 1 << data.draw(st.integers(0, 7))]) + value[place + 1 :]
                )
            else:
                other = data.draw(
                    st.characters(min_codepoint=32, max_codepoint=126).filter(lambda c: c != value[place])
                )
                changed = value[:place] + other + value[place + 1 :]
            told = select(ENTRIES.c.at).where(ENTRIES.c.idx == number) if column == "at" else None
            before = None if told is None else connection.execute(told).scalar_one()
            connection.exec_driver_sql(
                f"UPDATE {table} SET {column} = ? WHERE {key} = ?",
                (changed, number),
            )
            # SQLite keeps times as text, and some other spellings say the same time: nothing has been changed then.
            assume(told is None or _read(connection, told) != before)
        with Session(engine) as session:
            report = fsck(session, origin=ORIGIN, verifier=LOG.verifier)
        engine.dispose()
    assert report.divergence is not None, (table, column, number, place)
