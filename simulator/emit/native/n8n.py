"""Executions of n8n, one document each, as its API gives them with their data; and its log of what is about none.

A run of which more becomes known after it was handed out is there again, whole: the later one counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

from simulator.emit.native.runs import Run, Runs, step_of
from simulator.emit.native.told import Told, facts_of, json_lines, references, slug
from simulator.emit.writer import Stamps
from simulator.world.facts import Fact

TRIGGER = "Trigger"


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
        first, end = run.facts[0], run.end or run.facts[-1]
        names = list(dict.fromkeys([TRIGGER, *map(step_of, run.steps)]))
        good = end.outcome == "ok"
        result: dict[str, Any] = {"runData": self._run_data(run, first), "lastNodeExecuted": names[-1]}
        if not good:
            result["error"] = {
                "name": "NodeOperationError",
                "message": end.error or "error",
                "node": {"name": names[-1]},
            }
        return {
            "id": run.thing.id,
            "finished": good,
            "mode": "webhook" if run.objects else "trigger",
            "status": "success" if good else "canceled" if end.activity == "Workflow cancelled" else "error",
            "startedAt": self._stamp(first.at_us),
            "stoppedAt": self._stamp(end.at_us),
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
            "customData": {"eventIds": ",".join(fact.id for fact in run.facts)},
            "data": {"startData": {}, "resultData": result},
        }

    def _run_data(self, run: Run, first: Fact) -> dict[str, list[dict[str, Any]]]:
        """What each node did: from the end of the one before it to its own."""
        found: dict[str, list[dict[str, Any]]] = {}
        found[TRIGGER] = [_task(first, first.at_us, {"main": [[{"json": references(run.objects)}]]}, [])]
        before, begins_us = TRIGGER, first.at_us
        for fact in run.steps:
            name = step_of(fact)
            found.setdefault(name, []).append(_task(fact, begins_us, {}, [{"previousNode": before}]))
            before, begins_us = name, fact.at_us
        return found

    def _entry(self, told: Told) -> dict[str, Any]:
        fact, main = told.fact, told.main
        return {
            "id": fact.id,
            "ts": self._stamp(fact.at_us),
            "eventName": f"n8n.workflow.{slug(fact.activity)}",
            "message": fact.activity,
            "payload": {
                "workflowName": fact.actor.rpartition(":")[2],
                "object": {"type": main.type, "id": main.id},
                "related": references(fact.things[1:]),
                "success": fact.outcome == "ok",
                **({"error": fact.error} if fact.error else {}),
                **facts_of(told),
            },
        }


def _task(fact: Fact, begins_us: int, data: dict[str, Any], source: list[dict[str, str]]) -> dict[str, Any]:
    task = {
        "startTime": begins_us // 1000,
        "executionTime": (fact.at_us - begins_us) // 1000,
        "executionStatus": "success" if fact.outcome == "ok" else "error",
        "source": source,
        "metadata": {"eventId": fact.id},
        "data": data,
    }
    return task | ({"error": {"message": fact.error}} if fact.error else {})


def _node(name: str, place: int) -> dict[str, Any]:
    type_ = "n8n-nodes-base.webhook" if name == TRIGGER else "n8n-nodes-base.httpRequest"
    return {"name": name, "type": type_, "typeVersion": 1, "position": [240 * place, 300], "parameters": {}}
