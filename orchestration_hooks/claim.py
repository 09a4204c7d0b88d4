"""Taking runs that are due, and keeping them: a lease for a time, and a fence that grows with every claim."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, and_, or_, select, update

from kernel.state.tables import RUNS
from kernel.state.tables.base import EPOCH
from orchestration_hooks.entry import Run
from orchestration_hooks.states import Status
from orchestration_hooks.tools import Tools

BY_MACHINE = (Status.READY, Status.COMPENSATING, Status.HOLDING)
"""Of these `wake_at` is on the clock of leases."""


def claim(tools: Tools, worker: str, most: int) -> list[Run]:
    """Take at most so many runs that are due and that nobody holds, those that are due for longest first.

    Two workers never get the same run: PostgreSQL locks the rows and passes over those that are locked, SQLite has one
    writer. Who finds nothing has written nothing.
    """
    now, business_now = tools.lease_clock.now(), tools.clock.now()
    due = and_(RUNS.c.tenant == tools.tenant, _due(now, business_now), RUNS.c.lease_until <= now)
    wanted = select(RUNS.c.run_id).where(due).order_by(RUNS.c.wake_at, RUNS.c.run_id).limit(most)
    if tools.state.is_sqlite:
        with tools.state.reading() as connection:
            if connection.execute(wanted).first() is None:
                return []
    with tools.state.writing() as connection:
        ids = connection.execute(wanted.with_for_update(skip_locked=True)).scalars().all()
        if not ids:
            return []
        taken = (
            update(RUNS)
            .where(RUNS.c.tenant == tools.tenant, RUNS.c.run_id.in_(ids))
            .values(
                lease_owner=worker,
                lease_until=now + tools.lease,
                fence=RUNS.c.fence + 1,
                attempt=RUNS.c.attempt + 1,
            )
            .returning(RUNS)
        )
        rows = {row.run_id: Run.of(row) for row in connection.execute(taken)}
    tools.at("claimed")
    return [rows[run_id] for run_id in ids]


def _due(now: datetime, business_now: datetime) -> ColumnElement[bool]:
    by_machine = and_(RUNS.c.status.in_([status.value for status in BY_MACHINE]), RUNS.c.wake_at <= now)
    by_business = and_(RUNS.c.status == Status.WAITING.value, RUNS.c.wake_at <= business_now)
    return or_(by_machine, by_business)


def renew(tools: Tools, worker: str, run_ids: Collection[str]) -> None:
    """Keep the leases of the runs that the worker still holds: an effect may take longer than a lease."""
    if not run_ids:
        return
    mine = and_(RUNS.c.tenant == tools.tenant, RUNS.c.lease_owner == worker, RUNS.c.run_id.in_(list(run_ids)))
    with tools.state.writing() as connection:
        connection.execute(update(RUNS).where(mine).values(lease_until=tools.lease_clock.now() + tools.lease))


def give_back(tools: Tools, worker: str, runs: Collection[Run]) -> None:
    """Let others have what was taken and not begun, at once and without an attempt counted: a worker that stops."""
    with tools.state.writing() as connection:
        for run in runs:
            mine = and_(RUNS.c.tenant == tools.tenant, RUNS.c.run_id == run.id, RUNS.c.fence == run.row.fence)
            connection.execute(
                update(RUNS).where(mine).values(lease_until=EPOCH, lease_owner=None, attempt=RUNS.c.attempt - 1)
            )
