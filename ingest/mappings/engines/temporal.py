"""Histories of Temporal, one execution each, as `temporal workflow show --output json` gives them.

The document is `{"events": […]}`, or has them in `history` as the server's API answers; who exports it may add
`workflowExecution` with both ids. Types of events are written as EVENT_TYPE_TIMER_FIRED or TimerFired. Of an activity
that was tried several times the history holds the last attempt, with its number and what failed before it.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as NotBase64
from datetime import datetime, timedelta
from typing import Any

from ingest.mappings.engines.loose import a_list, a_number, a_text, an_error, an_object, without_nothing
from ingest.mappings.strict_json import NotJson, loads

ENDINGS = {
    "WorkflowExecutionCompleted": ("completed", "ok"),
    "WorkflowExecutionFailed": ("failed", "error"),
    "WorkflowExecutionTimedOut": ("timed_out", "timeout"),
    "WorkflowExecutionCanceled": ("canceled", "rejected"),
    "WorkflowExecutionTerminated": ("terminated", "rejected"),
    "WorkflowExecutionContinuedAsNew": ("continued", "ok"),
}
OUTCOMES = {
    "Completed": "ok",
    "Failed": "error",
    "TimedOut": "timeout",
    "Canceled": "rejected",
    "Terminated": "rejected",
}
PARTS = {
    "ActivityTask": ("activity", "scheduledEventId"),
    "ChildWorkflowExecution": ("child", "initiatedEventId"),
    "NexusOperation": ("operation", "scheduledEventId"),
    "WorkflowTask": ("decision", "scheduledEventId"),
}
"""What has a beginning and an end, with the name of the event that asked for it."""
LONGEST_S = 10**10

Event = dict[str, Any]


def history(document: Any, key: str) -> Any:
    """The record of a document; the document itself where it is no history. `key`: the id of a run that names none."""
    given = an_object(document)
    told = given.get("events", an_object(given.get("history")).get("events"))
    if not isinstance(told, list):
        return document
    events = [_event(one) for one in told]
    started: dict[str, Any] = next((one["of"] for one in events if one["type"] == "WorkflowExecutionStarted"), {})
    ids = an_object(given.get("workflowExecution"))
    run_id = a_text(ids.get("runId")) or a_text(started.get("originalExecutionRunId"))
    parent = an_object(started.get("parentWorkflowExecution"))
    moments = [without_nothing(one) | {"place": place} for place, one in enumerate(_Reading(events).moments())]
    ends = [one["result"] for one in moments if one["kind"] == "ended"]
    run = {
        "id": run_id or key,
        "workflow": a_text(an_object(started.get("workflowType")).get("name")),
        "workflow_id": a_text(ids.get("workflowId")) or a_text(started.get("workflowId")) or run_id or key,
        "status": ends[-1] if ends else "running",
        "retry_of": a_text(started.get("continuedExecutionRunId")) or None,
        "parent": a_text(parent.get("runId")) or None,
        "mode": "cron" if a_text(started.get("cronSchedule")) else "child" if parent else "started",
        "actor": a_text(started.get("identity")),
        "input": [_payload(one) for one in a_list(an_object(started.get("input")).get("payloads"))],
        "custom": {
            name: _payload(value)
            for name, value in an_object(an_object(started.get("searchAttributes")).get("indexedFields")).items()
        },
    }
    return {"run": run, "moments": moments}


def _event(given: Any) -> Event:
    """An event with its type in one form, and `of`, what it says."""
    event = an_object(given)
    words = _words(event.get("eventType"), "EVENT_TYPE_")
    said = next((event[name] for name in event if name.endswith("EventAttributes")), None)
    at = a_text(event.get("eventTime"))
    notes = an_object(event.get("userMetadata"))
    note = {name: _payload(notes[name]) for name in ("summary", "details") if name in notes}
    return {"id": a_text(event.get("eventId")), "type": words, "at": at, "of": an_object(said), "note": note}


def _words(name: Any, prefix: str) -> str:
    """TIMEOUT_TYPE_START_TO_CLOSE as StartToClose, as older servers write it."""
    text = a_text(name)
    if not text.startswith(prefix):
        return text
    return "".join(word.capitalize() for word in text.removeprefix(prefix).split("_"))


class _Reading:
    """One history, event by event."""

    def __init__(self, events: list[Event]) -> None:
        self._events = events
        self._by_id = {one["id"]: one for one in events}

    def moments(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for event in self._events:
            found += self._moments(event)
        return found

    def _moments(self, event: Event) -> list[dict[str, Any]]:
        type_, said = event["type"], event["of"]
        base = {"id": event["id"], "at": event["at"], "note": event["note"]}
        if type_ == "WorkflowExecutionStarted":
            attempt = a_number(said.get("attempt")) or 1
            again = attempt > 1 or a_text(said.get("continuedExecutionRunId")) != ""
            return [{**base, "kind": "started", "attempt": attempt, "outcome": "retry" if again else "ok"}]
        if type_ in ENDINGS:
            result, outcome = ENDINGS[type_]
            error = _failure(said.get("failure")) or an_error("", said.get("reason"))
            return [{**base, "kind": "ended", "result": result, "outcome": outcome, "error": error}]
        if type_ == "TimerStarted":
            until = _after(event["at"], said.get("startToFireTimeout"))
            return [{**base, **_timer(said), "kind": "waiting", "until": until}]
        if type_ in ("TimerFired", "TimerCanceled"):
            began = self._event(said.get("startedEventId"))
            outcome = "ok" if type_ == "TimerFired" else "rejected"
            return [{**base, **_timer(said), "kind": "resumed", "started_at": began["at"], "outcome": outcome}]
        if type_ == "WorkflowExecutionSignaled":
            return [_signal(base, "signal", a_text(said.get("signalName")), said.get("identity"))]
        if type_ == "WorkflowExecutionUpdateAccepted":
            asked = an_object(an_object(said.get("acceptedRequest")).get("input"))
            return [_signal(base, "update", a_text(asked.get("name")), None)]
        if type_ == "WorkflowExecutionCancelRequested":
            return [_signal(base, "cancel request", "cancel", said.get("identity"))]
        return self._part(event, base)

    def _part(self, event: Event, base: dict[str, Any]) -> list[dict[str, Any]]:
        """The beginning or the end of an activity, a child workflow, an operation or a task of the workflow itself."""
        part = next((name for name in PARTS if event["type"].startswith(name)), None)
        if part is None:
            return []
        kind, asked_by = PARTS[part]
        ending, said = event["type"].removeprefix(part), event["of"]
        asked = self._event(said.get(asked_by))
        step = {**base, "step_kind": kind, "step": _name(asked) or kind, "scheduled_at": asked["at"]}
        if kind == "child":
            child = an_object(said.get("workflowExecution"))
            named = a_text(an_object(said.get("workflowType")).get("name"))
            step |= {"step": named or step["step"]}
            step["child"] = without_nothing(
                {"id": a_text(child.get("runId")), "workflow_id": a_text(child.get("workflowId")), "workflow": named}
            )
        if ending == "Started" and kind != "decision":
            return self._begun(step, said)
        if ending not in OUTCOMES or (kind == "decision" and ending == "Completed"):
            return []
        began = self._event(said.get("startedEventId"))
        attempt = a_number(began["of"].get("attempt")) or a_number(asked["of"].get("attempt")) or 1
        ended = {"kind": "step", "started_at": began["at"], "attempt": attempt, "outcome": OUTCOMES[ending]}
        error = _failure(said.get("failure")) or an_error(said.get("cause") or said.get("timeoutType"), "")
        return [{**step, **ended, "error": error, "actor": a_text(said.get("identity"))}]

    def _begun(self, step: dict[str, Any], said: dict[str, Any]) -> list[dict[str, Any]]:
        """What begins; where it was tried before, that as well."""
        attempt = a_number(said.get("attempt")) or 1
        begun = {**step, "attempt": attempt, "actor": a_text(said.get("identity")), "outcome": "ok"}
        if attempt == 1:
            return [{**begun, "kind": "step_started"}]
        again = {"outcome": "retry", "error": _failure(said.get("lastFailure"))}
        return [{**begun, **again, "kind": "retry"}]

    def _event(self, number: Any) -> Event:
        """The event of a number; one that says nothing where there is none."""
        return self._by_id.get(a_text(number), {"id": "", "type": "", "at": "", "of": {}, "note": {}})


def _signal(base: dict[str, Any], kind: str, name: str, identity: Any) -> dict[str, Any]:
    return {**base, "kind": "signal", "step_kind": kind, "step": name or kind, "actor": a_text(identity)}


def _timer(said: dict[str, Any]) -> dict[str, Any]:
    return {"step_kind": "timer", "step": f"timer {a_text(said.get('timerId'))}".strip()}


def _name(asked: Event) -> str:
    said = asked["of"]
    named = a_text(an_object(said.get("activityType")).get("name")) or a_text(
        an_object(said.get("workflowType")).get("name")
    )
    operation = ".".join(text for name in ("service", "operation") if (text := a_text(said.get(name))))
    return named or operation


def _failure(failure: Any) -> dict[str, str] | None:
    """The innermost cause: what wraps it only says where it came up."""
    given = an_object(failure)
    for _ in range(20):
        cause = an_object(given.get("cause"))
        if not cause:
            break
        given = cause
    code = a_text(an_object(given.get("applicationFailureInfo")).get("type"))
    timeout = _words(an_object(given.get("timeoutFailureInfo")).get("timeoutType"), "TIMEOUT_TYPE_")
    kind = next((name.removesuffix("FailureInfo") for name in given if name.endswith("FailureInfo")), "")
    return an_error(code or timeout or kind, given.get("message"))


def _after(at: str, duration: Any) -> str:
    """An instant so much later, as the server writes durations: 300s or 0.001s. "" where that is no instant."""
    try:
        seconds = float(a_text(duration).removesuffix("s"))
        if not 0 <= seconds < LONGEST_S:
            return ""
        return (datetime.fromisoformat(at) + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError):
        return ""


def _payload(payload: Any) -> Any:
    """The value of a payload that is JSON; null of any other, such as one that is encrypted."""
    given = an_object(payload)
    try:
        encoding = b64decode(a_text(an_object(given.get("metadata")).get("encoding")), validate=True)
        if encoding != b"json/plain":
            return None
        return loads(b64decode(a_text(given.get("data")), validate=True))
    except (NotBase64, NotJson, ValueError):
        return None
