"""What people look at: runs, what waits for their decision, dead letters. Nobody is shown what they may not read."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, exists, false, func, or_, select

from kernel.access import PERMISSIONS, Permission, Principal
from kernel.errors import NotFound
from kernel.state.database import State
from kernel.state.tables import DEAD_LETTERS, RUN_CASES, RUN_STEPS, RUN_VOTES, RUN_WAITS, RUNS
from orchestration_hooks.approvals import refusal
from orchestration_hooks.history import History, RunEvent
from orchestration_hooks.library import Library
from orchestration_hooks.situation import Stake
from orchestration_hooks.states import Status, WaitKind


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run in a list. `waits_until`: of what it waits for, on the clock of business; None when it does not wait."""

    run_id: str
    process: str
    playbook: str
    incident_id: str
    key: str
    title: str
    mode: str
    status: str
    reason: str | None
    step: str
    requested_by: str
    hits: int
    cases: int
    totals: Mapping[str, str]
    unpriced: int
    opened_at: datetime
    changed_at: datetime
    ended_at: datetime | None
    in_doubt: bool


@dataclass(frozen=True, slots=True)
class Waiting:
    """One decision that waits. `version` goes back with the decision; `refusal`: why this person may not approve it."""

    run: RunRow
    step: str
    version: int
    ask: str
    stake: Stake
    asked_at: datetime
    deadline: datetime
    level: int
    votes: int
    needed: int
    refusal: str | None


@dataclass(frozen=True, slots=True)
class RunDetail:
    """Everything about one run. Steps, waits, votes and dead letters as mappings of their columns, in order."""

    run: RunRow
    playbook_hash: str
    context: Mapping[str, Any]
    steps: tuple[Mapping[str, Any], ...]
    waits: tuple[Mapping[str, Any], ...]
    votes: tuple[Mapping[str, Any], ...]
    dead_letters: tuple[Mapping[str, Any], ...]
    history: tuple[RunEvent, ...]


class Runs:
    """Questions about the runs of one tenant."""

    def __init__(self, state: State, tenant: str, library: Library, history: History) -> None:
        self._state, self._tenant, self._library, self._history = state, tenant, library, history

    def list_runs(
        self,
        principal: Principal,
        *,
        process: str | None = None,
        statuses: Collection[Status] = (),
        incident_id: str | None = None,
        limit: int = 50,
        after: tuple[datetime, str] | None = None,
    ) -> list[RunRow]:
        """Runs, the newest first. `after`: (opened_at, run_id) of the last one of the page before."""
        where = [self._visible(principal)]
        if process is not None:
            where.append(RUNS.c.process == process)
        if incident_id is not None:
            where.append(RUNS.c.incident_id == incident_id)
        if statuses:
            where.append(RUNS.c.status.in_([status.value for status in statuses]))
        if after is not None:
            at, run_id = after
            where.append(or_(RUNS.c.opened_at < at, and_(RUNS.c.opened_at == at, RUNS.c.run_id > run_id)))
        asked = select(RUNS).where(*where).order_by(RUNS.c.opened_at.desc(), RUNS.c.run_id).limit(limit)
        with self._state.reading() as connection:
            return [_row(row) for row in connection.execute(asked)]

    def counts(self, principal: Principal, process: str | None = None) -> dict[Status, int]:
        """How many runs there are by status; only those that there are."""
        where = [self._visible(principal)] + ([RUNS.c.process == process] if process is not None else [])
        asked = select(RUNS.c.status, func.count()).where(*where).group_by(RUNS.c.status)
        with self._state.reading() as connection:
            return {Status(status): int(count) for status, count in connection.execute(asked)}

    def get_run(self, principal: Principal, run_id: str) -> RunDetail:
        """One run with everything; `NotFound` when there is none, or none that the principal may see."""
        with self._state.reading() as connection:
            where = (self._visible(principal), RUNS.c.run_id == run_id)
            row = connection.execute(select(RUNS).where(*where)).one_or_none()
            if row is None:
                raise NotFound(f"there is no run {run_id[:40]!r}")

            def rows(table: Any, *order: Any) -> tuple[Mapping[str, Any], ...]:
                mine = (table.c.tenant == self._tenant, table.c.run_id == run_id)
                found = connection.execute(select(table).where(*mine).order_by(*order)).mappings()
                return tuple(dict(one) for one in found)

            steps = rows(RUN_STEPS, RUN_STEPS.c.number, RUN_STEPS.c.step)
            waits = rows(RUN_WAITS, RUN_WAITS.c.opened_at, RUN_WAITS.c.step, RUN_WAITS.c.visit)
            votes = rows(RUN_VOTES, RUN_VOTES.c.at, RUN_VOTES.c.step, RUN_VOTES.c.visit, RUN_VOTES.c.actor)
            letters = rows(DEAD_LETTERS, DEAD_LETTERS.c.number)
        history = tuple(sorted(self._history.of(run_id), key=lambda event: event.number))
        context = json.loads(row.context)
        return RunDetail(_row(row), row.playbook_hash, context, steps, waits, votes, letters, history)

    def inbox(self, principal: Principal, *, run_id: str | None = None, limit: int = 100) -> list[Waiting]:
        """Decisions that wait and that the principal may see, all or those of one run: the greatest value at stake
        first, what is not priced last, then what is due first. Values of different currencies are compared as
        numbers."""
        waits = RUN_WAITS
        votes = (
            select(func.count())
            .where(
                RUN_VOTES.c.tenant == waits.c.tenant,
                RUN_VOTES.c.run_id == waits.c.run_id,
                RUN_VOTES.c.step == waits.c.step,
                RUN_VOTES.c.visit == waits.c.visit,
            )
            .scalar_subquery()
        )
        given = exists().where(
            RUN_VOTES.c.tenant == waits.c.tenant,
            RUN_VOTES.c.run_id == waits.c.run_id,
            RUN_VOTES.c.actor == principal.id,
        )
        asked = (
            select(
                RUNS,
                waits.c.step,
                waits.c.visit,
                waits.c.asked,
                waits.c.opened_at.label("asked_at"),
                waits.c.deadline,
                waits.c.level,
                votes.label("votes"),
                given.label("given"),
            )
            .join(RUNS, and_(RUNS.c.tenant == waits.c.tenant, RUNS.c.run_id == waits.c.run_id))
            .where(
                self._visible(principal),
                waits.c.tenant == self._tenant,
                waits.c.kind == WaitKind.APPROVAL.value,
                waits.c.closed_at.is_(None),
                *([RUNS.c.run_id == run_id] if run_id is not None else []),
            )
            .order_by(func.coalesce(RUNS.c.at_stake, -1).desc(), waits.c.deadline, RUNS.c.run_id)
            .limit(limit)
        )
        with self._state.reading() as connection:
            rows = connection.execute(asked).all()
        return [self._waiting(principal, row) for row in rows]

    def _waiting(self, principal: Principal, row: Row[Any]) -> Waiting:
        playbook = self._library.get(row.playbook_hash)
        asks = playbook.step(row.step).approval
        if asks is None:
            raise ValueError(f"step {row.step!r} of {playbook.id} is no approval")
        asked = json.loads(row.asked)
        stake = Stake.read(asked)
        why = refusal(
            principal,
            decision="approve",
            process=row.process,
            stake=stake,
            requested_by=row.requested_by,
            playbook=playbook,
            asks=asks,
            level=row.level,
        )
        if why is None and row.given:
            why = "you have decided in this run already"
        return Waiting(
            _row(row),
            row.step,
            row.visit,
            asked["ask"],
            stake,
            row.asked_at,
            row.deadline,
            row.level,
            row.votes,
            asks.votes,
            why,
        )

    def dead_letters(self, principal: Principal, *, limit: int = 100) -> list[Mapping[str, Any]]:
        """Dead letters that nobody has sent on, the oldest first, as mappings of their columns."""
        letters = DEAD_LETTERS
        asked = (
            select(letters)
            .join(RUNS, and_(RUNS.c.tenant == letters.c.tenant, RUNS.c.run_id == letters.c.run_id))
            .where(self._visible(principal), letters.c.requeued_at.is_(None), RUNS.c.status == Status.DEAD.value)
            .order_by(letters.c.at, letters.c.run_id)
            .limit(limit)
        )
        with self._state.reading() as connection:
            return [dict(row) for row in connection.execute(asked).mappings()]

    def _visible(self, principal: Principal) -> Any:
        """Runs that a grant to read reaches: with all their stores, and once it is known which these are."""
        if principal.tenant != self._tenant:
            return false()
        ways = []
        stores: dict[str, set[str]] = {}
        for grant in principal.grants:
            if Permission.READ in PERMISSIONS[grant.role]:
                if grant.store:
                    stores.setdefault(grant.process, set()).add(grant.store)
                else:
                    ways.append(RUNS.c.process == grant.process if grant.process else RUNS.c.tenant == self._tenant)
        everywhere = stores.get("", set())
        for process, own in stores.items():
            theirs = and_(RUN_CASES.c.tenant == RUNS.c.tenant, RUN_CASES.c.run_id == RUNS.c.run_id)
            foreign = and_(theirs, RUN_CASES.c.store.not_in(sorted(own | everywhere)))
            within = and_(exists().where(theirs), ~exists().where(foreign))
            ways.append(and_(RUNS.c.process == process, within) if process else within)
        return and_(RUNS.c.tenant == self._tenant, or_(false(), *ways))


def _row(row: Row[Any]) -> RunRow:
    context = json.loads(row.context)
    return RunRow(
        row.run_id,
        row.process,
        row.playbook,
        row.incident_id,
        row.key,
        context["subject"]["title"],
        row.mode,
        row.status,
        row.reason,
        row.position,
        row.requested_by,
        row.hits,
        context.get("count", 0),
        context.get("totals", {}),
        context.get("unpriced", 0),
        row.opened_at,
        row.changed_at,
        row.ended_at,
        row.status == Status.HOLDING.value and "in_doubt" in context,
    )
