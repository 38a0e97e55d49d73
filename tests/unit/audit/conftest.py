"""A log on SQLite, opened the way the gateway opens its database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from audit_log import ORIGIN, create_log_tables, sqlite_engine
from sqlalchemy import Engine

from audit.checkpoint import LogKey
from audit.log import Log


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = sqlite_engine(tmp_path / "assay.db", synchronous="OFF")  # no test here pulls the plug
    create_log_tables(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def key() -> LogKey:
    return LogKey.from_seed(b"\x01" * 32)


@pytest.fixture
def log(key: LogKey) -> Log:
    return Log(origin=ORIGIN, key=key)
