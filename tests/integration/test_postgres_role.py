"""The gateway under a PostgreSQL role that does not own its tables: it works, and nothing in the log can change."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from sqlalchemy.exc import DBAPIError

from audit.fsck import fsck
from audit.guards import GUARDS
from gateway.cli import main
from gateway.db import migrate
from gateway.errors import InvalidRequestError
from gateway.grants import grants
from tests.gateway_chain import REVIEWER, Chain, build_chain


@pytest.fixture
def service_url(postgres_url: str) -> Iterator[str]:
    """The migrated database, as a fresh role with nothing but the documented grants."""
    migrate(postgres_url)
    role = f"service_{secrets.token_hex(4)}"
    owner = sa.create_engine(sa.make_url(postgres_url).set(drivername="postgresql+psycopg"))
    with owner.begin() as connection:
        connection.execute(sa.text(f"CREATE ROLE {role} LOGIN"))
        for statement in grants(role=role, tables=sa.inspect(connection).get_table_names()):
            connection.execute(sa.text(statement))
    yield sa.make_url(postgres_url).set(username=role).render_as_string(hide_password=False)
    with owner.begin() as connection:
        connection.execute(sa.text(f"DROP OWNED BY {role}"))
        connection.execute(sa.text(f"DROP ROLE {role}"))
    owner.dispose()


def run_everything(chain: Chain) -> None:
    released = chain.submit("Good morning.")
    assert chain.run(released) == "released"
    reviewed = chain.submit("please review")
    assert chain.run(reviewed) == "awaiting_review"
    chain.desk.claim(reviewed, reviewer=REVIEWER)
    chain.desk.approve(reviewed, reviewer=REVIEWER, reason="Checked.")
    assert chain.run(reviewed) == "released"


def test_whole_pipeline_runs_and_nothing_in_the_log_can_be_changed(service_url: str, tmp_path: Path) -> None:
    chain = build_chain(tmp_path / "home", database_url=service_url)
    run_everything(chain)
    with chain.database.read() as session:
        fsck(session, origin=chain.tools.log.origin, verifier=chain.tools.log.verifier).require_sound()
    attempts = [
        *(f"UPDATE {table} SET kind = 'x'" for table in ("audit_entry", "audit_outbox")),
        "UPDATE audit_checkpoint SET note = 'x'",
        *(f"DELETE FROM {table}" for table in ("audit_entry", "audit_checkpoint", "audit_tile", "audit_head")),
        *(f"TRUNCATE {guard.table}" for guard in GUARDS if guard.event == "TRUNCATE"),
        *(f"ALTER TABLE {guard.table} DISABLE TRIGGER {guard.name}" for guard in GUARDS),
        "DROP TABLE audit_entry CASCADE",
        "CREATE TRIGGER mine BEFORE INSERT ON audit_entry EXECUTE FUNCTION audit_entry_guards_insert()",
        "CREATE OR REPLACE FUNCTION audit_entry_guards_update() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN RETURN NEW; END$$",
        "UPDATE alembic_version SET version_num = '0000'",
        "SET session_replication_role = replica",
    ]
    for attempt in attempts:
        with chain.database.writer.connect() as connection, pytest.raises(DBAPIError, match=r"permission denied|owner"):
            connection.execute(sa.text(attempt))
    chain.database.dispose()


def test_grants_are_printed_for_the_database_in_use(postgres_url: str, tmp_path: Path) -> None:
    environment = {"ASSAY_HOME": str(tmp_path), "ASSAY_DATABASE_URL": postgres_url}
    printed = CliRunner().invoke(main, ["db", "grants", "--role", "service"], env=environment)
    assert printed.exit_code == 0, printed.output
    assert "GRANT SELECT, INSERT ON audit_entry TO service;\n" in printed.output
    assert "GRANT SELECT, INSERT, UPDATE, DELETE ON submission TO service;\n" in printed.output
    sqlite = CliRunner().invoke(main, ["db", "grants", "--role", "service"], env={"ASSAY_HOME": str(tmp_path)})
    assert sqlite.exit_code == 1
    assert "SQLite has no roles" in sqlite.output


@pytest.mark.parametrize("role", ["", "a b", 'x"; DROP TABLE submission; --', "Å", "a" * 64])
def test_role_that_is_no_plain_name_is_refused(role: str) -> None:
    with pytest.raises(InvalidRequestError, match="a role is named by"):
        grants(role=role, tables=[])
