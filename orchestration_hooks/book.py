"""Writing down what happens in a run: one transaction per move, with its audit entry and its event, or nothing.

Who moves a run holds a lease on it, and its fence. The row of the run is locked before anything is written, by workers
and by people alike; so an answer that comes while a worker parks the run is seen by one of the two.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, select, update

from kernel.clock import Clock
from kernel.errors import NotFound
from kernel.state.database import State
from kernel.state.tables import RUNS
from orchestration_hooks.entry import Entry, Run, encoded
from orchestration_hooks.tools import Tools

_RUN = and_(RUNS.c.tenant == bindparam("for_tenant"), RUNS.c.run_id == bindparam("for_run"))
LOCK_RUN = select(RUNS).where(_RUN).with_for_update()
WRITE_RUN = update(RUNS).where(_RUN)


class LeaseLost(Exception):
    """Another worker has the run by now: what was done is not recorded by this one."""


class Book:
    """Opens entries."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    @property
    def state(self) -> State:
        return self._tools.state

    @property
    def clock(self) -> Clock:
        return self._tools.clock

    @contextmanager
    def entry(self, run: Run) -> Iterator[Entry]:
        """What the worker records that holds the run. `run` is as it was recorded once this has ended.

        Raises
        ------
        LeaseLost
            Somebody else took the run: nothing is recorded.
        """
        fence, seen = run.row.fence, run.row.nudges
        lease_until = self._tools.lease_clock.now() + self._tools.lease
        with self.state.writing() as connection:
            row = self._locked(connection, run.id)
            if row.fence != fence:
                raise LeaseLost(run.id)
            locked = replace(run, row=row, fresh=False, begun=None)
            entry = self._entry(connection, locked, seen)
            entry.changes["lease_until"] = lease_until
            yield entry
            self._write(entry)
            self._tools.at("before_commit")
        self._tools.at("after_commit")
        run.row = _Written({**row._mapping, **entry.changes})
        run.step_id, run.attempt = run.row.position, run.row.attempt
        run.visits, run.context = locked.visits, locked.context
        run.fresh, run.begun = locked.fresh, locked.begun

    @contextmanager
    def of(self, run_id: str) -> Iterator[Entry]:
        """What somebody records who holds no lease: a decision, an answer, a wish.

        Raises
        ------
        NotFound
            There is no such run.
        """
        with self.state.writing() as connection:
            row = self._locked(connection, run_id)
            entry = self._entry(connection, Run.of(row), row.nudges)
            yield entry
            self._write(entry)

    def opened(self, connection: Connection, row: Mapping[str, Any]) -> Entry:
        """An entry on a run that was added in this very transaction, with this row."""
        return self._entry(connection, Run.of(_Written(row)), 0)

    def _entry(self, connection: Connection, run: Run, seen: int) -> Entry:
        tools = self._tools
        return Entry(connection, tools.tenant, run, tools.clock.now(), tools.lease_clock.now(), seen)

    def _locked(self, connection: Connection, run_id: str) -> Row[Any]:
        which = {"for_tenant": self._tools.tenant, "for_run": run_id}
        row = connection.execute(LOCK_RUN, which).one_or_none()
        if row is None:
            raise NotFound(f"there is no run {run_id[:40]!r}")
        return row

    def _write(self, entry: Entry) -> None:
        run = entry.run
        entry.changes |= {"visits": encoded(run.visits), "context": encoded(run.context), "changed_at": entry.now}
        which = {"for_tenant": self._tools.tenant, "for_run": run.id}
        entry.connection.execute(WRITE_RUN, which | entry.changes)


class _Written:
    """A row with what was written over it."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.__dict__.update(values)
