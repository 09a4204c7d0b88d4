"""Steps that wait: for people, for an event, for the answer of an engine. A wait is a row and costs nothing else.

A worker comes here when the step begins, when something came, and when a time is over; it looks, and parks the run
again if there is nothing to do.
"""

from __future__ import annotations

import json
import logging
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select

from kernel.errors import GembascopeError
from kernel.state.tables import RUN_WAITS
from orchestration_hooks.book import Book
from orchestration_hooks.deeds import answer, begin_next
from orchestration_hooks.effects import Message
from orchestration_hooks.entry import Run, encoded, key_of
from orchestration_hooks.looking import ask_again, look, may_go_on
from orchestration_hooks.moves import ENGINE_FAILED, fail, hold, keep, onward, turn
from orchestration_hooks.playbook import Playbook
from orchestration_hooks.playbook_steps import Approval, Step, WaitEvent
from orchestration_hooks.situation import Stake, Subject, Verdict
from orchestration_hooks.states import PRETENDED, Activity, Mode, Reason, StepStatus, WaitKind, WaitOutcome
from orchestration_hooks.templates import text
from orchestration_hooks.tools import Tools

log = logging.getLogger("gembascope.waiting")

WAIT = select(RUN_WAITS).where(
    RUN_WAITS.c.tenant == bindparam("for_tenant"),
    RUN_WAITS.c.run_id == bindparam("for_run"),
    RUN_WAITS.c.step == bindparam("for_step"),
    RUN_WAITS.c.visit == bindparam("for_visit"),
)


def wait_of(tools: Tools, run: Run) -> Any:
    """The row of the wait at the step and visit that the run is at; None before it began."""
    if run.fresh:
        return None
    which = {"for_tenant": tools.tenant, "for_run": run.id, "for_step": run.step_id, "for_visit": run.visit}
    with tools.state.reading() as connection:
        return connection.execute(WAIT, which).one_or_none()


def gather(tools: Tools, book: Book, run: Run, playbook: Playbook, step: Step) -> None:
    """Read the subject, and keep what is at stake."""
    situation = look(tools, run)
    with book.entry(run) as entry:
        if may_go_on(entry, playbook, situation):
            entry.step(step.kind, StepStatus.DONE, first=True)
            entry.tell(Activity.CONTEXT_GATHERED, _brief(entry.run))
            onward(entry, playbook)
            begin_next(entry, tools, playbook)


def approval(tools: Tools, book: Book, run: Run, playbook: Playbook, step: Step, asks: Approval) -> None:
    wait = wait_of(tools, run)
    if wait is None:
        _ask(tools, book, run, playbook, step, asks)
    elif wait.outcome == WaitOutcome.APPROVED:
        _approved(tools, book, run, playbook, step, wait)
    elif wait.outcome == WaitOutcome.REJECTED:
        with book.entry(run) as entry:
            entry.step(step.kind, StepStatus.DONE, output='{"decision": "rejected"}')
            turn(entry, playbook, step.on_reject, Reason.REJECTED)
    elif wait.deadline <= tools.clock.now():
        _expire(tools, book, run, playbook, step)
    elif wait.next_level_at is not None and wait.next_level_at <= tools.clock.now():
        _escalate(tools, book, run, playbook, asks, wait)
    else:
        _still_asked(tools, book, run, playbook, wait)


def _ask(tools: Tools, book: Book, run: Run, playbook: Playbook, step: Step, asks: Approval) -> None:
    situation = look(tools, run)
    with book.entry(run) as entry:
        if situation.verdict is not Verdict.HOLDS:
            may_go_on(entry, playbook, situation)
            return
        stake = Stake.of(situation.cases)
        keep(entry, stake)
        asked = {**stake.document(), "ask": text(asks.ask, entry.run.context), "step": step.id}
        if Mode(run.row.mode) in PRETENDED:
            entry.step(step.kind, StepStatus.SKIPPED)
            entry.tell(Activity.WOULD_DO, {"kind": step.kind, "ask": asked["ask"], "count": asked["count"]})
            entry.run.context = {**entry.run.context, "approved": asked}
            onward(entry, playbook)
            return
        deadline = tools.due(playbook.calendar, entry.now, asks.timeout)
        first = tools.due(playbook.calendar, entry.now, asks.escalate[0].after) if asks.escalate else None
        entry.step(step.kind, StepStatus.WAITING)
        entry.open_wait(WaitKind.APPROVAL, step.id, asked, deadline, first)
        entry.tell(Activity.APPROVAL_REQUESTED, {**_brief(entry.run), "deadline": deadline.isoformat()})
        tools.at("before_park")
        entry.park(_first(deadline, first))


def _approved(tools: Tools, book: Book, run: Run, playbook: Playbook, step: Step, wait: Any) -> None:
    """People agreed: go on if what they agreed to is still what there is to do."""
    asked = json.loads(wait.asked)
    situation = look(tools, run)
    with book.entry(run) as entry:
        entry.run.context = {**entry.run.context, "approved": asked}
        if may_go_on(entry, playbook, situation):
            entry.step(step.kind, StepStatus.DONE, output='{"decision": "approved"}')
            onward(entry, playbook)
            begin_next(entry, tools, playbook)


def _still_asked(tools: Tools, book: Book, run: Run, playbook: Playbook, wait: Any) -> None:
    """Something came that was no decision: perhaps nothing is to be decided any more, or something else."""
    situation = look(tools, run)
    with book.entry(run) as entry:
        asked, stake = Stake.read(json.loads(wait.asked)), Stake.of(situation.cases)
        if situation.verdict is Verdict.CURED:
            may_go_on(entry, playbook, situation)
        elif situation.verdict is Verdict.HOLDS and not asked.covers(stake):
            keep(entry, stake)
            ask_again(entry, playbook, run.step_id, asked, stake)
        else:
            entry.park(_first(wait.deadline, wait.next_level_at))


def _escalate(tools: Tools, book: Book, run: Run, playbook: Playbook, asks: Approval, wait: Any) -> None:
    """The deputies of the next level may decide from now on, beside those who could already."""
    level, following = asks.escalate[wait.level], asks.escalate[wait.level + 1 :]
    told = ""
    if level.notify is not None:
        asked, subject = json.loads(wait.asked), run.context["subject"]
        key = f"{key_of(run.id, run.step_id, run.visit)}:level{wait.level + 1}"
        message = Message(asked["ask"], asked["ask"], subject["severity"] or "high", subject["link"], {"run": run.id})
        outcome = tools.effects.notify(level.notify, message, key=key)
        told = f"{outcome.result.value} {outcome.code}".strip()
    after = tools.due(playbook.calendar, wait.opened_at, following[0].after) if following else None
    with book.entry(run) as entry:
        entry.change_wait(level=wait.level + 1, next_level_at=after)
        entry.tell(Activity.ESCALATED, {"level": wait.level + 1, "people": list(level.people), "notice": told})
        entry.park(_first(wait.deadline, after))


def event(tools: Tools, book: Book, run: Run, playbook: Playbook, step: Step, awaits: WaitEvent) -> None:
    """Until the activity happened in every case that is left."""
    if Mode(run.row.mode) in PRETENDED:
        with book.entry(run) as entry:
            entry.step(step.kind, StepStatus.SKIPPED)
            entry.tell(Activity.WOULD_DO, {"kind": step.kind, "activity": awaits.activity})
            onward(entry, playbook)
        return
    wait = wait_of(tools, run)
    if wait is None:
        with book.entry(run) as entry:
            deadline = tools.due(playbook.calendar, entry.now, awaits.timeout)
            entry.step(step.kind, StepStatus.WAITING)
            entry.open_wait(WaitKind.EVENT, awaits.activity, {}, deadline)
            entry.tell(Activity.WAITING, {"activity": awaits.activity, "deadline": deadline.isoformat()})
        return  # and look at once: it may have happened already
    wanted = set(run.context.get("case_ids", []))
    found = _happened(tools, run, wanted, awaits.activity)
    with book.entry(run) as entry:
        overdue = wait.deadline <= entry.now
        if found == wanted:
            entry.close_wait(WaitOutcome.ARRIVED)
            entry.step(step.kind, StepStatus.DONE, output=encoded({"cases": sorted(wanted)}))
            entry.tell(Activity.RECOVERED, {"activity": awaits.activity, "cases": len(wanted)})
            onward(entry, playbook)
        elif overdue and found is not None:
            _expired(entry, playbook, step, missing=len(wanted - found))
        elif overdue:
            hold(entry, f"whether {awaits.activity} happened in time cannot be read")
        else:
            entry.park(min(wait.deadline, entry.now + tools.look_every))


def _happened(tools: Tools, run: Run, wanted: set[str], activity: str) -> set[str] | None:
    """Where it happened since the run was opened; None when that cannot be read. Without cases it has happened when the
    trouble is cured."""
    if not wanted:
        verdict = look(tools, run).verdict
        return None if verdict is Verdict.UNREADABLE else set() if verdict is Verdict.CURED else {""}
    try:
        subject = Subject(**run.context["subject"])
        return tools.evaluator.happened(subject, wanted, activity, run.row.opened_at) & wanted
    except GembascopeError as error:
        log.warning("run %s: whether %s happened cannot be read: %s", run.id, activity, error)
        return None


def callback(tools: Tools, book: Book, run: Run, playbook: Playbook, step: Step) -> None:
    """Until the engine says what became of its workflow."""
    wait, found = wait_of(tools, run), answer(tools, run)
    if found is not None:
        with book.entry(run) as entry:
            entry.close_wait(WaitOutcome.ARRIVED)
            context = entry.run.context
            output = {**context["steps"].get(step.id, {}), **found.get("output", {}), "status": found["status"]}
            entry.run.context = {**context, "steps": {**context["steps"], step.id: output}}
            entry.tell(Activity.CALLBACK_RECEIVED, {"status": found["status"]}, actor=found["actor"])
            if found["status"] == "failed":
                fail(entry, playbook, step, ENGINE_FAILED, str(found.get("detail", "")))
            else:
                entry.step(step.kind, StepStatus.DONE, output=encoded(output))
                onward(entry, playbook)
    elif wait.deadline <= tools.clock.now():
        _expire(tools, book, run, playbook, step)
    else:
        with book.entry(run) as entry:
            entry.park(wait.deadline)


def _expire(tools: Tools, book: Book, run: Run, playbook: Playbook, step: Step) -> None:
    tools.at("before_expiry")
    with book.entry(run) as entry:
        if entry.run.row.nudges == entry.seen_nudges:  # else something came in the last moment: look at it first
            _expired(entry, playbook, step)


def _expired(entry: Any, playbook: Playbook, step: Step, **more: Any) -> None:
    entry.close_wait(WaitOutcome.EXPIRED)
    doubt = {"in_doubt": 1} if step.is_effect else {}  # an engine that never answered may have done it
    entry.step(step.kind, StepStatus.FAILED, error="expired", **doubt)
    entry.tell(Activity.EXPIRED, more)
    turn(entry, playbook, step.on_timeout, Reason.EXPIRED)


def _first(deadline: datetime, level_at: datetime | None) -> datetime:
    return deadline if level_at is None else min(deadline, level_at)


def _brief(run: Run) -> dict[str, Any]:
    return {name: run.context.get(name) for name in ("count", "totals", "unpriced")}
