"""Triggers that make the database itself refuse to change the log (SQL text; the connection is the caller's).

They are guard rails against faults of the application and its role, not evidence: whoever owns the database can drop
them. Evidence is the Merkle tree and its signed checkpoints, which `audit.fsck` compares with the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from sqlalchemy import Connection, text

from audit.errors import AppendOnlyError
from audit.merkle import EMPTY_ROOT


@dataclass(frozen=True, slots=True)
class Guard:
    """One trigger: on `event` of `table`, refuse the row when `refused_when` holds.

    PostgreSQL looks at all rows of a statement at once where `refused_when_any` says how, because a call per row would
    cost more than the insert itself. SQLite has only triggers per row, and they are cheap there.
    """

    table: str
    event: str  # INSERT, UPDATE, DELETE or TRUNCATE (which only PostgreSQL has)
    refused_when: str  # SQL that both databases read the same way
    message: str
    refused_when_any: str | None = None  # PostgreSQL, after the statement; its rows are the table `changed`

    @property
    def name(self) -> str:
        """Name of the trigger, and of its function where the database wants one."""
        return f"{self.table}_guards_{self.event.lower()}"


_ALWAYS = "1 = 1"
_ENTRY_TABLES = ("audit_entry", "audit_tile", "audit_head", "audit_checkpoint")
_TABLES = ("audit_outbox", *_ENTRY_TABLES)

GUARDS = (
    # The second half stops INSERT OR REPLACE. What is in the log must not wait again, however long ago it was.
    Guard(
        "audit_outbox",
        "INSERT",
        "EXISTS (SELECT 1 FROM audit_entry WHERE leaf_hash = NEW.event_id)"
        " OR EXISTS (SELECT 1 FROM audit_outbox WHERE event_id = NEW.event_id OR id = NEW.id)",
        "audit_outbox refuses an event that waits or is in the log already",
        # After the statement, so that whoever had to wait for a sequencer sees what it committed meanwhile.
        "EXISTS (SELECT 1 FROM changed JOIN audit_entry ON audit_entry.leaf_hash = changed.event_id)",
    ),
    Guard("audit_outbox", "UPDATE", _ALWAYS, "audit_outbox rows are never changed"),
    Guard(
        "audit_outbox",
        "DELETE",
        "NOT EXISTS (SELECT 1 FROM audit_entry WHERE leaf_hash = OLD.event_id)",
        "audit_outbox keeps an event until it is in the log",
        "EXISTS (SELECT 1 FROM changed WHERE NOT EXISTS"
        " (SELECT 1 FROM audit_entry WHERE audit_entry.leaf_hash = changed.event_id))",
    ),
    # A gapless index also stops SQLite's INSERT OR REPLACE, which fires no delete trigger.
    Guard(
        "audit_entry",
        "INSERT",
        "coalesce(NEW.idx, -1) <> (SELECT coalesce(max(idx) + 1, 0) FROM audit_entry)",
        "audit_entry takes the next index only",
        "(SELECT max(idx) - min(idx) + 1 <> count(*) FROM changed) OR (SELECT min(idx) FROM changed) <>"
        " (SELECT coalesce(max(idx) + 1, 0) FROM audit_entry WHERE idx < (SELECT min(idx) FROM changed))",
    ),
    Guard("audit_entry", "UPDATE", _ALWAYS, "audit_entry is append-only"),
    Guard(
        "audit_tile",
        "INSERT",
        "EXISTS (SELECT 1 FROM audit_tile WHERE level = NEW.level AND idx = NEW.idx)",
        "audit_tile rows are never replaced",
    ),
    # The right edge of the levels above 0 grows, one hash after the other.
    Guard(
        "audit_tile",
        "UPDATE",
        "OLD.level = 0 OR NEW.level <> OLD.level OR NEW.idx <> OLD.idx OR length(NEW.hashes) <= length(OLD.hashes)"
        " OR substr(NEW.hashes, 1, length(OLD.hashes)) <> OLD.hashes",
        "audit_tile rows only grow",
    ),
    Guard("audit_head", "INSERT", "EXISTS (SELECT 1 FROM audit_head)", "audit_head has one row"),
    Guard("audit_head", "UPDATE", "NEW.id <> OLD.id OR NEW.size <= OLD.size", "audit_head only moves forward"),
    Guard(
        "audit_checkpoint",
        "INSERT",
        "NEW.size <= (SELECT coalesce(max(size), -1) FROM audit_checkpoint)",
        "audit_checkpoint takes larger sizes only",
    ),
    Guard("audit_checkpoint", "UPDATE", _ALWAYS, "audit_checkpoint is append-only"),
    *(Guard(table, "DELETE", _ALWAYS, f"{table} is append-only") for table in _ENTRY_TABLES),
    *(Guard(table, "TRUNCATE", _ALWAYS, f"{table} is append-only") for table in _TABLES),
)

_COUNTERSIGNATURE_TABLES = ("audit_cosignature", "audit_timestamp")

# Made by a later migration than the rest.
COUNTERSIGNATURE_GUARDS = (
    Guard(
        "audit_cosignature",
        "INSERT",
        "EXISTS (SELECT 1 FROM audit_cosignature WHERE size = NEW.size AND witness = NEW.witness"
        " AND key_id = NEW.key_id)",
        "audit_cosignature rows are never replaced",
    ),
    Guard(
        "audit_timestamp",
        "INSERT",
        "EXISTS (SELECT 1 FROM audit_timestamp WHERE size = NEW.size AND authority = NEW.authority)",
        "audit_timestamp rows are never replaced",
    ),
    *(Guard(table, "UPDATE", _ALWAYS, f"{table} is append-only") for table in _COUNTERSIGNATURE_TABLES),
    *(Guard(table, "DELETE", _ALWAYS, f"{table} is append-only") for table in _COUNTERSIGNATURE_TABLES),
    *(Guard(table, "TRUNCATE", _ALWAYS, f"{table} is append-only") for table in _COUNTERSIGNATURE_TABLES),
)


def countersignature_ddl(dialect_name: str) -> list[str]:
    """Return the statements that guard the tables of cosignatures and time stamps; as `append_only_ddl` otherwise."""
    dialect = _dialect(dialect_name)
    return [
        statement
        for guard in COUNTERSIGNATURE_GUARDS
        if guard.event in dialect.events
        for statement in dialect.create(guard)
    ]


def append_only_ddl(dialect_name: str, *, tables: Collection[str] | None = None) -> list[str]:
    """Return the statements that complete the freshly created audit tables: the head row and all guards.

    `tables` names those that exist so far, for migrations; by default all. `dialect_name` is `sqlite` or `postgresql`.
    Run them in order in one transaction; running them again is harmless, and necessary after a migration that rebuilt a
    table (SQLite drops its triggers then). Raises `AppendOnlyError` for any other database.
    """
    return _dialect(dialect_name).ddl(tables)


def assert_append_only(connection: Connection) -> None:
    """Check that every guard is in the database, enabled and unaltered; for start-up.

    Raises `AppendOnlyError` naming the first guard that is not.
    """
    dialect = _dialect(connection.dialect.name)
    found = {str(name): str(definition) for name, definition in connection.execute(text(dialect.inventory))}
    for guard in (*dialect.guards(), *(one for one in COUNTERSIGNATURE_GUARDS if one.event in dialect.events)):
        if guard.name not in found:
            raise AppendOnlyError(f"guard {guard.name} is missing or disabled; run the database migrations")
        if found[guard.name] != dialect.definition(guard):
            raise AppendOnlyError(f"guard {guard.name} was altered; run the statements of append_only_ddl again")


@dataclass(frozen=True, slots=True)
class _Dialect:
    """How one database spells a guard, and the query that lists those it has as (name, definition)."""

    events: frozenset[str]
    create_head: str
    create: Callable[[Guard], list[str]]
    definition: Callable[[Guard], str]
    inventory: str

    def guards(self) -> list[Guard]:
        return [guard for guard in GUARDS if guard.event in self.events]

    def ddl(self, tables: Collection[str] | None) -> list[str]:
        guards = [guard for guard in self.guards() if tables is None or guard.table in tables]
        head = [self.create_head] if tables is None or "audit_head" in tables else []
        return [*head, *(statement for guard in guards for statement in self.create(guard))]


def _sqlite_body(guard: Guard) -> str:
    return (
        f"CREATE TRIGGER {guard.name} BEFORE {guard.event} ON {guard.table} FOR EACH ROW WHEN {guard.refused_when} "
        f"BEGIN SELECT RAISE(ABORT, '{guard.message}'); END"
    )


def _sqlite_create(guard: Guard) -> list[str]:
    return [f"DROP TRIGGER IF EXISTS {guard.name}", _sqlite_body(guard)]


def _postgresql_body(guard: Guard) -> str:
    return (
        f"BEGIN IF {guard.refused_when_any or guard.refused_when} THEN "
        f"RAISE EXCEPTION USING ERRCODE = 'restrict_violation', MESSAGE = '{guard.message}'; "
        f"END IF; RETURN {'NULL' if guard.refused_when_any else 'NEW'}; END"
    )


def _postgresql_create(guard: Guard) -> list[str]:
    timing = "AFTER" if guard.refused_when_any else "BEFORE"
    scope = "STATEMENT" if guard.refused_when_any or guard.event == "TRUNCATE" else "ROW"
    rows = (
        f"REFERENCING {'OLD' if guard.event == 'DELETE' else 'NEW'} TABLE AS changed" if guard.refused_when_any else ""
    )
    # The plan is made once per connection, maybe when the tables are all but empty, and must not read them whole later.
    by_index = "SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off"
    return [
        f"CREATE OR REPLACE FUNCTION {guard.name}() RETURNS trigger LANGUAGE plpgsql "
        f"{by_index if guard.refused_when_any else ''} AS $${_postgresql_body(guard)}$$",
        f"CREATE OR REPLACE TRIGGER {guard.name} {timing} {guard.event} ON {guard.table} {rows} "
        f"FOR EACH {scope} EXECUTE FUNCTION {guard.name}()",
        # ALWAYS keeps the guard in force under session_replication_role = replica.
        f"ALTER TABLE {guard.table} ENABLE ALWAYS TRIGGER {guard.name}",
    ]


def _postgresql_definition(guard: Guard) -> str:
    """What the inventory shows: when the trigger runs (bits of `pg_trigger.tgtype`), on what, and what it does."""
    when = {"INSERT": 4, "DELETE": 8, "UPDATE": 16, "TRUNCATE": 32}[guard.event]
    if guard.refused_when_any:
        return f"{when}|changed|{_postgresql_body(guard)}"
    return f"{when | 2 | (guard.event != 'TRUNCATE')}|{_postgresql_body(guard)}"


def _create_head(empty_root: str, no_bytes: str) -> str:
    return (
        f"INSERT INTO audit_head (id, size, root, frontier) SELECT 1, 0, {empty_root}, {no_bytes} "  # noqa: S608 - constants
        "WHERE NOT EXISTS (SELECT 1 FROM audit_head)"
    )


_DIALECTS = {
    "sqlite": _Dialect(
        events=frozenset({"INSERT", "UPDATE", "DELETE"}),
        create_head=_create_head(f"X'{EMPTY_ROOT.hex()}'", "X''"),
        create=_sqlite_create,
        definition=_sqlite_body,
        inventory="SELECT name, sql FROM sqlite_master WHERE type = 'trigger'",
    ),
    "postgresql": _Dialect(
        events=frozenset({"INSERT", "UPDATE", "DELETE", "TRUNCATE"}),
        create_head=_create_head(f"decode('{EMPTY_ROOT.hex()}', 'hex')", "decode('', 'hex')"),
        create=_postgresql_create,
        definition=_postgresql_definition,
        inventory=(
            "SELECT t.tgname, concat_ws('|', t.tgtype, t.tgnewtable, t.tgoldtable, p.prosrc) "
            "FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
            "JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = current_schema() AND t.tgenabled = 'A'"
        ),
    ),
}


def _dialect(name: str) -> _Dialect:
    try:
        return _DIALECTS[name]
    except KeyError as error:
        raise AppendOnlyError(f"the audit log runs on SQLite and PostgreSQL, not on {name}") from error
