"""Undoing what a run did, the last first. What undoes a deed has a key of its own, and is done once as well."""

from __future__ import annotations

from typing import Any

from sqlalchemy import or_, select, update

from kernel.state.tables import RUN_STEPS
from kernel.timeparse import parse_duration
from orchestration_hooks.book import Book
from orchestration_hooks.deeds import call_request, start_request
from orchestration_hooks.effects import Outcome, Result
from orchestration_hooks.entry import Entry, Run, key_of
from orchestration_hooks.moves import again_later, bury, finish
from orchestration_hooks.playbook import Playbook
from orchestration_hooks.playbook_steps import Compensation, Step
from orchestration_hooks.states import Activity, Reason, StepStatus
from orchestration_hooks.templates import Unfit
from orchestration_hooks.tools import Tools


def undo_next(tools: Tools, book: Book, run: Run, playbook: Playbook) -> None:
    """One attempt to undo the last deed that stands; the end of the run when none does."""
    found = _last(tools, run, playbook)
    if found is None:
        with book.entry(run) as entry:
            finish(entry, Reason(run.row.reason))
        return
    step, row = found
    if step.compensate is None:
        raise ValueError(f"step {step.id!r} has nothing that undoes it")
    if run.attempt > step.retry.attempts:
        with book.entry(run) as entry:
            bury(entry, "attempts", f"undoing {step.id} came to no end in {step.retry.attempts} attempts")
        return
    try:
        request = _request(step.compensate, run, row)
    except Unfit as error:
        with book.entry(run) as entry:
            bury(entry, "template", f"undoing {step.id}: {error}")
        return
    key = f"{row.key}:undo"
    tools.at("before_undo")
    outcome = _perform(tools, step, request, key)
    tools.at("after_undo")
    with book.entry(run) as entry:
        _record(entry, tools, step, row, outcome)


def _record(entry: Entry, tools: Tools, step: Step, row: Any, outcome: Outcome) -> None:
    run = entry.run
    body = {"undone": row.key, "code": outcome.code, "detail": outcome.detail}
    if outcome.result is Result.DONE:
        where = (
            RUN_STEPS.c.tenant == entry.tenant,
            RUN_STEPS.c.run_id == run.id,
            RUN_STEPS.c.step == row.step,
            RUN_STEPS.c.visit == row.visit,
        )
        entry.connection.execute(update(RUN_STEPS).where(*where).values(compensated_at=entry.now, in_doubt=0))
        entry.tell(Activity.COMPENSATED, body)
        entry.changes["attempt"] = 1
    elif outcome.result is Result.FAILED or run.attempt >= step.retry.attempts:
        bury(entry, outcome.code, f"undoing {step.id}: {outcome.detail}")
    else:
        entry.tell(Activity.RETRIED, body)
        again_later(entry, run, step.retry, tools.seed, outcome.retry_after_s)


def _last(tools: Tools, run: Run, playbook: Playbook) -> tuple[Step, Any] | None:
    """The newest deed that was or may have been done, is not undone, and can be."""
    table = RUN_STEPS
    stands = or_(table.c.status.in_([StepStatus.DONE.value, StepStatus.WAITING.value]), table.c.in_doubt == 1)
    where = (table.c.tenant == tools.tenant, table.c.run_id == run.id, table.c.compensated_at.is_(None), stands)
    with tools.state.reading() as connection:
        rows = connection.execute(select(table).where(*where).order_by(table.c.number.desc())).all()
    return next(((step, row) for row in rows if (step := playbook.step(row.step)).compensate is not None), None)


def _request(how: Compensation, run: Run, row: Any) -> dict[str, Any]:
    if how.call is not None:
        return call_request(how.call, run)
    if how.trigger is None:
        raise ValueError("nothing undoes it")
    return start_request(how.trigger, run, f"{key_of(run.id, row.step, row.visit)}:undo")


def _perform(tools: Tools, step: Step, request: dict[str, Any], key: str) -> Outcome:
    timeout_s = parse_duration(step.timeout).total_seconds()
    if "method" in request:
        return tools.effects.call(
            request["connection"], request["method"], request["path"], request["body"], key=key, timeout_s=timeout_s
        )
    return tools.effects.trigger(request["connection"], request["body"], key=key, timeout_s=timeout_s)
