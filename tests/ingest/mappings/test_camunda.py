"""Process instances of Camunda 8: what is told of them, that it stays as more becomes known, and that nothing breaks
it; and that packs of engines read what their collectors hand over."""

from __future__ import annotations

import copy
import json
import threading
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from engine_fakes import InProcess
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from inlets import MemoryInlet

from ingest.collectors.camunda import Camunda
from ingest.collectors.engine_collector import EngineCollector
from ingest.collectors.engine_settings import CamundaSettings, TemporalSettings
from ingest.collectors.temporal import Temporal
from ingest.event_form import Event
from ingest.mappings.decoding import records
from ingest.mappings.engines.camunda import instance
from ingest.mappings.mapper import Mapper
from ingest.mappings.pack import SHIPPED, MappingPack
from ingest.sources.delivery import Delivery
from kernel.clock import FixedClock
from kernel.definitions import read_definition
from kernel.secrets import Secrets

NOON = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)
NAMES = ("refund", "thrown", "running", "cancelled")


def pack(name: str) -> MappingPack:
    return read_definition(SHIPPED / f"{name}.yaml", MappingPack)


def recorded(name: str, of: str = "camunda") -> Any:
    fixture = json.loads((SHIPPED / of / f"{name}.json").read_bytes())
    return json.loads(fixture["deliveries"][0]["body"])


def events(document: Any, of: str = "camunda", key: str = "k") -> list[Event]:
    delivery = Delivery(document if isinstance(document, bytes) else json.dumps(document).encode(), key)
    (record,) = records(delivery, pack(of).decode)
    found = Mapper(pack(of)).mapped(record, delivery)
    assert not found.unfit
    return sorted(found.events, key=lambda one: (one.occurred_at, one.sequence))


def told(found: list[Event]) -> list[tuple[str, str, str, str]]:
    return [(one.activity, str(one.attributes.get("step", "")), one.outcome, one.error_code) for one in found]


def test_an_instance_tells_steps_incidents_dead_letters_and_waits() -> None:
    found = events(recorded("refund"))
    assert told(found) == [
        ("Workflow started", "", "ok", ""),
        ("Step started", "Check policy", "ok", ""),
        ("Step completed", "Check policy", "ok", ""),
        ("Step started", "Send payout", "ok", ""),
        ("Step failed", "Send payout", "error", "JOB_NO_RETRIES"),
        ("Message dead-lettered", "Send payout", "error", "JOB_NO_RETRIES"),
        ("Step completed", "Send payout", "ok", ""),
        ("Workflow paused", "Payout settled", "", ""),
        ("Workflow resumed", "Payout settled", "ok", ""),
        ("Workflow completed", "", "ok", ""),
    ]
    objects = {(ref.type, ref.id) for one in found for ref in one.objects}
    assert objects == {("workflow_run", "2251799813685249"), ("return", "RT-204"), ("order", "O-1742")}
    assert (found[-1].started_at, found[5].attributes["job"]) == ("2026-03-02T09:00:00.000Z", "payout")
    run = instance(recorded("refund"))["run"]
    assert (run["business_id"], run["version"], run["workflow_id"]) == ("RT-204", 4, "refund")


def test_errors_that_are_thrown_retries_timeouts_and_cancellations() -> None:
    assert ("Step failed", "Tell customer", "error", "NO_ADDRESS") in told(events(recorded("thrown")))
    running, cancelled = events(recorded("running")), events(recorded("cancelled"))
    assert told(running)[1:3] == [
        ("Step started", "Book payout", "ok", ""),
        ("Step retried", "Book payout", "retry", ""),
    ]
    assert (running[2].attributes["retries"], running[2].actor) == (2, "camunda:erp-1")
    assert told(running)[-1] == ("Step timed out", "gone", "timeout", "")
    assert told(cancelled)[-4:] == [
        ("Step cancelled", "Book payout", "rejected", ""),
        ("Step cancelled", "Approve", "rejected", ""),
        ("Workflow resumed", "Bank's answer", "rejected", ""),
        ("Workflow cancelled", "", "rejected", ""),
    ]
    assert [(link.from_.id, link.to.id) for link in running[0].links] == [("2251799813685249", "2251799813685600")]


@pytest.mark.parametrize("name", NAMES)
def test_what_was_told_stays_as_more_becomes_known(name: str) -> None:
    """Each part lags on its own. What is told anew of a moment is a newer revision of it."""
    whole = recorded(name)
    last = {one.id: one for one in events(whole)}
    for elements in range(len(whole["elementInstances"]) + 1):
        for others in (0, 1):
            part = copy.deepcopy(whole)
            part["elementInstances"] = part["elementInstances"][:elements]
            for holds in ("jobs", "incidents"):
                part[holds] = [
                    one
                    for one in part[holds][: others * 10]
                    if any(one["elementInstanceKey"] == e["elementInstanceKey"] for e in part["elementInstances"])
                ]
            part["processInstance"].pop("endDate", None)
            part["processInstance"]["state"] = "ACTIVE"
            for one in events(part):
                assert one == last[one.id] or one.revision < last[one.id].revision
    bare = events({**whole, "variables": {}})
    assert all(one.revision < last[one.id].revision for one in bare if one != last[one.id])


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
ANYTHING = st.recursive(
    SCALARS,
    lambda some: st.lists(some, max_size=3) | st.dictionaries(st.text(max_size=8), some, max_size=3),
    max_leaves=6,
)


@settings(max_examples=examples(100), deadline=None)
@given(st.sampled_from(NAMES), st.data())
def test_no_document_breaks_it(name: str, data: st.DataObject) -> None:
    """Whatever stands anywhere in it: it is read, and mapped or refused with a reason."""
    changed = recorded(name)
    places = list(_places(changed))
    for _ in range(data.draw(st.integers(1, 3))):
        holder, at = places[data.draw(st.integers(0, len(places) - 1))]
        holder[at] = data.draw(ANYTHING)
    delivery = Delivery(json.dumps(changed).encode(), "key")
    for record in records(delivery, pack("camunda").decode):
        found = Mapper(pack("camunda")).mapped(record, delivery)
        assert not (found.events and found.unfit)


def _places(value: Any) -> Any:
    """Where something stands: what holds it, and its name or number."""
    for at, one in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield value, at
        yield from _places(one)


class Served:
    """Answers with what is given by path."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers

    def answer(self, method: str, target: str, headers: Any, body: bytes) -> tuple[int, dict[str, str], bytes]:
        found = self.answers.get(target.partition("?")[0])
        return (404, {}, b"{}") if found is None else (200, {}, json.dumps(found).encode())


def collected(engine: Any, found: Any, answers: dict[str, Any]) -> Delivery:
    clock, inlet, stopping = FixedClock(NOON), MemoryInlet(), threading.Event()
    inlet.until = 1, stopping
    way: Any = InProcess(Served(answers))  # type: ignore[arg-type]
    EngineCollector(found, engine(found, Secrets(Path("."), {}), way, clock), clock=clock).run(inlet, stopping)
    (one,) = inlet.taken
    return one


def test_what_is_collected_of_camunda_is_what_its_pack_reads() -> None:
    whole = recorded("refund")
    parts = {"element-instances": "elementInstances", "incidents": "incidents", "jobs": "jobs"}
    answers = {f"/v2/{search}/search": {"items": whole[part], "page": {}} for search, part in parts.items()}
    answers["/v2/process-instances/search"] = {"items": [whole["processInstance"]], "page": {}}
    answers[f"/v2/process-instances/{whole['processInstance']['processInstanceKey']}"] = whole["processInstance"]
    told_of = [{"name": "order.id", "value": '"O-1742"'}, {"name": "email", "value": '"a@b.example"'}]
    answers["/v2/variables/search"] = {"items": told_of, "page": {}}
    found = CamundaSettings(kind="camunda", url="https://c.example", variables=("order.id",))
    one = collected(Camunda, found, answers)
    assert json.loads(one.body) == whole
    assert events(one.body) == events(whole)


def test_what_is_collected_of_temporal_is_what_its_pack_reads_without_what_is_carried() -> None:
    whole = recorded("refund", "temporal")
    ids = {"workflowId": "refund-204", "runId": "3f1c2a70-0d51-4c7e-9b61-5d1a8a6f0b11"}
    info = {"execution": ids, "status": "WORKFLOW_EXECUTION_STATUS_FAILED", "startTime": "2026-03-02T09:00:00Z"}
    base = "/api/v1/namespaces/shop/workflows"
    answers = {base: {"executions": [info]}, f"{base}/refund-204": {"workflowExecutionInfo": info}}
    answers[f"{base}/refund-204/history"] = {"history": {"events": whole["events"]}}
    found = TemporalSettings(
        kind="temporal", url="https://t.example", namespace="shop", search_attributes=("ReturnId",)
    )
    one = collected(Temporal, found, answers)
    assert told(events(one.body, "temporal")) == told(events(whole, "temporal"))
    record = next(iter(records(one, pack("temporal").decode))).body
    assert (record["run"]["input"], record["run"]["custom"]) == ([], {"ReturnId": "RT-204"})
    assert {name: value for name, value in json.loads(one.body).items() if name != "events"} == {
        "workflowExecution": ids,
        "workflowType": None,
        "status": info["status"],
        "namespace": "shop",
    }
