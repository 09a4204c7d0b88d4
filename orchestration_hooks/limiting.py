"""How much may go over one connection at once and per second, for all workers together: rows, taken at the effect."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, delete, func, select, update

from kernel.state.tables import LIMIT_BUCKETS, LIMIT_SLOTS
from orchestration_hooks.library import inserting
from orchestration_hooks.tools import ConnectionLimit, Tools

BUSY = timedelta(milliseconds=500)
"""When to come again where every slot is taken: nobody knows when one is free."""


def take(tools: Tools, connection_id: str, holder: str, timeout_s: float) -> datetime | None:
    """Take one call of the connection; None when it may be made now, else when to come again.

    The slot is free again when it is released, or some time after the call has run out of time.
    """
    limit = tools.limits.get(connection_id)
    if limit is None:
        return None
    now = tools.lease_clock.now()
    with tools.state.writing() as connection:
        left = _locked(tools, connection, connection_id, limit, now)
        slots = and_(LIMIT_SLOTS.c.tenant == tools.tenant, LIMIT_SLOTS.c.connection == connection_id)
        connection.execute(
            delete(LIMIT_SLOTS).where(slots, (LIMIT_SLOTS.c.until <= now) | (LIMIT_SLOTS.c.holder == holder))
        )
        taken = connection.execute(select(func.count()).select_from(LIMIT_SLOTS).where(slots)).scalar_one()
        if limit.concurrency is not None and taken >= limit.concurrency:
            return now + BUSY
        if limit.per_second is not None and left < 1000:
            return now + timedelta(seconds=(1000 - left) / 1000 / limit.per_second)
        bucket = and_(LIMIT_BUCKETS.c.tenant == tools.tenant, LIMIT_BUCKETS.c.connection == connection_id)
        connection.execute(update(LIMIT_BUCKETS).where(bucket).values(millitokens=left - 1000, refilled_at=now))
        values = {
            "tenant": tools.tenant,
            "connection": connection_id,
            "holder": holder,
            "until": now + 2 * timedelta(seconds=timeout_s),
        }
        connection.execute(LIMIT_SLOTS.insert().values(**values))
    return None


def release(connection: Connection, tools: Tools, connection_id: str, holder: str) -> None:
    """Give the slot back, within the transaction that records what became of the call."""
    if connection_id in tools.limits:
        slot = (
            LIMIT_SLOTS.c.tenant == tools.tenant,
            LIMIT_SLOTS.c.connection == connection_id,
            LIMIT_SLOTS.c.holder == holder,
        )
        connection.execute(delete(LIMIT_SLOTS).where(*slot))


def _locked(tools: Tools, connection: Connection, connection_id: str, limit: ConnectionLimit, now: datetime) -> int:
    """What the bucket has by now in thousandths of calls; who asks next waits until this transaction has ended."""
    full = 1000 * max(1, limit.burst)
    first = {"tenant": tools.tenant, "connection": connection_id, "millitokens": full, "refilled_at": now}
    connection.execute(inserting(connection, LIMIT_BUCKETS).values(**first).on_conflict_do_nothing())
    bucket = and_(LIMIT_BUCKETS.c.tenant == tools.tenant, LIMIT_BUCKETS.c.connection == connection_id)
    row = connection.execute(select(LIMIT_BUCKETS).where(bucket).with_for_update()).one()
    since_s = max(0.0, (now - row.refilled_at).total_seconds())
    return int(min(full, row.millitokens + 1000 * since_s * (limit.per_second or 0)))
