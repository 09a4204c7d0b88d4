"""A world for playbooks: people, an engine outside, cases in trouble, and clocks that a test moves."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from kernel.access import Grant, Principal, Role
from kernel.audit.chain import FIRST, entry_hash
from kernel.calendar import BusinessCalendar
from kernel.calendar_definition import CalendarDefinition
from kernel.clock import FixedClock
from kernel.errors import WarehouseUnavailable
from kernel.state.database import State
from kernel.state.tables import AUDIT_ENTRIES, RUNS
from kernel.timeparse import parse_duration
from orchestration_hooks.effects import Message, Outcome, Result
from orchestration_hooks.engine import Engine
from orchestration_hooks.playbook import Playbook
from orchestration_hooks.situation import CaseAtStake, Situation, Subject, Verdict
from orchestration_hooks.tools import ConnectionLimit, Tools
from orchestration_hooks.worker import Worker

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=timezone.utc)
DONE, RETRY, FAILED = Outcome(Result.DONE), Outcome(Result.RETRY, "timeout"), Outcome(Result.FAILED, "http_422", "no")
CALENDAR = BusinessCalendar(
    CalendarDefinition(
        id="returns_center",
        timezone="Europe/Berlin",
        hours={day: ["07:00-19:00"] for day in ("mon", "tue", "wed", "thu", "fri")},
    )
)


class Died(BaseException):
    """Stands for the end of a process: nothing catches it."""


@dataclass
class FakeEffects:
    """Does what it is told, and notes it. `outcomes`: of the next deeds over a connection; then everything is done."""

    outcomes: dict[str, list[Outcome]] = field(default_factory=dict)
    deeds: list[tuple[str, str, str, Any]] = field(default_factory=list)
    during: Callable[[str], None] = lambda _: None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def _do(self, kind: str, over: str, key: str, body: Any) -> Outcome:
        with self._lock:
            self.deeds.append((kind, over, key, body))
            planned = self.outcomes.get(over)
            outcome = planned.pop(0) if planned else DONE
        self.during(over)
        return outcome

    def call(
        self, connection: str, method: str, path: str, body: Mapping[str, Any] | None, *, key: str, timeout_s: float
    ) -> Outcome:
        return self._do(f"{method} {path}", connection, key, body)

    def trigger(self, connection: str, body: Mapping[str, Any], *, key: str, timeout_s: float) -> Outcome:
        return self._do("trigger", connection, key, body)

    def notify(self, channel: str, message: Message, *, key: str) -> Outcome:
        return self._do("notify", channel, key, message)

    def over(self, name: str) -> list[str]:
        """The keys of the deeds over a connection or channel, in order."""
        return [key for _, over, key, _ in self.deeds if over == name]


@dataclass
class FakeEvaluator:
    """Cases in trouble, as the test sets them; `paid` holds what happened."""

    cases: dict[str, CaseAtStake] = field(default_factory=dict)
    paid: set[str] = field(default_factory=set)
    readable: bool = True
    looks: int = 0

    def evaluate(self, subject: Subject) -> Situation:
        self.looks += 1
        if not self.readable:
            raise WarehouseUnavailable("no answer")
        left = tuple(case for case in self.cases.values() if case.case_id not in self.paid)
        return Situation(Verdict.HOLDS, left) if left else Situation(Verdict.CURED, note="all are paid")

    def happened(self, subject: Subject, case_ids: Collection[str], activity: str, since: datetime) -> set[str]:
        if not self.readable:
            raise WarehouseUnavailable("no answer")
        return set(case_ids) & self.paid


def cases(**amounts: str | None) -> dict[str, CaseAtStake]:
    """Cases by id with their amounts in EUR."""
    return {name: CaseAtStake(name, None if a is None else Decimal(a), "EUR", "berlin") for name, a in amounts.items()}


def person(tenant: str, name: str, *roles: Role, store: str = "", process: str = "", kind: str = "user") -> Principal:
    grants = frozenset(Grant(role, process, store) for role in roles)
    return Principal(tenant, kind, f"id-{name}", name, grants)


SUBJECT = Subject("return-to-refund", "", "inc1", "missing_event", "not_sent", "Refunds are stuck", severity="high")


def subject(key: str = "inc1", **more: str) -> Subject:
    fields = {name: getattr(SUBJECT, name) for name in ("process", "key", "kind", "rule", "title", "severity")}
    return Subject(**(fields | {"incident_id": key} | more))


def playbook(*steps: dict[str, Any], **more: Any) -> Playbook:
    """A playbook of these steps, after one that gathers."""
    base: dict[str, Any] = {
        "id": "book",
        "name": "Book",
        "author": "writer",
        "calendar": "returns_center",
        "requires_approval": False,
        "trigger": {"mode": "automatic", "match": {"process": "return-to-refund"}},
        "steps": [{"id": "gather", "gather": {}}, *steps],
    }
    return Playbook.model_validate(base | more)


CALL: dict[str, Any] = {"id": "pay", "call": {"connection": "erp", "path": "/pay"}}
ASK: dict[str, Any] = {"id": "ask", "approval": {"ask": "Pay {{ count }}?", "timeout": "8h"}}
END: dict[str, Any] = {"id": "end", "record": {"outcome": "resolved"}}


@dataclass
class World:
    """Everything of one tenant. `die_at`: where the process dies next, once."""

    state: State
    tenant: str
    effects: FakeEffects = field(default_factory=FakeEffects)
    evaluator: FakeEvaluator = field(default_factory=lambda: FakeEvaluator(cases(r1="10", r2="20")))
    clock: FixedClock = field(default_factory=lambda: FixedClock(MONDAY))
    lease_clock: FixedClock = field(default_factory=lambda: FixedClock(MONDAY))
    limits: Mapping[str, ConnectionLimit] = field(default_factory=dict)
    die_at: str = ""
    passed: list[str] = field(default_factory=list)
    seen: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        tools = Tools(
            self.state,
            self.tenant,
            self.clock,
            self.lease_clock,
            self.effects,
            self.evaluator,
            {"returns_center": CALENDAR},
            self.limits,
            at=self._at,
        )
        self.engine = Engine(tools)
        self.worker = Worker(self.engine, name="one")
        self.approver = person(self.tenant, "ann", Role.APPROVER)
        self.operator = person(self.tenant, "olaf", Role.OPERATOR)

    def _at(self, point: str) -> None:
        self.passed.append(point)
        if point == self.die_at:
            self.die_at = ""
            raise Died(point)

    def open(self, book: Playbook, key: str = "inc1", **more: Any) -> str:
        opened = self.engine.opening.open(book, subject(key), requested_by="id-olaf", **more)
        assert opened.run_id is not None
        return opened.run_id

    def after(self, text: str) -> None:
        """It is so long after the beginning, on both clocks."""
        self.clock.at = self.lease_clock.at = MONDAY + (parse_duration(text) if text != "0m" else timedelta())

    def work(self) -> None:
        self.worker.run_due()

    def dies(self, point: str) -> None:
        """The worker dies there; then its lease has run out."""
        self.die_at = point
        with suppress(Died):
            self.worker.run_due()
        assert self.die_at == "", f"the fault at {point} was never reached"
        self.lease_clock.at += timedelta(minutes=2)

    def expect(self, text: str, *activities: str, run: str = "") -> None:
        """After so long, and once a worker has looked, exactly these things have happened since it was asked last."""
        self.after(text)
        self.work()
        events = [event.activity for event in self.engine.history.of(run or self.only())]
        before = self.seen.get(run, 0)
        assert events[before:] == list(activities)
        self.seen[run] = len(events)

    def only(self) -> str:
        with self.state.reading() as connection:
            return str(connection.execute(select(RUNS.c.run_id).where(RUNS.c.tenant == self.tenant)).scalar_one())

    def row(self, run_id: str = "") -> Any:
        with self.state.reading() as connection:
            return connection.execute(
                select(RUNS).where(RUNS.c.tenant == self.tenant, RUNS.c.run_id == (run_id or self.only()))
            ).one()

    def decide(
        self, who: Principal | None = None, decision: Any = "approve", version: int = 1, step: str = "ask"
    ) -> Any:
        reason = "because" if decision == "reject" else ""
        return self.engine.approvals.decide(self.only(), step, who or self.approver, decision, reason, version)

    def count(self, table: Any, *where: Any) -> int:
        asked = select(func.count()).select_from(table).where(table.c.tenant == self.tenant, *where)
        with self.state.reading() as connection:
            return int(connection.execute(asked).scalar_one())

    def audit(self, run_id: str = "", *, chain: str = "") -> list[dict[str, Any]]:
        """The entries of a run or of another chain, which is proven to be whole."""
        table, chain = AUDIT_ENTRIES, chain or f"run:{run_id or self.only()}"
        asked = select(table).where(table.c.tenant == self.tenant, table.c.chain == chain).order_by(table.c.number)
        with self.state.reading() as connection:
            rows = connection.execute(asked).all()
        previous = FIRST
        for number, row in enumerate(rows, 1):
            assert (row.number, row.previous) == (number, previous)
            assert row.hash == entry_hash(previous, row.content.encode())
            previous = row.hash
        return [json.loads(row.content) for row in rows]


SHIPPED = Path(__file__).resolve().parent.parent / "orchestration_hooks" / "playbooks"
