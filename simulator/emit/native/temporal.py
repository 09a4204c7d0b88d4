"""Histories of Temporal, one document per execution as `temporal workflow show --output json` gives them, with the ids
of the execution; and the log of its workers of what is about none.

The engine numbers its events itself. Which event of its log is meant, the summary and the details of each tell.
An execution is there again, whole, when more becomes known of it.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from simulator.emit.native.runs import ENDS, START, Run, Runs, step_of
from simulator.emit.native.told import Told, json_lines, listed, noted, references
from simulator.emit.writer import Stamps, digest, money
from simulator.world.facts import Fact

QUEUE = {"name": "retail", "kind": "TASK_QUEUE_KIND_NORMAL"}
ENDINGS = {"Workflow failed": "FAILED", "Workflow timed out": "TIMED_OUT", "Workflow cancelled": "CANCELED"}
"""How an execution ends; COMPLETED otherwise."""


class Temporal:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._runs, self._stamp = Runs(), Stamps()

    def take(self, day: date, told: Sequence[Told]) -> None:
        runs, others = self._runs.take(day, told)
        for name, records in (("histories", map(self._history, runs)), ("workers", map(self._entry, others))):
            if content := json_lines(records):
                (self._folder / name).mkdir(parents=True, exist_ok=True)
                (self._folder / name / f"{day}.jsonl").write_bytes(content)

    def close(self) -> None:
        return None

    def _history(self, run: Run) -> dict[str, Any]:
        ids = {"workflowId": run.thing.id, "runId": str(UUID(digest(16, f"run:{run.thing.id}")))}
        history = _History(self._stamp)
        first = run.facts[0]
        history.add(
            first,
            "WORKFLOW_EXECUTION_STARTED",
            None if run.start is not None else first.at_us,  # that it began was not told
            workflowType={"name": run.workflow},
            taskQueue=QUEUE,
            input={"payloads": [_payload(references(run.objects))]},
            originalExecutionRunId=ids["runId"],
            firstExecutionRunId=ids["runId"],
            identity=first.actor,
            attempt=1,
            searchAttributes={
                "indexedFields": {f"{type_}_id": _payload(found) for type_, found in references(run.objects).items()}
            },
        )
        history.decide(first)
        begins_us = first.at_us
        for fact in run.facts:
            if fact.activity == START:
                continue
            if fact.activity in ENDS:
                history.finish(fact)
            elif "step" in fact.details:
                history.activity(fact, begins_us)
                begins_us = fact.at_us
            else:
                history.add(fact, "WORKFLOW_EXECUTION_SIGNALED", signalName=fact.activity, identity=fact.actor)
                history.decide(fact)
        return {"workflowExecution": ids, "events": history.events}

    def _entry(self, told: Told) -> dict[str, Any]:
        fact, main = told.fact, told.main
        return {
            "id": fact.id,
            "ts": self._stamp(fact.at_us),
            "shipped": self._stamp(fact.seen_us),
            "level": "info" if fact.outcome == "ok" else "error",
            "msg": fact.activity,
            "by": {"name": fact.actor, "kind": fact.actor_kind},
            "object": {"type": main.type, "id": main.id},
            "related": listed(told.others),
            "outcome": fact.outcome,
            **({"error": fact.error} if fact.error else {}),
            **({} if fact.cents is None else {"amount": money(fact.cents), "currency": fact.currency}),
            **noted(told),
        }


class _History:
    """The events of one execution, numbered from 1."""

    def __init__(self, stamp: Stamps) -> None:
        self.events: list[dict[str, Any]] = []
        self._stamp = stamp
        self._decided = ""

    def add(self, fact: Fact, type_: str, at_us: int | None = None, **attributes: Any) -> str:
        """An event, which happens with the fact or at the instant given; its number."""
        number, words = str(len(self.events) + 1), type_.split("_")
        name = words[0].lower() + "".join(word.title() for word in words[1:]) + "EventAttributes"
        event = {
            "eventId": number,
            "eventTime": self._stamp(fact.at_us if at_us is None else at_us),
            "eventType": f"EVENT_TYPE_{type_}",
            "taskId": str(1_048_576 + 8 * fact.number + len(self.events)),
            name: attributes,
        }
        if at_us is None:
            told = {"event": fact.activity, "seen": self._stamp(fact.seen_us)}
            event["userMetadata"] = {"summary": _payload(fact.id), "details": _payload(told)}
        self.events.append(event)
        return number

    def decide(self, fact: Fact) -> None:
        """A workflow task: the worker decides what comes next."""
        scheduled = self.add(fact, "WORKFLOW_TASK_SCHEDULED", fact.at_us, taskQueue=QUEUE, attempt=1)
        started = self.add(fact, "WORKFLOW_TASK_STARTED", fact.at_us, scheduledEventId=scheduled, identity="worker-1")
        ids: dict[str, Any] = {"scheduledEventId": scheduled, "startedEventId": started, "identity": "worker-1"}
        self._decided = self.add(fact, "WORKFLOW_TASK_COMPLETED", fact.at_us, **ids)

    def activity(self, fact: Fact, begins_us: int) -> None:
        """An activity from its schedule to its end, and the decision that follows."""
        step = step_of(fact)
        scheduled = self.add(
            fact,
            "ACTIVITY_TASK_SCHEDULED",
            begins_us,
            activityId=str(len(self.events) + 1),
            activityType={"name": step},
            taskQueue=QUEUE,
            workflowTaskCompletedEventId=self._decided,
        )
        ids: dict[str, Any] = {"scheduledEventId": scheduled, "identity": fact.actor}
        ids["startedEventId"] = self.add(fact, "ACTIVITY_TASK_STARTED", begins_us, attempt=1, **ids)
        if fact.outcome == "ok":
            self.add(fact, "ACTIVITY_TASK_COMPLETED", **ids)
        else:
            self.add(fact, "ACTIVITY_TASK_FAILED", failure={"message": fact.error or fact.outcome}, **ids)
        self.decide(fact)

    def finish(self, fact: Fact) -> None:
        how = ENDINGS.get(fact.activity, "COMPLETED")
        given: dict[str, Any] = {"workflowTaskCompletedEventId": self._decided}
        if how == "FAILED":
            given["failure"] = {"message": fact.error or "failed"}
        self.add(fact, f"WORKFLOW_EXECUTION_{how}", **given)


def _payload(value: Any) -> dict[str, Any]:
    """A value as Temporal's payload: JSON in base64."""
    data = b64encode(msgspec.json.encode(value)).decode()
    return {"metadata": {"encoding": "anNvbi9wbGFpbg=="}, "data": data}
