"""Column types that make both databases give back what was stored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import Column, Engine, Integer, MetaData, Table, text
from sqlalchemy.exc import StatementError

from audit.store import Octets, UtcDateTime

TABLE = Table(
    "sample",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("at", UtcDateTime),
    Column("raw", Octets),
)
TOKYO = timezone(timedelta(hours=9))


@pytest.fixture
def sample(engine: Engine) -> Engine:
    TABLE.create(engine)
    return engine


def test_time_comes_back_in_utc_whatever_zone_it_had(sample: Engine) -> None:
    with sample.begin() as connection:
        connection.execute(TABLE.insert().values(at=datetime(2026, 3, 1, 21, 0, 0, 5, tzinfo=TOKYO)))
        stored = connection.execute(TABLE.select()).one().at
    assert stored == datetime(2026, 3, 1, 12, 0, 0, 5, tzinfo=UTC)
    assert stored.tzinfo is UTC


def test_no_time_is_no_time(sample: Engine) -> None:
    with sample.begin() as connection:
        connection.execute(TABLE.insert().values(at=None))
        assert connection.execute(TABLE.select()).one().at is None


def test_naive_time_is_refused(sample: Engine) -> None:
    naive = datetime(2026, 3, 1)  # noqa: DTZ001 - the naive time is the point
    with sample.begin() as connection, pytest.raises(StatementError, match="needs a time zone"):
        connection.execute(TABLE.insert().values(at=naive))


def test_text_in_a_binary_column_is_read_as_bytes(sample: Engine) -> None:
    with sample.begin() as connection:
        connection.execute(text("INSERT INTO sample (id, raw) VALUES (1, 'text'), (2, X'00ff')"))
        rows = connection.execute(TABLE.select().order_by(TABLE.c.id)).all()
    assert [row.raw for row in rows] == [b"text", b"\x00\xff"]
