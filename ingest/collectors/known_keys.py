"""The keys that were handed over of a polled table, so that one that vanishes is noticed. Tables of the state database,
or of a file in the home: another process, on another machine, goes on with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import BigInteger, Column, Connection, MetaData, String, Table, Text, delete, select, text
from sqlalchemy.dialects import postgresql, sqlite

from kernel.state.database import State
from kernel.state.tables.base import METADATA, tenant

KEYS = MetaData(naming_convention=METADATA.naming_convention)

KNOWN = Table(
    "collector_keys",
    KEYS,
    tenant(),
    Column("source", String(200), primary_key=True),
    Column("hash", BigInteger, primary_key=True, autoincrement=False),  # eight bytes of the key's digest
    Column("key", Text, nullable=False),  # its values, as JSON
)
"""One row per key that was handed over and did not vanish since."""

_TABLES_LOCK = 7_236_110_096
"""Of this program alone: two processes that open an empty database must not both make the table."""
_CHUNK = 500
"""Keys per statement."""


class KnownKeys(Protocol):
    """The keys of one source."""

    def hashes(self) -> NDArray[np.int64]:
        """Of all of them, ascending; 8 bytes each."""
        ...

    def add(self, keys: Mapping[int, str]) -> None:
        """Keys by their hashes; those that are known already stay as they are."""
        ...

    def named(self, hashes: Sequence[int]) -> dict[int, str]:
        """The keys of these hashes."""
        ...

    def remove(self, hashes: Sequence[int]) -> None: ...


def make_key_tables(connection: Connection) -> None:
    """The table, where it is not there yet."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _TABLES_LOCK})
    KEYS.create_all(connection)


class StateKeys:
    """Known keys of one source of a tenant in a `State` whose tables `make_key_tables` made."""

    def __init__(self, state: State, tenant: str, source: str) -> None:
        self._state, self._tenant, self._source = state, tenant, source
        self._mine = (KNOWN.c.tenant == tenant) & (KNOWN.c.source == source)

    def hashes(self) -> NDArray[np.int64]:
        asked = select(KNOWN.c.hash).where(self._mine).order_by(KNOWN.c.hash)
        with self._state.reading() as connection:
            found = connection.execution_options(yield_per=10_000).execute(asked).scalars()
            return np.fromiter(found, dtype=np.int64)

    def add(self, keys: Mapping[int, str]) -> None:
        rows = [{"tenant": self._tenant, "source": self._source, "hash": one, "key": key} for one, key in keys.items()]
        if not rows:
            return
        new = sqlite.insert(KNOWN) if self._state.is_sqlite else postgresql.insert(KNOWN)
        with self._state.writing() as connection:
            connection.execute(new.on_conflict_do_nothing(), rows)

    def named(self, hashes: Sequence[int]) -> dict[int, str]:
        found: dict[int, str] = {}
        with self._state.reading() as connection:
            for n in range(0, len(hashes), _CHUNK):
                asked = select(KNOWN.c.hash, KNOWN.c.key).where(self._mine, KNOWN.c.hash.in_(hashes[n : n + _CHUNK]))
                found |= {row.hash: row.key for row in connection.execute(asked)}
        return found

    def remove(self, hashes: Sequence[int]) -> None:
        with self._state.writing() as connection:
            for n in range(0, len(hashes), _CHUNK):
                connection.execute(delete(KNOWN).where(self._mine, KNOWN.c.hash.in_(hashes[n : n + _CHUNK])))
