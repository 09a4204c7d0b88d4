"""Leases: which of several processes collects from a source that only one may collect from."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol
from uuid import uuid4

from sqlalchemy import Column, Connection, MetaData, String, Table, delete, select, text
from sqlalchemy.dialects import postgresql, sqlite

from kernel.clock import Clock
from kernel.state.database import State
from kernel.state.tables.base import METADATA, Instant, tenant

LEASE = timedelta(minutes=1)

LEASES = MetaData(naming_convention=METADATA.naming_convention)

HELD = Table(
    "source_leases",
    LEASES,
    tenant(),
    Column("name", String(200), primary_key=True),
    Column("holder", String(32), nullable=False),
    Column("until", Instant, nullable=False),
)
"""One row per lease: who holds it, and until when without saying so again."""


_TABLES_LOCK = 7_236_110_095
"""Of this program alone: two processes that open an empty database must not both make the table."""


class Leases(Protocol):
    """Leases by name. Safe to call from several threads."""

    def hold(self, name: str) -> bool:
        """Take the lease, or keep it, for `LEASE` from now on; False while another process holds it.

        Raises
        ------
        StateUnavailable
            It is not known who holds it.
        """
        ...

    def release(self, name: str) -> None:
        """Let another process take it at once."""
        ...


def make_lease_tables(connection: Connection) -> None:
    """The table, where it is not there yet."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _TABLES_LOCK})
    LEASES.create_all(connection)


class StateLeases:
    """Leases of a tenant in a `State` whose tables `make_lease_tables` made. Each instance is a holder of its own."""

    def __init__(self, state: State, clock: Clock, tenant: str) -> None:
        self._state, self._clock, self._tenant = state, clock, tenant
        self._holder = uuid4().hex

    def hold(self, name: str) -> bool:
        now = self._clock.now()
        row = {"tenant": self._tenant, "name": name, "holder": self._holder, "until": now + LEASE}
        new = sqlite.insert(HELD) if self._state.is_sqlite else postgresql.insert(HELD)
        mine_or_free = (HELD.c.holder == self._holder) | (HELD.c.until < now)
        # A lease that reaches so far was taken before a clock was set back; clocks of several machines differ a little.
        mine_or_free |= HELD.c.until > now + (LEASE if self._state.is_sqlite else 2 * LEASE)
        with self._state.writing() as connection:
            connection.execute(
                new.values(**row).on_conflict_do_update(
                    index_elements=["tenant", "name"],
                    set_={"holder": self._holder, "until": now + LEASE},
                    where=mine_or_free,
                )
            )
            asked = select(HELD.c.holder).where(HELD.c.tenant == self._tenant, HELD.c.name == name)
            return connection.execute(asked).scalar() == self._holder

    def release(self, name: str) -> None:
        mine = (HELD.c.tenant == self._tenant) & (HELD.c.name == name) & (HELD.c.holder == self._holder)
        with self._state.writing() as connection:
            connection.execute(delete(HELD).where(mine))
