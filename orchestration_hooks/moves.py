"""Where a run goes from a step: onward, to its end, back over what it did, or into somebody's hands.

All of this happens within one entry, together with what the step itself records.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import func, select, update

from kernel.state.tables import DEAD_LETTERS, RUN_CASES
from kernel.timeparse import parse_duration
from orchestration_hooks.entry import Entry, Run
from orchestration_hooks.playbook import Playbook
from orchestration_hooks.playbook_steps import Condition, Retry, Step
from orchestration_hooks.situation import Stake
from orchestration_hooks.states import PRETENDED, Activity, Mode, Reason, Status, StepStatus, WaitOutcome
from orchestration_hooks.templates import value

MOST_VISITS = 50
"""Of one step in one run: a playbook that goes round in circles ends as a dead letter."""
TOO_MANY_VISITS = "visits"
ENGINE_FAILED = "engine_failed"
"""Codes of dead letters that are not simply sent on."""
UNFINISHED = (Reason.NO_LONGER_NEEDED, Reason.CANCELLED, Reason.FAILED_PERMANENTLY)
HOLD_FIRST, HOLD_MOST = timedelta(seconds=15), timedelta(minutes=10)


def go(entry: Entry, playbook: Playbook, step_id: str) -> None:
    """Enter a step, and pass through those that only choose or end."""
    run = entry.run
    while True:
        visits = run.visits.get(step_id, 0) + 1
        run.visits = {**run.visits, step_id: visits}
        entry.changes |= {"position": step_id, "attempt": 1, "holds": 0, "status": Status.READY.value}
        run.step_id, run.attempt, run.fresh = step_id, 1, True
        step = playbook.step(step_id)
        if visits > MOST_VISITS:
            bury(entry, TOO_MANY_VISITS, f"more than {MOST_VISITS} visits of one step")
            return
        if step.branch is not None:
            step_id = choose(step, run.context)
            entry.step(step.kind, StepStatus.DONE, first=True, output=f'{{"goto": "{step_id}"}}')
            entry.tell(Activity.BRANCHED, {"goto": step_id})
            continue
        if step.record is not None:
            entry.step(step.kind, StepStatus.DONE, first=True)
            finish(entry, Reason(step.record.outcome))
        else:
            entry.changes["wake_at"] = entry.lease_now
        return


def onward(entry: Entry, playbook: Playbook) -> None:
    go(entry, playbook, playbook.after(entry.run.step_id))


def turn(entry: Entry, playbook: Playbook, target: str, otherwise: Reason) -> None:
    """Go where a rejection or a timeout leads: a step, back over what was done, or to the end."""
    if target == "compensate":
        undo(entry, otherwise)
    elif target:
        go(entry, playbook, target)
    else:
        finish(entry, otherwise)


def fail(entry: Entry, playbook: Playbook, step: Step, code: str, detail: str) -> None:
    """A step that failed for good."""
    error = f"{code}: {detail}".rstrip(": ")
    entry.step(step.kind, StepStatus.FAILED, error=error)
    entry.tell(Activity.STEP_FAILED, {"code": code, "detail": detail})
    if step.on_failed == "dead_letter":
        bury(entry, code, detail)
    elif step.on_failed == "compensate":
        undo(entry, Reason.FAILED_PERMANENTLY)
    elif step.on_failed == "continue":
        onward(entry, playbook)
    else:
        go(entry, playbook, step.on_failed)


def bury(entry: Entry, code: str, detail: str) -> None:
    """The run stops until somebody sends it on or cancels it. Its key stays taken."""
    table, run = DEAD_LETTERS, entry.run
    mine = (table.c.tenant == entry.tenant, table.c.run_id == run.id)
    number = entry.connection.execute(select(func.count()).select_from(table).where(*mine)).scalar_one() + 1
    phase = "compensating" if entry.status is Status.COMPENSATING else "forward"
    values = {
        "tenant": entry.tenant,
        "run_id": run.id,
        "number": number,
        "step": run.step_id,
        "visit": run.visit,
        "phase": phase,
        "code": code,
        "detail": detail,
        "at": entry.now,
    }
    entry.connection.execute(table.insert().values(**values))
    entry.tell(Activity.DEAD_LETTER, {"code": code, "detail": detail, "phase": phase})
    entry.let_go(Status.DEAD, None)


def undo(entry: Entry, reason: Reason) -> None:
    """Begin to undo what the run did, the last first; then it ends with this reason."""
    entry.close_waits(WaitOutcome.ENDED)
    entry.tell(Activity.COMPENSATING, {"reason": reason.value})
    entry.changes |= {
        "status": Status.COMPENSATING.value,
        "reason": reason.value,
        "attempt": 1,
        "wake_at": entry.lease_now,
    }


def finish(entry: Entry, reason: Reason, **more: Any) -> None:
    """The run is over, and its key is free."""
    mode = Mode(entry.run.row.mode)
    if mode in PRETENDED and reason is not Reason.CANCELLED:
        more |= {"would_be": reason.value}
        reason = Reason(mode.value)
    status = {Reason.CANCELLED: Status.CANCELLED, Reason.FAILED_PERMANENTLY: Status.FAILED}.get(reason, Status.DONE)
    entry.close_waits(WaitOutcome.ENDED)
    if reason in UNFINISHED and (doubtful := entry.doubtful_steps()):
        more |= {"in_doubt": doubtful}  # something may have been done nevertheless
    if reason is Reason.NO_LONGER_NEEDED:
        entry.tell(Activity.NO_LONGER_NEEDED, more)
    entry.tell(Activity.ENDED, {"reason": reason.value, **more})
    entry.let_go(status, None)
    entry.changes |= {"open_key": None, "reason": reason.value, "ended_at": entry.now}


def hold(entry: Entry, note: str) -> None:
    """The subject cannot be read: look again after a while, and less often the longer it lasts."""
    holds = int(entry.run.row.holds)
    if not holds:
        entry.tell(Activity.HELD, {"note": note})
    entry.let_go(Status.HOLDING, entry.lease_now + min(HOLD_MOST, HOLD_FIRST * 2 ** min(holds, 16)))
    entry.changes |= {"holds": holds + 1, "attempt": 0}


def hold_for_a_person(entry: Entry, note: str) -> None:
    """Nobody knows whether something was done outside, and doing it again may do harm: a person has to find out."""
    entry.run.context = {**entry.run.context, "in_doubt": {"step": entry.run.step_id, "visit": entry.run.visit}}
    entry.tell(Activity.HELD, {"note": note, "in_doubt": True})
    entry.let_go(Status.HOLDING, None)


def again_later(entry: Entry, run: Run, retry: Retry, seed: int, retry_after_s: float | None = None) -> None:
    """Try the same again after a pause by chance, which the seed decides; longer where the other side asks for it."""
    chance = random.Random(f"{seed}:{run.id}:{run.step_id}:{run.visit}:{run.attempt}")
    cap = min(parse_duration(retry.max), parse_duration(retry.initial) * 2 ** (min(run.attempt, 20) - 1))
    pause = max(cap * chance.random(), timedelta(seconds=retry_after_s or 0))
    status = Status.COMPENSATING if entry.status is Status.COMPENSATING else Status.READY
    entry.let_go(status, entry.lease_now + pause)


def keep(entry: Entry, stake: Stake) -> None:
    """What is at stake by now, in the context and in the rows that say whose business a run is."""
    run = entry.run
    document = stake.document()
    if run.context.get("cases") == document["cases"]:
        return
    entry.changes["at_stake"] = stake.greatest
    run.context = {
        **run.context,
        **document,
        "case_ids": [case.case_id for case in stake.cases],
        "stores": sorted({case.store for case in stake.cases}),
        "money": ", ".join(f"{_plain(total)} {currency}".strip() for currency, total in stake.totals.items()),
    }
    mine = (RUN_CASES.c.tenant == entry.tenant, RUN_CASES.c.run_id == run.id)
    asked = select(RUN_CASES.c.case_id, RUN_CASES.c.store).where(*mine)
    known = {(row.case_id, row.store) for row in entry.connection.execute(asked)}
    ids = {case_id for case_id, _ in known}
    new = [case for case in stake.cases if case.case_id not in ids]
    for case in stake.cases:
        if case.case_id in ids and (case.case_id, case.store) not in known:
            this = (*mine, RUN_CASES.c.case_id == case.case_id)
            entry.connection.execute(update(RUN_CASES).where(*this).values(store=case.store))
    if new:
        rows = [
            {
                "tenant": entry.tenant,
                "run_id": run.id,
                "case_id": case.case_id,
                "process": run.row.process,
                "store": case.store,
            }
            for case in new
        ]
        entry.connection.execute(RUN_CASES.insert(), rows)


def _plain(total: Decimal) -> str:
    """A sum as people write it: with two places, or as many as it has."""
    cents = total.quantize(Decimal("0.01"))
    return f"{cents:f}" if cents == total else f"{total.normalize():f}"


def choose(step: Step, context: Mapping[str, Any]) -> str:
    """The first way of a branch whose conditions hold."""
    return next(route.goto for route in step.branch or () if all(meets(condition, context) for condition in route.when))


def meets(condition: Condition, context: Mapping[str, Any]) -> bool:
    """Whether a field compares as a condition says; as numbers where it asks for more or less."""
    found = value(condition.field, context)
    if condition.is_ is not None:
        return bool(found == condition.is_)
    if condition.is_not is not None:
        return bool(found != condition.is_not)
    number = _number(found)
    if number is None:
        return False
    checks = {
        "above": lambda limit: number > limit,
        "at_least": lambda limit: number >= limit,
        "below": lambda limit: number < limit,
        "at_most": lambda limit: number <= limit,
    }
    name = next(name for name in checks if getattr(condition, name) is not None)
    return bool(checks[name](Decimal(str(getattr(condition, name)))))


def _number(found: Any) -> Decimal | None:
    if isinstance(found, bool) or not isinstance(found, int | float | str):
        return None
    try:
        number = Decimal(str(found))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
