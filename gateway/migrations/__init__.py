"""Alembic migrations; run by `gateway.db.migrate`, never by hand.

A migration that rebuilds an audit table on SQLite (`batch_alter_table`) silently drops its triggers: run the statements
of `audit.store.append_only_ddl` again at its end. `check_schema` refuses to start without them.
"""
