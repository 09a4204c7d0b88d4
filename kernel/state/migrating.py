"""Bringing the state database to the newest schema, whoever starts first."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from kernel.errors import StateError

FOLDER = Path(__file__).parent / "migrations"
LOCK = 7_360_177_021
"""Any number that nobody else locks: on PostgreSQL two processes that start together take turns."""


def migrate(connection: Connection) -> None:
    """Apply what is missing, within the transaction of `connection`: all of it or nothing.

    Raises
    ------
    StateError
        The database is of a newer Gembascope than this one.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": LOCK})
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    there = MigrationContext.configure(connection).get_current_revision()
    if there is not None and there not in known:
        raise StateError(f"the state database is at {there}, which this version does not know; start a newer one")
    command.upgrade(config, "head")
