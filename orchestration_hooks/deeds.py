"""Steps that reach outside: call, trigger, notify.

What changes something is written down before it is sent, with its key. So a worker that finds it begun knows that
it may have been done: it sends the very same again under the same key, which the receiver notices; where the receiver
keeps no keys (`effect: unsafe`), or the same cannot be sent any more, a person has to say what became of it.
"""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import bindparam, select

from kernel.state.tables import RUN_SIGNALS, RUN_STEPS
from kernel.timeparse import parse_duration
from orchestration_hooks import limiting
from orchestration_hooks.book import Book
from orchestration_hooks.effects import Message, Outcome, Result
from orchestration_hooks.entry import Entry, Run, encoded, key_of
from orchestration_hooks.looking import look, may_go_on
from orchestration_hooks.moves import again_later, fail, hold_for_a_person, onward
from orchestration_hooks.playbook import Playbook
from orchestration_hooks.playbook_steps import Call, Start, Step
from orchestration_hooks.situation import Situation
from orchestration_hooks.states import PRETENDED, Activity, Mode, Status, StepStatus, WaitKind
from orchestration_hooks.templates import Unfit, fill, path, text
from orchestration_hooks.tools import Tools

NOT_DONE = ("http_429", "http_503", "host_refused", "unreachable", "limited")
"""Codes of a RETRY after which nothing was done for certain; after any other it may have been."""
LONGEST_OUTPUT = 64 * 1024
"""Characters of JSON that are kept of an answer; of a longer one only that it was."""
STEP = select(RUN_STEPS).where(
    RUN_STEPS.c.tenant == bindparam("for_tenant"),
    RUN_STEPS.c.run_id == bindparam("for_run"),
    RUN_STEPS.c.step == bindparam("for_step"),
    RUN_STEPS.c.visit == bindparam("for_visit"),
)
TOLD = {"call": Activity.CALLED, "trigger": Activity.TRIGGERED, "notify": Activity.NOTIFIED}


def act(tools: Tools, book: Book, run: Run, playbook: Playbook, step: Step) -> None:
    """One attempt, or what happens instead of it."""
    if run.begun is not None:
        _attempt(tools, book, run, playbook, step, run.begun, "", in_doubt=False)
        return
    begun = None if run.fresh else _row(tools, run)
    in_doubt = begun is not None and bool(begun.in_doubt)
    if settled(run) or (in_doubt and step.trigger is not None and answer(tools, run) is not None):
        with book.entry(run) as entry:  # somebody found out, or the engine has answered: it was done
            _done(entry, tools, playbook, step, Outcome(Result.DONE, detail="known afterwards"), look_first=True)
        return
    if run.attempt > step.retry.attempts:
        with book.entry(run) as entry:
            fail(entry, playbook, step, "attempts", f"{step.retry.attempts} attempts came to no end")
        return
    key, timeout_s = key_of(run.id, run.step_id, run.visit), parse_duration(step.timeout).total_seconds()
    pretended = Mode(run.row.mode) in PRETENDED and not _reads(step)
    over = next((name for kind, name in step.outside() if kind == "connection"), "")
    again_at = limiting.take(tools, over, key, timeout_s) if over and not pretended else None
    if again_at is not None:
        with book.entry(run) as entry:
            entry.let_go(Status.READY, again_at)
            entry.changes["attempt"] = run.attempt - 1
        return
    situation = look(tools, run) if step.is_effect else None
    if situation is not None or pretended:
        with book.entry(run) as entry:
            request = _begin(entry, tools, playbook, step, situation, begun, pretended)
            if request is None:
                limiting.release(entry.connection, tools, over, key)
    else:
        request = _request(tools, book, run, playbook, step, over)
    if request is not None:
        _attempt(tools, book, run, playbook, step, request, over, in_doubt)


def _attempt(
    tools: Tools,
    book: Book,
    run: Run,
    playbook: Playbook,
    step: Step,
    request: dict[str, Any],
    over: str,
    in_doubt: bool,
) -> None:
    """Do what was written down, and record what became of it. `over`: the connection where a slot was taken."""
    key, timeout_s = key_of(run.id, run.step_id, run.visit), parse_duration(step.timeout).total_seconds()
    tools.at("before_effect")
    outcome = perform(tools, step, request, key, timeout_s)
    tools.at("after_effect")
    with book.entry(run) as entry:
        limiting.release(entry.connection, tools, over, key)
        _record(entry, tools, playbook, step, outcome, in_doubt)


def begin_next(entry: Entry, tools: Tools, playbook: Playbook) -> None:
    """Write down the deed that comes next together with the look that has just allowed it: no time lies between the
    two, and nothing has to be looked at twice. Not where the connection has a limit: its slot is taken first."""
    run = entry.run
    if not run.fresh or entry.status is not Status.READY or run.row.cancel_by is not None:
        return
    step = playbook.step(run.step_id)
    limited = any(name in tools.limits for _, name in step.outside())
    if step.is_effect and not limited and Mode(run.row.mode) not in PRETENDED:
        begun = _begin(entry, tools, playbook, step, None, None, pretended=False)
        if begun is not None:
            run.begun, run.fresh = begun, False


def _begin(
    entry: Entry, tools: Tools, playbook: Playbook, step: Step, situation: Situation | None, begun: Any, pretended: bool
) -> dict[str, Any] | None:
    """Write down what will be sent, and that it may have been from now on; None when it will not be."""
    if situation is not None and not may_go_on(entry, playbook, situation):
        return None
    try:
        request = request_of(entry.run, step)
    except Unfit as error:
        fail(entry, playbook, step, "template", str(error))
        return None
    if pretended:
        _pretend(entry, playbook, step, request)
        return None
    if begun is not None and begun.in_doubt and (step.effect == "unsafe" or begun.request != encoded(request)):
        hold_for_a_person(entry, _why(step))
        return None
    entry.step(step.kind, StepStatus.STARTED, first=begun is None, in_doubt=1, request=encoded(request))
    return request


def _request(tools: Tools, book: Book, run: Run, playbook: Playbook, step: Step, over: str) -> dict[str, Any] | None:
    """What a step sends that changes nothing: it is not written down before. None when it cannot be made."""
    try:
        return request_of(run, step)
    except Unfit as error:
        with book.entry(run) as entry:
            limiting.release(entry.connection, tools, over, key_of(run.id, run.step_id, run.visit))
            fail(entry, playbook, step, "template", str(error))
        return None


def _record(entry: Entry, tools: Tools, playbook: Playbook, step: Step, outcome: Outcome, in_doubt: bool) -> None:
    """What became of an attempt. Doubt of an earlier one stays: that this one did nothing says nothing about it."""
    run = entry.run
    if outcome.result is Result.DONE:
        _done(entry, tools, playbook, step, outcome)
        return
    now_in_doubt = step.is_effect and outcome.result is Result.RETRY and outcome.code not in NOT_DONE
    in_doubt = in_doubt or now_in_doubt
    error = f"{outcome.code}: {outcome.detail}".rstrip(": ")
    entry.step(step.kind, StepStatus.STARTED, in_doubt=int(in_doubt), error=error)
    if outcome.result is Result.FAILED:
        fail(entry, playbook, step, outcome.code, outcome.detail)
    elif now_in_doubt and step.effect == "unsafe":
        hold_for_a_person(entry, _why(step))
    elif run.attempt >= step.retry.attempts:
        fail(entry, playbook, step, outcome.code, f"{outcome.detail} (attempt {run.attempt})".strip())
    else:
        entry.tell(Activity.RETRIED, {"code": outcome.code, "detail": outcome.detail, "attempt": run.attempt})
        again_later(entry, run, step.retry, tools.seed, outcome.retry_after_s)


def settled(run: Run) -> bool:
    """Whether a person has found out that what the run is at was done."""
    return bool(run.context.get("settled") == {"step": run.step_id, "visit": run.visit})


def _reads(step: Step) -> bool:
    return step.call is not None and not step.is_effect


def perform(tools: Tools, step: Step, request: dict[str, Any], key: str, timeout_s: float) -> Outcome:
    """Do what was written down."""
    if step.call is not None:
        return tools.effects.call(
            request["connection"], request["method"], request["path"], request["body"], key=key, timeout_s=timeout_s
        )
    if step.trigger is not None:
        return tools.effects.trigger(request["connection"], request["body"], key=key, timeout_s=timeout_s)
    message = Message(request["title"], request["text"], request["severity"], request["link"], request["fields"])
    return tools.effects.notify(request["channel"], message, key=key)


def request_of(run: Run, step: Step) -> dict[str, Any]:
    """What a step sends, as JSON; the same for the same context, so that it can be compared."""
    if step.call is not None:
        return call_request(step.call, run)
    if step.trigger is not None:
        return start_request(step.trigger, run, key_of(run.id, run.step_id, run.visit))
    notice = step.notify
    if notice is None:
        raise ValueError(f"a {step.kind} sends nothing")
    subject = run.context["subject"]
    return {
        "channel": notice.channel,
        "title": text(notice.title, run.context),
        "text": text(notice.text, run.context),
        "severity": (notice.severity.value if notice.severity is not None else "") or subject["severity"] or "medium",
        "link": subject["link"],
        "fields": {"run": run.id, "cases": str(run.context.get("count", 0)), "money": run.context.get("money", "")},
    }


def call_request(call: Call, run: Run) -> dict[str, Any]:
    body = None if call.body is None else fill(call.body, run.context)
    return {
        "connection": call.connection,
        "method": call.method,
        "path": path(call.path, run.context),
        "body": body,
    }


def start_request(start: Start, run: Run, key: str) -> dict[str, Any]:
    """The trigger of an external engine, in version 1 of its schema."""
    context = run.context
    body = {
        "schema": f"gembascope.trigger/{start.trigger_schema}",
        "workflow": start.workflow,
        "key": key,
        "run": context["run"] | {"step": run.step_id, "visit": run.visit},
        "subject": context["subject"],
        "cases": context.get("cases", []),
        "totals": context.get("totals", {}),
        "parameters": fill(start.parameters, context),
        "callback": start.callback is not None,
    }
    return {"connection": start.connection, "body": body}


def _done(
    entry: Entry, tools: Tools, playbook: Playbook, step: Step, outcome: Outcome, *, look_first: bool = False
) -> None:
    """`look_first`: the answer of the engine may be there since before the run was taken, so it is not parked."""
    run, output = entry.run, _bounded(dict(outcome.output))
    kept = {name: found for name, found in run.context.items() if name != "settled"}
    run.context = {**kept, "steps": {**run.context["steps"], run.step_id: output}}
    body = {"key": key_of(run.id, run.step_id, run.visit), "attempt": run.attempt, "detail": outcome.detail}
    answered_later = step.trigger is not None and step.trigger.callback is not None
    status = StepStatus.WAITING if answered_later else StepStatus.DONE
    entry.step(step.kind, status, in_doubt=0, output=encoded(output), error=None)
    entry.tell(TOLD[step.kind], body)
    if answered_later and step.trigger is not None and step.trigger.callback is not None:
        deadline = tools.due(playbook.calendar, entry.now, step.trigger.callback)
        entry.open_wait(WaitKind.CALLBACK, key_of(run.id, run.step_id, run.visit), {}, deadline)
        if look_first:
            entry.changes |= {"status": Status.READY.value, "attempt": 1, "wake_at": entry.lease_now}
        else:
            entry.park(deadline)
    else:
        onward(entry, playbook)


def _pretend(entry: Entry, playbook: Playbook, step: Step, request: dict[str, Any]) -> None:
    entry.step(step.kind, StepStatus.SKIPPED, request=encoded(request))
    entry.tell(Activity.WOULD_DO, {"kind": step.kind, "request": request})
    onward(entry, playbook)


def _why(step: Step) -> str:
    if step.effect == "unsafe":
        return "nobody knows whether it was done, and who was asked does not notice when it is asked twice"
    return "nobody knows whether it was done, and by now it would be another request"


def _bounded(output: dict[str, Any]) -> dict[str, Any]:
    size = len(encoded(output))
    return output if size <= LONGEST_OUTPUT else {"left_out": True, "characters": size}


def _row(tools: Tools, run: Run) -> Any:
    which = {"for_tenant": tools.tenant, "for_run": run.id, "for_step": run.step_id, "for_visit": run.visit}
    with tools.state.reading() as connection:
        return connection.execute(STEP, which).one_or_none()


def answer(tools: Tools, run: Run) -> dict[str, Any] | None:
    """The first answer that came for the step and visit that the run is at."""
    table = RUN_SIGNALS
    where = (
        table.c.tenant == tools.tenant,
        table.c.run_id == run.id,
        table.c.step == run.step_id,
        table.c.visit == run.visit,
    )
    with tools.state.reading() as connection:
        first = select(table.c.body, table.c.actor).where(*where).order_by(table.c.at, table.c.dedup_key).limit(1)
        row = connection.execute(first).one_or_none()
    return None if row is None else {"actor": row.actor, **json.loads(row.body)}
