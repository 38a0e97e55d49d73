"""The guards' texts, and what start-up says when one is missing; what they refuse is tested on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, text

from audit.errors import AppendOnlyError
from audit.guards import COUNTERSIGNATURE_GUARDS, GUARDS, countersignature_ddl
from audit.store import append_only_ddl, assert_append_only


def test_fresh_database_has_all_guards(engine: Engine) -> None:
    with engine.connect() as connection:
        assert_append_only(connection)


@pytest.mark.parametrize(
    "guard",
    [guard for guard in (*GUARDS, *COUNTERSIGNATURE_GUARDS) if guard.event != "TRUNCATE"],
    ids=lambda guard: guard.name,
)
def test_missing_guard_is_named_and_put_back_by_the_same_statements(guard: object, engine: Engine) -> None:
    name = guard.name  # type: ignore[attr-defined]
    with engine.begin() as connection:
        connection.execute(text(f"DROP TRIGGER {name}"))
        with pytest.raises(AppendOnlyError, match=f"{name} is missing"):
            assert_append_only(connection)
        for statement in (*append_only_ddl("sqlite"), *countersignature_ddl("sqlite")):
            connection.execute(text(statement))
        assert_append_only(connection)


def test_guard_that_was_weakened_is_named(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("DROP TRIGGER audit_entry_guards_delete"))
        connection.execute(
            text(
                "CREATE TRIGGER audit_entry_guards_delete BEFORE DELETE ON audit_entry FOR EACH ROW WHEN 1 = 0 "
                "BEGIN SELECT RAISE(ABORT, 'never'); END"
            )
        )
        with pytest.raises(AppendOnlyError, match="audit_entry_guards_delete was altered"):
            assert_append_only(connection)


def test_database_without_guards_we_know_is_refused() -> None:
    with pytest.raises(AppendOnlyError, match="not on mysql"):
        append_only_ddl("mysql")


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_statements_survive_drivers_that_read_percent_and_colon(dialect: str) -> None:
    assert not any(
        "%" in statement or ":" in statement for statement in append_only_ddl(dialect) + countersignature_ddl(dialect)
    )
