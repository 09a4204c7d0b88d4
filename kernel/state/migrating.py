"""Bringing the state database to the newest schema, whoever starts first."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from kernel.errors import StateError

FOLDER = Path(__file__).parent / "migrations"
NEWEST = max(path.name for path in (FOLDER / "versions").glob("[0-9]*.py")).partition("_")[0]
"""Files are named by their revision."""
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
    there = _revision(connection)
    if there == NEWEST:
        return
    from alembic import command  # every process opens a state, and hardly any has something to bring to the newest
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if there is not None and there not in known:
        raise StateError(f"the state database is at {there}, which this version does not know; start a newer one")
    command.upgrade(config, "head")


def _revision(connection: Connection) -> str | None:
    """Where the database stands; None where it is empty."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
