"""One entry: everything that is written down about a run in one transaction, with its audit and its events."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from kernel.audit.chain import Head, append
from kernel.state.tables import RUN_EVENTS, RUN_STEPS, RUN_WAITS
from kernel.state.tables.base import EPOCH
from orchestration_hooks.states import Activity, Status, StepStatus, WaitOutcome

WORKER = "gembascope"
"""Who does what no person does."""

# Statements that every move needs are built once: building them costs more than running them.
ADD_EVENT = insert(RUN_EVENTS)
ADD_STEP = insert(RUN_STEPS)
WRITE_STEP = update(RUN_STEPS).where(
    RUN_STEPS.c.tenant == bindparam("for_tenant"),
    RUN_STEPS.c.run_id == bindparam("for_run"),
    RUN_STEPS.c.step == bindparam("for_step"),
    RUN_STEPS.c.visit == bindparam("for_visit"),
)
ADD_WAIT = insert(RUN_WAITS)
WRITE_WAIT = update(RUN_WAITS).where(
    RUN_WAITS.c.tenant == bindparam("for_tenant"),
    RUN_WAITS.c.run_id == bindparam("for_run"),
    RUN_WAITS.c.step == bindparam("for_step"),
    RUN_WAITS.c.visit == bindparam("for_visit"),
)
CLOSE_WAITS = update(RUN_WAITS).where(
    RUN_WAITS.c.tenant == bindparam("for_tenant"),
    RUN_WAITS.c.run_id == bindparam("for_run"),
    RUN_WAITS.c.closed_at.is_(None),
)


def encoded(found: Any) -> str:
    return json.dumps(found, sort_keys=True, ensure_ascii=False)


@dataclass
class Run:
    """A run as its row says, with its documents read."""

    row: Any
    step_id: str
    attempt: int
    visits: dict[str, int]
    context: dict[str, Any]
    fresh: bool = False
    """Whether whoever holds it has just entered its step, so that nothing can be recorded of it yet."""
    begun: dict[str, Any] | None = None
    """What whoever holds it has just written down as being sent, and not sent yet."""

    @classmethod
    def of(cls, row: Any) -> Run:
        return cls(row, row.position, row.attempt, json.loads(row.visits), json.loads(row.context))

    @property
    def id(self) -> str:
        return str(self.row.run_id)

    @property
    def visit(self) -> int:
        return self.visits.get(self.step_id, 1)

    @property
    def status(self) -> Status:
        return Status(self.row.status)


def key_of(run_id: str, step: str, visit: int) -> str:
    """What a deed is known by outside: the same again is the same deed."""
    return f"{run_id}:{step}:{visit}"


@dataclass
class Entry:
    """One transaction on one run, whose row is locked. What is set on `run` and `changes` is written when it ends."""

    connection: Connection
    tenant: str
    run: Run
    now: datetime
    lease_now: datetime
    seen_nudges: int
    changes: dict[str, Any] = field(default_factory=dict)
    head: Head | None = None
    """The newest entry of the audit, once this has written one."""

    @property
    def events(self) -> int:
        return int(self.changes.get("events", self.run.row.events))

    @property
    def status(self) -> Status:
        return Status(self.changes.get("status", self.run.row.status))

    def tell(self, activity: Activity, body: Mapping[str, Any] | None = None, *, actor: str = WORKER) -> None:
        """Write down that something happened: in the audit, and for the process `remediation`."""
        number = self.events + 1
        found = {"step": self.run.step_id, "visit": self.run.visit, **(body or {})}
        self.audit(activity.value, found, actor=actor)
        values = {
            "tenant": self.tenant,
            "run_id": self.run.id,
            "number": number,
            "activity": activity.value,
            "actor": actor,
            "body": encoded(found),
            "at": self.now,
        }
        self.connection.execute(ADD_EVENT, values)
        self.changes["events"] = number

    def audit(self, kind: str, body: Mapping[str, Any], *, actor: str) -> None:
        chain = f"run:{self.run.id}"
        self.head = append(
            self.connection, self.tenant, chain, kind=kind, actor=actor, body=body, at=self.now, after=self.head
        )

    def step(self, kind: str, status: StepStatus, *, first: bool = False, **values: Any) -> None:
        """Write the row of the step and visit that the run is at, over what it says already. `first`: it says nothing
        yet, which whoever calls knows."""
        run = self.run
        over = status not in (StepStatus.STARTED, StepStatus.WAITING)
        values.setdefault("ended_at", self.now if over else None)
        values = {"status": status.value, "attempt": run.attempt, **values}
        if first or not self.connection.execute(WRITE_STEP, self._here | values).rowcount:
            new = {
                "tenant": self.tenant,
                "run_id": run.id,
                "step": run.step_id,
                "visit": run.visit,
                "number": self.events + 1,
                "kind": kind,
                "key": key_of(run.id, run.step_id, run.visit),
                "in_doubt": 0,
                "started_at": self.now,
            }
            self.connection.execute(ADD_STEP, new | values)

    @property
    def _here(self) -> dict[str, Any]:
        run = self.run
        return {"for_tenant": self.tenant, "for_run": run.id, "for_step": run.step_id, "for_visit": run.visit}

    def open_wait(
        self,
        kind: str,
        match_key: str,
        asked: Mapping[str, Any],
        deadline: datetime,
        next_level_at: datetime | None = None,
    ) -> None:
        """Begin to wait at the step and visit that the run is at."""
        values = {
            "tenant": self.tenant,
            "run_id": self.run.id,
            "step": self.run.step_id,
            "visit": self.run.visit,
            "kind": kind,
            "match_key": match_key,
            "asked": encoded(asked),
            "level": 0,
            "next_level_at": next_level_at,
            "deadline": deadline,
            "opened_at": self.now,
        }
        self.connection.execute(ADD_WAIT, values)

    def change_wait(self, **values: Any) -> None:
        """Write over what it says of the wait at the step and visit that the run is at."""
        self.connection.execute(WRITE_WAIT, self._here | values)

    def close_wait(self, outcome: WaitOutcome) -> None:
        self.change_wait(closed_at=self.now, outcome=outcome.value)

    def doubtful_steps(self) -> list[str]:
        """The keys of deeds that may have been done, and nobody knows."""
        table = RUN_STEPS
        where = (table.c.tenant == self.tenant, table.c.run_id == self.run.id, table.c.in_doubt == 1)
        return list(self.connection.execute(select(table.c.key).where(*where).order_by(table.c.number)).scalars())

    def close_waits(self, outcome: WaitOutcome) -> None:
        """Nothing is waited for any more."""
        values = {"closed_at": self.now, "outcome": outcome.value}
        self.connection.execute(CLOSE_WAITS, {"for_tenant": self.tenant, "for_run": self.run.id, **values})

    def let_go(self, status: Status, wake_at: datetime | None) -> None:
        """Give the lease back. `wake_at`: of a waiting run on the clock of business, else on that of leases."""
        self.changes |= {"status": status.value, "wake_at": wake_at, "lease_until": EPOCH, "lease_owner": None}

    def park(self, wake_at: datetime) -> None:
        """Wait, unless something came that the worker has not looked at yet: then it goes on at once."""
        self.changes |= {"attempt": 0, "holds": 0}
        if self.run.row.nudges == self.seen_nudges and self.run.row.cancel_by is None:
            self.let_go(Status.WAITING, wake_at)
        else:
            self.changes |= {"status": Status.READY.value, "wake_at": self.lease_now}

    def nudge(self) -> None:
        """Have a worker look at the run again, soon."""
        self.changes["nudges"] = self.run.row.nudges + 1
        if self.run.status is Status.WAITING:
            self.changes |= {"status": Status.READY.value, "wake_at": self.lease_now}
