"""What the spool knows of sources that hand over deliveries: how far each has come, and whether it is taken from."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from ingest.spool_beside import set_stopped
from ingest.spool_tables import SOURCES
from kernel.clock import Clock
from kernel.state.database import State


class SpoolSources:
    """Sources of all tenants, in the database of the spool."""

    def __init__(self, state: State, clock: Clock) -> None:
        self._state, self._clock = state, clock

    def place(self, tenant: str, source: str) -> str:
        """Up to where the collector of a source has come, as it said; "" where it did not."""
        asked = select(SOURCES.c.place).where(SOURCES.c.tenant == tenant, SOURCES.c.source == source)
        with self._state.reading() as connection:
            return str(connection.execute(asked).scalar() or "")

    def stopped(self, tenant: str, source: str) -> str:
        """Why nothing is taken from a source; "" where it is."""
        asked = select(SOURCES.c.stopped_why).where(SOURCES.c.tenant == tenant, SOURCES.c.source == source)
        with self._state.reading() as connection:
            return str(connection.execute(asked).scalar() or "")

    def stop(self, tenant: str, source: str, why: str) -> None:
        """Take nothing more from a source, until it is let go on."""
        with self._state.writing() as connection:
            set_stopped(connection, tenant, source, self._clock.now(), why)

    def resume(self, tenant: str, source: str) -> None:
        """Take from a source again."""
        with self._state.writing() as connection:
            set_stopped(connection, tenant, source, None, "")

    def all(self, tenant: str) -> list[dict[str, Any]]:
        """One row per source that hands over deliveries: source, deliveries, ignored, last_delivery_at, place,
        stopped_at and stopped_why; ordered by source."""
        columns = [column for column in SOURCES.c if column.name != "tenant"]
        asked = select(*columns).where(SOURCES.c.tenant == tenant)
        with self._state.reading() as connection:
            found = [dict(row) for row in connection.execute(asked).mappings()]
        return sorted(found, key=lambda row: str(row["source"]))
