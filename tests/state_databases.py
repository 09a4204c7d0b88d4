"""State databases for the tests: SQLite always, PostgreSQL where one answers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr

from kernel.settings import Settings, load_settings

SERVER = os.environ.get("GEMBASCOPE_TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres")
KINDS = ("sqlite", "postgresql")


@contextmanager
def empty_database(kind: str, home: Path) -> Iterator[Settings]:
    """Settings of a state database that holds nothing yet, and is gone afterwards.

    PostgreSQL is skipped where no server answers, outside of CI: there its absence is a failure.
    """
    if kind == "sqlite":
        yield load_settings(home=home)
        return
    try:
        server = psycopg.connect(SERVER, autocommit=True, connect_timeout=5)
    except psycopg.OperationalError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no PostgreSQL answers (set GEMBASCOPE_TEST_POSTGRES_URL): {type(error).__name__}")
    name = f"gembascope_{uuid4().hex}"
    with server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            url = SERVER.rpartition("/")[0] + f"/{name}"
            yield load_settings(home=home, state_url=SecretStr(url))
        finally:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
