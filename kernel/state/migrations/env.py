"""What Alembic runs: the connection and its transaction are given (kernel/state/migrating.py)."""

from __future__ import annotations

from alembic import context

from kernel.state.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    compare_type=True,
    render_as_batch=True,
    transactional_ddl=True,
)
context.run_migrations()
