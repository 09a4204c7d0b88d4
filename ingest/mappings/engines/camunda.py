"""Process instances of Camunda 8, each with what belongs to it, as the collector of this engine gathers them.

The document is `{"processInstance": …, "elementInstances": […], "incidents": […], "jobs": […]}` as the REST API (v2)
answers, and `variables`, an object, where some were asked for. Besides what runs of other engines have, a run has
`business_id` and `tagged`: its tags of the form order:O-1 as {type, id}. Besides their kinds of moments there are

    incident     an error that stopped a step until somebody resolves it
    dead_letter  a job that failed and has no retries left, which is an incident too: that stays when it is retried

The API tells what a job is now and not what it was: of attempts between two polls only the last is known, and clusters
before 8.9 do not say when a job failed, so that retries of theirs are not told. When an incident was resolved is told
nowhere. The place of a moment follows from the number of its element, and stays when more becomes known; of a step
that threw an error this may be known later than its end: then the moment is a newer `revision`.
"""

from __future__ import annotations

from typing import Any

from ingest.mappings.engines.loose import a_list, a_number, a_text, an_error, an_object, without_nothing

ENDINGS = {
    "COMPLETED": ("completed", "ok"),
    "TERMINATED": ("canceled", "rejected"),
    "CANCELED": ("canceled", "rejected"),
}
WAITING = frozenset({"INTERMEDIATE_CATCH_EVENT", "RECEIVE_TASK", "EVENT_BASED_GATEWAY"})
"""Elements that do nothing but wait, for a message, a timer or a signal."""
LEFT_OUT = frozenset(
    {"PROCESS", "SEQUENCE_FLOW", "START_EVENT", "EXCLUSIVE_GATEWAY", "INCLUSIVE_GATEWAY", "PARALLEL_GATEWAY"}
)
HOLDING = frozenset({"SUB_PROCESS", "EVENT_SUB_PROCESS", "AD_HOC_SUB_PROCESS", "MULTI_INSTANCE_BODY", "CALL_ACTIVITY"})
"""Elements that end after what is in them."""
OUTCOMES = {"COMPLETED": "ok", "TERMINATED": "rejected", "CANCELED": "rejected"}
LAST = 1_000_000_000
"""Place of the end."""


def instance(document: Any) -> Any:
    """The record of a document; the document itself where it is no process instance."""
    given = an_object(document)
    told = given.get("processInstance")
    if not isinstance(told, dict):
        return document
    state, parent = a_text(told.get("state")), a_text(told.get("parentProcessInstanceKey"))
    process = a_text(told.get("processDefinitionId"))
    tags = [a_text(one) for one in a_list(told.get("tags"))]
    run = {
        "id": a_text(told.get("processInstanceKey")),
        "workflow": a_text(told.get("processDefinitionName")) or process,
        "workflow_id": process,
        "version": a_number(told.get("processDefinitionVersion")),
        "status": ENDINGS[state][0] if state in ENDINGS else "running",
        "retry_of": None,
        "parent": parent or None,
        "mode": "called" if parent else "started",
        "business_id": a_text(told.get("businessId")) or None,
        "tags": tags,
        "tagged": [{"type": kind, "id": name} for kind, _, name in (one.partition(":") for one in tags) if name],
        "input": [],
        "custom": an_object(given.get("variables")),
    }
    moments = [{"id": "started", "place": 0, "kind": "started", "at": told.get("startDate"), "outcome": "ok"}]
    moments += _Reading(given).moments()
    if state in ENDINGS:
        result, outcome = ENDINGS[state]
        end = {"id": "ended", "place": LAST, "kind": "ended", "at": told.get("endDate")}
        moments.append(end | {"result": result, "outcome": outcome})
    found = [
        without_nothing(one) | {"place": one["place"], "at": at} for one in moments if (at := a_text(one.get("at")))
    ]
    return {"run": run, "moments": sorted(found, key=lambda one: (one["at"], one["place"]))}


class _Reading:
    """What belongs to one instance."""

    def __init__(self, document: dict[str, Any]) -> None:
        elements = [an_object(one) for one in a_list(document.get("elementInstances"))]
        keyed = ((a_number(one.get("elementInstanceKey")) or 0, one) for one in elements)
        self._elements = [one for _, one in sorted(keyed, key=lambda pair: pair[0])]
        self._numbers = {a_text(one.get("elementInstanceKey")): number for number, one in enumerate(self._elements)}
        self._incidents = [an_object(one) for one in a_list(document.get("incidents"))]
        self._jobs = [an_object(one) for one in a_list(document.get("jobs"))]

    def moments(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for number, element in enumerate(self._elements):
            if a_text(element.get("type")) not in LEFT_OUT:
                found += self._element(number, element)
        for incident in self._incidents:
            found += self._incident(incident)
        for job in self._jobs:
            found += self._job(job)
        return found

    def _element(self, number: int, element: dict[str, Any]) -> list[dict[str, Any]]:
        key, kind, state = (a_text(element.get(name)) for name in ("elementInstanceKey", "type", "state"))
        waits = kind in WAITING
        base = self._step(element) | {"step_kind": kind.lower()}
        since, until = element.get("startDate"), element.get("endDate")
        begun = {**base, "id": f"begun-{key}", "place": 4 * number + 1, "at": since, "outcome": "" if waits else "ok"}
        found = [begun | {"kind": "waiting" if waits else "step_started"}]
        if state in OUTCOMES:
            place = LAST - 4 * number - 1 if kind in HOLDING else 4 * number + 3
            error = self._thrown(key)
            ended = {**base, "id": f"ended-{key}", "place": place, "at": until, "started_at": since}
            ended |= {
                "outcome": "error" if error else OUTCOMES[state],
                "error": error,
                "revision": 1 if error else None,
            }
            found.append(ended | {"kind": "resumed" if waits else "step"})
        return found

    def _incident(self, incident: dict[str, Any]) -> list[dict[str, Any]]:
        key, kind = a_text(incident.get("incidentKey")), a_text(incident.get("errorType"))
        error = an_error(kind, incident.get("errorMessage"))
        base = {**self._of(incident), "at": incident.get("creationTime"), "outcome": "error", "error": error}
        found = [{**base, "id": f"incident-{key}", "kind": "incident"}]
        if kind.endswith("NO_RETRIES"):
            job = next((one for one in self._jobs if a_text(one.get("jobKey")) == a_text(incident.get("jobKey"))), {})
            found.append({**base, "id": f"dead-{key}", "kind": "dead_letter", "job": a_text(job.get("type"))})
        return found

    def _job(self, job: dict[str, Any]) -> list[dict[str, Any]]:
        """What went wrong with it last."""
        key, state, retries = a_text(job.get("jobKey")), a_text(job.get("state")), a_number(job.get("retries"))
        told = an_error(job.get("errorCode"), job.get("errorMessage"))
        base = {**self._of(job), "error": told, "actor": a_text(job.get("worker")), "job": a_text(job.get("type"))}
        at = job.get("lastUpdateTime")
        if state == "TIMED_OUT":
            return [{**base, "id": f"timeout-{key}-{a_text(at)}", "kind": "retry", "at": at, "outcome": "timeout"}]
        if state != "FAILED" or not retries:
            return []
        again = {"id": f"retry-{key}-{retries}", "kind": "retry", "at": at, "outcome": "retry"}
        return [{**base, **again, "retries": retries}]

    def _thrown(self, key: str) -> dict[str, str] | None:
        """The error that a job of this element threw."""
        for job in self._jobs:
            if a_text(job.get("elementInstanceKey")) == key and job.get("state") == "ERROR_THROWN":
                return an_error(job.get("errorCode"), job.get("errorMessage")) or {"code": "ERROR_THROWN"}
        return None

    def _of(self, part: dict[str, Any]) -> dict[str, Any]:
        """The step that an incident or a job is of, and where it is among them."""
        number = self._numbers.get(a_text(part.get("elementInstanceKey")))
        if number is None:
            return {"step": a_text(part.get("elementId")), "place": 2}
        element = self._elements[number]
        return self._step(element) | {"step_kind": a_text(element.get("type")).lower(), "place": 4 * number + 2}

    def _step(self, element: dict[str, Any]) -> dict[str, Any]:
        name = a_text(element.get("elementName")) or a_text(element.get("elementId"))
        return {"step": name, "element": a_text(element.get("elementId"))}
