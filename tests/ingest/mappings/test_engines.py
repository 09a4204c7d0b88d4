"""Documents of workflow engines as one model: what histories tell, real ones among them, and that nothing breaks it."""

from __future__ import annotations

import copy
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.event_form import Event
from ingest.event_rows import EventRows
from ingest.mappings.decoding import records
from ingest.mappings.engines.n8n import execution
from ingest.mappings.engines.temporal import history
from ingest.mappings.mapper import Mapper
from ingest.mappings.pack import SHIPPED, MappingPack
from ingest.sources.delivery import Delivery
from kernel.clock import Clock
from kernel.definitions import read_definition

ENGINES = {"n8n": execution, "temporal": lambda document: history(document, "key")}


def recorded(pack: str, name: str) -> list[Any]:
    """Documents of a fixture."""
    fixture = json.loads((SHIPPED / pack / f"{name}.json").read_bytes())
    return [json.loads(one["body"]) for one in fixture["deliveries"]]


def events(pack: str, document: Any, key: str = "key") -> list[Event]:
    given_pack = read_definition(SHIPPED / f"{pack}.yaml", MappingPack)
    delivery = Delivery(json.dumps(document).encode(), key)
    (record,) = records(delivery, given_pack.decode)
    found = Mapper(given_pack).mapped(record, delivery)
    assert not found.unfit
    return found.events


def told(found: list[Event]) -> list[tuple[str, str, str, str]]:
    return [(one.activity, str(one.attributes.get("step", "")), one.outcome, one.error_code) for one in found]


def test_a_history_tells_attempts_waits_signals_and_children() -> None:
    (document,) = recorded("temporal", "refund")
    found = sorted(events("temporal", document), key=lambda one: one.sequence)
    assert told(found) == [
        ("Workflow started", "", "ok", ""),
        ("Step retried", "CheckPolicy", "retry", "ServiceUnavailable"),
        ("Step completed", "CheckPolicy", "ok", ""),
        ("Workflow paused", "timer 8", "", ""),
        ("Signal received", "approved", "", ""),
        ("Workflow resumed", "timer 8", "rejected", ""),
        ("Step started", "PayoutWorkflow", "ok", ""),
        ("Step failed", "PayoutWorkflow", "error", "AccountClosed"),
        ("Step started", "AskCustomer", "ok", ""),
        ("Step failed", "AskCustomer", "timeout", "StartToClose"),
        ("Workflow failed", "", "error", "StartToClose"),
    ]
    completed = found[2]
    assert (completed.started_at, completed.attributes["attempt"]) == ("2026-03-02T09:00:04.100Z", 3)
    assert completed.attributes["scheduled_at"] == "2026-03-02T09:00:00.030Z"
    assert found[3].attributes["until"] == "2026-03-02T09:05:04.500000Z"
    assert {(link.from_.id[:4], link.to.id[:4], link.qualifier) for one in found for link in one.links} == {
        ("3f1c", "9a77", "child")
    }
    assert {one.objects[0].id for one in found} == {"3f1c2a70-0d51-4c7e-9b61-5d1a8a6f0b11"}
    assert events("temporal", {"history": document, "nextPageToken": ""}) == events("temporal", document)
    record = history(document, "key")
    assert (record["run"]["input"], record["run"]["custom"]) == ([{"return": "RT-204"}], {"ReturnId": "RT-204"})


def test_how_executions_end_and_go_on() -> None:
    endings = [events("temporal", document)[-1] for document in recorded("temporal", "endings")]
    assert [(one.activity, one.outcome) for one in endings] == [
        ("Workflow completed", "ok"),
        ("Workflow timed out", "timeout"),
        ("Workflow cancelled", "rejected"),
    ]
    child, schedule = (events("temporal", document) for document in recorded("temporal", "child-and-schedule"))
    assert [one.activity for one in child] == ["Workflow restarted", "Cancellation requested", "Workflow cancelled"]
    assert [one.activity for one in schedule] == [
        "Workflow restarted", "Workflow paused", "Workflow resumed", "Workflow continued",
    ]  # fmt: skip
    assert [(link.from_.id, link.qualifier) for link in schedule[0].links] == [
        ("77e0a0c5-51a3-4d5e-8f0d-0c6f4c0f8a90", "again")
    ]


def test_a_history_that_goes_on_says_the_same_of_what_was_there() -> None:
    (document,) = recorded("temporal", "refund")
    whole = events("temporal", document)
    for length in range(1, len(document["events"])):
        part = events("temporal", {"events": document["events"][:length]})
        assert [one for one in whole if one.id in {known.id for known in part}] == part


def test_executions_tell_nodes_retries_and_waits() -> None:
    failed, retried = (events("n8n", document) for document in recorded("n8n", "failed-and-retried"))
    assert told(failed) == [
        ("Workflow started", "", "ok", ""),
        ("Step completed", "Webhook", "ok", ""),
        ("Step completed", "Map order", "ok", ""),
        ("Step failed", "Send to ERP", "error", "503"),
        ("Workflow failed", "Send to ERP", "error", "503"),
    ]
    assert (failed[3].started_at, failed[3].occurred_at) == (
        "2026-03-02T09:00:00.042+00:00",
        "2026-03-02T09:00:30.042+00:00",
    )
    assert retried[0].activity == "Workflow restarted"
    assert [(link.from_.id, link.to.id) for link in retried[0].links] == [("4101", "4102")]
    assert [one.sequence for one in failed] == [0, 1, 2, 3, 4]
    assert [one.attributes["attempt"] for one in retried if one.attributes.get("step") == "Map order"] == [1, 2]
    waiting, running, crashed, canceled = (
        events("n8n", document) for document in recorded("n8n", "waiting-running-and-crashed")
    )
    assert told(waiting)[-1] == ("Workflow paused", "Wait", "", "")
    assert waiting[-1].attributes["until"] == "2026-03-02T10:00:00.010Z"
    assert [one.activity for one in running] == ["Workflow started", "Step completed"]
    assert told(crashed)[-1] == ("Workflow failed", "Webhook", "error", "crashed")
    assert told(canceled)[-1] == ("Workflow cancelled", "Webhook", "rejected", "")


def test_documents_of_before_have_no_status() -> None:
    (document, *_) = recorded("n8n", "failed-and-retried")
    old = {name: value for name, value in document.items() if name != "status"}
    assert execution(old)["run"]["status"] == "error"
    assert execution({**old, "finished": True})["run"]["status"] == "success"
    assert execution({**old, "stoppedAt": None})["run"]["status"] == "running"
    assert execution({**old, "waitTill": "2026-03-02T10:00:00Z"})["run"]["status"] == "waiting"
    assert execution({"log": 1}) == {"log": 1}
    assert history({"log": 1}, "k") == {"log": 1}


def test_real_histories_are_read_whole(data_dir: Path, clock: Clock) -> None:
    """Each event of theirs that is of the model, in old and new forms, and nothing of them is unfit."""
    paths = sorted((data_dir / "payloads" / "temporal").glob("*.json"))
    if not paths:
        pytest.skip(f"no histories of Temporal in {data_dir}")
    counted, types = Counter[str](), Counter[str]()
    for path in paths:
        document = json.loads(path.read_bytes())
        found = events("temporal", document, path.stem)
        rows = EventRows("temporal", clock.now())
        rows.add_all(found)
        assert rows.sent().received == len({one.id for one in found}) == len(found) > 0
        counted.update(one.activity for one in found)
        for event in document["events"]:
            types[event["eventType"].removeprefix("EVENT_TYPE_").replace("_", "").lower()] += 1
    begun = types["activitytaskstarted"] + types["childworkflowexecutionstarted"] + types["nexusoperationstarted"]
    assert counted["Step started"] + counted["Step retried"] == begun
    assert counted["Workflow started"] + counted["Workflow restarted"] == types["workflowexecutionstarted"]
    assert counted["Workflow completed"] == types["workflowexecutioncompleted"]
    assert counted["Workflow paused"] == types["timerstarted"]
    assert counted["Workflow resumed"] == types["timerfired"] + types["timercanceled"]
    signals = types["workflowexecutionsignaled"] + types["workflowexecutionupdateaccepted"]
    assert counted["Signal received"] == signals > 10
    ended = ("activitytaskcompleted", "childworkflowexecutioncompleted", "nexusoperationcompleted")
    assert counted["Step completed"] == sum(types[name] for name in ended)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
ANYTHING = st.recursive(
    SCALARS,
    lambda some: st.lists(some, max_size=3) | st.dictionaries(st.text(max_size=8), some, max_size=3),
    max_leaves=6,
)
DOCUMENTS = [
    (name, document)
    for name, fixtures in (
        ("n8n", ("failed-and-retried", "waiting-running-and-crashed")),
        ("temporal", ("refund", "child-and-schedule", "endings")),
    )
    for fixture in fixtures
    for document in recorded(name, fixture)
]


@settings(max_examples=examples(300), deadline=None)
@given(st.sampled_from(DOCUMENTS), st.data())
def test_no_document_breaks_them(named: tuple[str, Any], data: st.DataObject) -> None:
    """Whatever stands anywhere in a document of theirs: it is read, and mapped or refused with a reason."""
    name, document = named
    changed = copy.deepcopy(document)
    places = list(_places(changed))
    for _ in range(data.draw(st.integers(1, 3))):
        holder, at = places[data.draw(st.integers(0, len(places) - 1))]
        holder[at] = data.draw(ANYTHING)
    ENGINES[name](changed)
    pack = read_definition(SHIPPED / f"{name}.yaml", MappingPack)
    delivery = Delivery(json.dumps(changed).encode(), "key")
    for record in records(delivery, pack.decode):
        found = Mapper(pack).mapped(record, delivery)
        assert not (found.events and found.unfit)


def _places(value: Any) -> Any:
    """Where something stands: what holds it, and its name or number."""
    for at, one in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield value, at
        yield from _places(one)
