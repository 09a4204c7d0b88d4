"""Systems of the retailer that keep their records in a table of a database, to which they only add: each record is a
row, each of its fields a column of the type that it has."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from uuid import uuid4

from sql_databases import PORTS, USERS, connected, own_database, run

AT_ONCE = 7
"""Rows of one INSERT: fewer than a page, so that polls see a table that grows."""


@dataclass(frozen=True)
class Kept:
    """`types`: of columns that are no texts. `watermark` as in the definition of a source."""

    dialect: str
    key: str
    types: Mapping[str, str]
    watermark: Mapping[str, Any]


TABLES = {
    "crm": Kept(
        "postgresql",
        "entry_id",
        {
            "created_at": "timestamptz(3)",
            "exported_at": "timestamptz(3)",
            "amount": "numeric(12, 2)",
            "number": "bigint",
        },
        {"column": "number", "type": "integer", "overlap": 3},
    ),
    "wms": Kept(
        "mariadb",
        "scan_id",
        {"scanned_at": "datetime(3)", "uploaded_at": "timestamp(3)", "amount": "numeric(12, 2)", "number": "bigint"},
        {"column": "uploaded_at", "type": "timestamp", "overlap": 60},
    ),
}
"""Rows are numbered as they are written. Those of tickets are polled by these numbers, scans by the time of their
upload, which is the same for many; when one was scanned is kept in the time of the warehouse, without a zone."""


class Tables:
    """The tables, one of each system, all empty at first."""

    def __init__(self, databases: Mapping[str, str]) -> None:
        self._databases = databases
        self.reached = tuple(f"127.0.0.1:{PORTS[one.dialect]}" for one in TABLES.values())
        self.name = f"records_{uuid4().hex}"

    def collect(self, system: str) -> dict[str, Any]:
        """How a system is collected. Pages are short, so that some end between rows of one watermark."""
        kept = TABLES[system]
        where = {"dialect": kept.dialect, "host": "127.0.0.1", "port": PORTS[kept.dialect]}
        who = {"user": USERS[kept.dialect], "database": self._databases[system]}
        what = {"table": f"{self.name}_{system}", "key": [kept.key], "watermark": dict(kept.watermark)}
        return {"kind": "sql", **where, **who, **what, "timezone": "Europe/Berlin", "poll_s": 0.4, "batch": 10}

    def session(self, system: str) -> Any:
        session = connected(TABLES[system].dialect, self._databases[system])
        if TABLES[system].dialect == "mariadb":
            run(session, "SET time_zone = '+00:00', sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES')")
        return session

    def make(self, system: str, folder: Path) -> None:
        kept = TABLES[system]
        types = {name: f"{kept.types.get(name, 'text')} NULL" for name in next(_records(folder))}
        types[kept.key] = "varchar(40) PRIMARY KEY"
        columns = [f'"{name}" {kind}' for name, kind in types.items()]
        with closing(self.session(system)) as session:
            run(session, f"CREATE TABLE {self.name}_{system} ({', '.join(columns)})")

    def drop(self, system: str) -> None:
        with closing(self.session(system)) as session:
            run(session, f"DROP TABLE {self.name}_{system}")

    def add(self, system: str, folder: Path) -> None:
        """What the system told, in the order in which it wrote it down."""
        kept = TABLES[system]
        rows = [tuple(_value(text, kept.types.get(name, "")) for name, text in one.items()) for one in _records(folder)]
        places = ", ".join(["%s"] * len(rows[0]))
        with closing(self.session(system)) as session:
            cursor = session.cursor()
            for first in range(0, len(rows), AT_ONCE):
                cursor.executemany(
                    f"INSERT INTO {self.name}_{system} VALUES ({places})",  # noqa: S608
                    rows[first : first + AT_ONCE],
                )


@contextmanager
def tables(native: Path) -> Iterator[Tables]:
    """The tables of the systems whose records are in the folder."""
    with ExitStack() as stack:
        made = Tables({name: stack.enter_context(own_database(kept.dialect)) for name, kept in TABLES.items()})
        for system in TABLES:
            made.make(system, native / system)
            stack.callback(made.drop, system)
        yield made


def _records(folder: Path) -> Iterator[dict[str, str]]:
    number = 0
    for path in sorted(folder.iterdir()):
        for record in csv.DictReader(path.read_text().splitlines()):
            number += 1
            yield record | {"number": str(number)}


def _value(text: str, kind: str) -> Any:
    """A field as its column holds it."""
    if not text:
        return None
    if kind.startswith("timestamptz"):
        return datetime.fromisoformat(text)
    if kind.startswith("timestamp"):
        return datetime.fromisoformat(text).astimezone(timezone.utc).replace(tzinfo=None)
    if kind.startswith("datetime"):
        return datetime.fromisoformat(text).replace(tzinfo=None)
    return text
