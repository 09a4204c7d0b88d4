"""Executions of n8n, as its API gives them with `includeData=true`.

Node by node the document tells when it ran and how it went. A node that ran several times, as in a loop, has attempts.
An execution that retries another one names it (`retryOf`); one that waits says until when (`waitTill`).
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from ingest.mappings.engines.loose import a_list, a_number, a_text, an_error, an_object, without_nothing

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
LATEST_MS = 2**43
"""Far beyond the years that are taken."""
ENDINGS = {
    "success": ("completed", "ok"), "error": ("failed", "error"), "failed": ("failed", "error"),
    "crashed": ("failed", "error"), "canceled": ("canceled", "rejected"),
}  # fmt: skip
"""How an execution ended, by its status; running, waiting and new are none."""
TASKS = {"success": "ok", "error": "error", "crashed": "error", "canceled": "rejected"}


def execution(document: Any) -> Any:
    """The record of a document; the document itself where it is no execution."""
    if not isinstance(document, dict) or "startedAt" not in document or "workflowId" not in document:
        return document
    data = an_object(document.get("data"))
    result = an_object(data.get("resultData"))
    status = a_text(document.get("status")) or _old_status(document)
    tasks = sorted(_tasks(result), key=lambda one: (one["ends_ms"], one["starts_ms"], one["place"]))
    retry_of = a_text(document.get("retryOf"))
    run = {
        "id": a_text(document.get("id")),
        "workflow": a_text(an_object(document.get("workflowData")).get("name")) or a_text(document.get("workflowId")),
        "workflow_id": a_text(document.get("workflowId")),
        "status": status,
        "mode": a_text(document.get("mode")),
        "retry_of": retry_of or None,
        "input": _input(tasks),
        "custom": an_object(document.get("customData")),
    }
    moments: list[dict[str, Any]] = [
        {"id": "started", "kind": "started", "at": document.get("startedAt"), "outcome": "retry" if retry_of else "ok"}
    ]
    moments += [_step(one) for one in tasks]
    if status == "waiting" and (until := a_text(document.get("waitTill"))):
        since = a_text(document.get("stoppedAt")) or (moments[-1]["at"])
        step = a_text(result.get("lastNodeExecuted"))
        moments.append({"id": f"waiting-{until}", "kind": "waiting", "at": since, "step": step, "until": until})
    if status in ENDINGS:
        moments.append(_end(document, result, status))
    return {"run": run, "moments": [without_nothing(one) | {"place": place} for place, one in enumerate(moments)]}


def _old_status(document: dict[str, Any]) -> str:
    """Of documents that have none yet."""
    if document.get("finished") is True:
        return "success"
    if a_text(document.get("waitTill")):
        return "waiting"
    return "error" if a_text(document.get("stoppedAt")) else "running"


def _tasks(result: dict[str, Any]) -> list[dict[str, Any]]:
    """What nodes did and is over."""
    found: list[dict[str, Any]] = []
    for node, tasks in an_object(result.get("runData")).items():
        for number, task in enumerate(a_list(tasks), 1):
            given = an_object(task)
            starts_ms, takes_ms = a_number(given.get("startTime")), a_number(given.get("executionTime")) or 0
            status = a_text(given.get("executionStatus")) or ("error" if given.get("error") else "success")
            if starts_ms is None or not 0 <= starts_ms <= starts_ms + takes_ms < LATEST_MS or status not in TASKS:
                continue
            ends_ms = starts_ms + takes_ms
            told = {"node": node, "number": number, "given": given, "status": status, "place": len(found)}
            found.append(told | {"starts_ms": starts_ms, "ends_ms": ends_ms})
    return found


def _step(task: dict[str, Any]) -> dict[str, Any]:
    given, node = task["given"], task["node"]
    return {
        "id": f"{node}-{task['number']}",
        "kind": "step",
        "step_kind": "node",
        "step": node,
        "at": _moment(task["ends_ms"]),
        "started_at": _moment(task["starts_ms"]),
        "attempt": task["number"],
        "outcome": TASKS[task["status"]],
        "error": _error(given.get("error")),
        "note": given.get("metadata"),
    }


def _end(document: dict[str, Any], result: dict[str, Any], status: str) -> dict[str, Any]:
    how, outcome = ENDINGS[status]
    return {
        "id": "ended",
        "kind": "ended",
        "at": document.get("stoppedAt"),
        "step": a_text(result.get("lastNodeExecuted")),
        "result": how,
        "outcome": outcome,
        "error": _error(result.get("error")) or (an_error("crashed", "") if status == "crashed" else None),
    }


def _error(error: Any) -> dict[str, str] | None:
    given = an_object(error)
    return an_error(given.get("httpCode") or given.get("name"), given.get("message"))


def _input(tasks: list[dict[str, Any]]) -> Any:
    """The first item that the first node gave: what the execution is about."""
    starts = [task for task in tasks if not a_list(task["given"].get("source"))] or tasks
    if not starts:
        return None
    outputs = a_list(an_object(starts[0]["given"].get("data")).get("main"))
    items = a_list(outputs[0]) if outputs else []
    return an_object(items[0]).get("json") if items else None


def _moment(at_ms: int) -> str:
    return (EPOCH + timedelta(milliseconds=at_ms)).isoformat(timespec="milliseconds")
