"""PostgreSQL and MariaDB on loopback, as systems that keep something there reach them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any
from uuid import uuid4

import psycopg
import pymysql
from collecting import needs

PORTS = {"postgresql": 5432, "mariadb": 3306}
USERS = {"postgresql": "postgres", "mariadb": "root"}


def connected(dialect: str, database: str | None = None) -> Any:
    """A session, each statement of which is committed at once unless it says BEGIN."""
    if dialect == "postgresql":
        return psycopg.connect(f"postgresql://postgres@127.0.0.1/{database or 'postgres'}", autocommit=True)
    return pymysql.connect(host="127.0.0.1", user="root", autocommit=True, database=database)


def run(session: Any, *statements: str) -> None:
    cursor = session.cursor()
    for statement in statements:
        cursor.execute(statement)


@contextmanager
def own_database(dialect: str) -> Iterator[str]:
    """The name of a database to make tables in. Of MariaDB it is new: there a database costs nothing."""
    needs(PORTS[dialect], dialect)
    if dialect == "postgresql":
        yield "postgres"
        return
    name = f"gembascope_{uuid4().hex}"
    with closing(connected(dialect)) as server:
        run(server, f"CREATE DATABASE {name}")
        try:
            yield name
        finally:
            run(server, f"DROP DATABASE {name}")
