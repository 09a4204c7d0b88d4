"""Executions of n8n, one document each, as its API gives them with their data; and its log of what is about none.

A run of which more becomes known after it was handed out is there again, whole, while it is running too. Metadata of
its nodes and its custom data name the events of its log.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

from simulator.emit.native.runs import Run, Runs, step_of
from simulator.emit.native.told import Told, json_lines, listed, noted, references, slug
from simulator.emit.writer import Stamps, money
from simulator.world.facts import Fact

TRIGGER = "Trigger"
STATUSES = {"Workflow completed": "success", "Workflow cancelled": "canceled"}
"""How an execution ends; error otherwise."""


class N8n:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._runs, self._stamp = Runs(), Stamps()

    def take(self, day: date, told: Sequence[Told]) -> None:
        runs, others = self._runs.take(day, told)
        for name, records in (("executions", map(self._execution, runs)), ("log", map(self._entry, others))):
            if content := json_lines(records):
                (self._folder / name).mkdir(parents=True, exist_ok=True)
                (self._folder / name / f"{day}.jsonl").write_bytes(content)

    def close(self) -> None:
        return None

    def _execution(self, run: Run) -> dict[str, Any]:
        first, end = run.facts[0], run.end
        names = list(dict.fromkeys([TRIGGER, *map(step_of, run.steps)]))
        good = end is not None and end.outcome == "ok"
        result: dict[str, Any] = {"runData": self._run_data(run, first), "lastNodeExecuted": names[-1]}
        if end is not None and not good:
            result["error"] = {
                "name": "NodeOperationError",
                "message": end.error or "error",
                "node": {"name": names[-1]},
            }
        return {
            "id": run.thing.id,
            "finished": good,
            "mode": "webhook" if run.objects else "trigger",
            "status": "running" if end is None else STATUSES.get(end.activity, "error"),
            "startedAt": self._stamp(first.at_us),
            "stoppedAt": None if end is None else self._stamp(end.at_us),
            "retryOf": None,
            "waitTill": None,
            "workflowId": run.workflow,
            "workflowData": {
                "id": run.workflow,
                "name": run.workflow,
                "active": True,
                "nodes": [_node(name, place) for place, name in enumerate(names)],
                "connections": {
                    one: {"main": [[{"node": other, "type": "main", "index": 0}]]} for one, other in pairwise(names)
                },
            },
            "customData": {
                "eventIds": ",".join(fact.id for fact in run.facts),
                **({} if end is None else self._metadata(end)),
            },
            "data": {"startData": {}, "resultData": result},
        }

    def _metadata(self, fact: Fact) -> dict[str, str]:
        """By which the events of its log are known."""
        return {"eventId": fact.id, "event": fact.activity, "seenAt": self._stamp(fact.seen_us)}

    def _run_data(self, run: Run, first: Fact) -> dict[str, list[dict[str, Any]]]:
        """What each node did: from the end of the one before it to its own."""
        about = {"main": [[{"json": references(run.objects)}]]}
        trigger = _task(first._replace(outcome="ok", error=""), first.at_us, about, [])
        if run.start is not None:
            trigger["metadata"] = self._metadata(run.start)
        found, before, begins_us = {TRIGGER: [trigger]}, TRIGGER, first.at_us
        for fact in run.steps:
            name = step_of(fact)
            task = _task(fact, begins_us, {}, [{"previousNode": before}])
            found.setdefault(name, []).append(task | {"metadata": self._metadata(fact)})
            before, begins_us = name, fact.at_us
        return found

    def _entry(self, told: Told) -> dict[str, Any]:
        fact, main = told.fact, told.main
        return {
            "id": fact.id,
            "ts": self._stamp(fact.at_us),
            "seen": self._stamp(fact.seen_us),
            "eventName": f"n8n.workflow.{slug(fact.activity)}",
            "message": fact.activity,
            "payload": {
                "by": {"name": fact.actor, "kind": fact.actor_kind},
                "object": {"type": main.type, "id": main.id},
                "related": listed(told.others),
                "outcome": fact.outcome,
                **({"error": fact.error} if fact.error else {}),
                **({} if fact.cents is None else {"amount": money(fact.cents), "currency": fact.currency}),
                **noted(told),
            },
        }


def _task(fact: Fact, begins_us: int, data: dict[str, Any], source: list[dict[str, str]]) -> dict[str, Any]:
    task: dict[str, Any] = {
        "startTime": begins_us // 1000,
        "executionTime": (fact.at_us - begins_us) // 1000,
        "executionStatus": "success" if fact.outcome == "ok" else "error",
        "source": source,
        "data": data,
    }
    return task | ({"error": {"message": fact.error}} if fact.error else {})


def _node(name: str, place: int) -> dict[str, Any]:
    type_ = "n8n-nodes-base.webhook" if name == TRIGGER else "n8n-nodes-base.httpRequest"
    return {"name": name, "type": type_, "typeVersion": 1, "position": [240 * place, 300], "parameters": {}}
