"""How alembic runs our migrations: always inside a connection and transaction that `gateway.db` opened."""

from __future__ import annotations

from alembic import context

configuration = context.config.attributes

context.configure(
    connection=configuration["connection"],
    target_metadata=configuration["metadata"],  # only to compare it with a database, in tests
    render_as_batch=True,
    transactional_ddl=True,  # true for SQLite as well, because we begin transactions ourselves
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
