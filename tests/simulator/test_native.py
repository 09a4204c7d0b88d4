"""What each system hands out: everything that it told, in its own shape, and nothing that it cannot know."""

from __future__ import annotations

import csv
import json
import re
from base64 import b64decode
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from simulator.emit.native import NativeWriter
from simulator.emit.native.runs import Runs
from simulator.emit.native.told import Told
from simulator.emit.native.writer import AGAIN_US, SOURCES
from simulator.emit.writer import BEGINNINGS
from simulator.faults.scenario import Scenario
from simulator.simulation import Day, Simulation
from simulator.world.facts import TELLING, Fact, Thing
from simulator.world.times import HOUR, MINUTE, as_datetime

MONDAY = date(2026, 3, 23)
STORM = {"kind": "out_of_order_storm", "from": "day 1", "for": "2d", "where": {"source": "n8n"}, "size": 30}
CARRIERS = ("ridge-express", "meadow-post", "harbor-parcel")


class Emitted(NamedTuple):
    folder: Path
    facts: list[Fact]
    end_us: int


@pytest.fixture(scope="module")
def emitted(tmp_path_factory: pytest.TempPathFactory) -> Emitted:
    folder = tmp_path_factory.mktemp("native") / "native"
    scenario = Scenario.model_validate({"id": "x", "faults": [STORM]})
    simulation = Simulation(first=MONDAY, days=4, orders_per_day=60, scenario=scenario)
    writer, facts = NativeWriter(folder), []
    for day in simulation.days():
        facts += day.facts
        writer.day(day)
    writer.close()
    return Emitted(folder, facts, simulation.world.end_us)


@pytest.fixture(scope="module")
def native(emitted: Emitted) -> Path:
    return emitted.folder


@pytest.fixture(scope="module")
def facts(emitted: Emitted) -> list[Fact]:
    return emitted.facts


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def records(folder: Path) -> Iterator[Any]:
    for path in files(folder):
        yield from map(json.loads, path.read_text().splitlines())


def rows(folder: Path, name: str = "*", delimiter: str = ",") -> list[dict[str, str]]:
    found = []
    for path in files(folder):
        if path.match(name):
            with path.open(newline="") as lines:
                found += list(csv.DictReader(lines, delimiter=delimiter, strict=True))
    return found


def payload(value: dict[str, Any]) -> Any:
    return json.loads(b64decode(value["data"]))


def test_every_system_has_a_shape() -> None:
    assert set(SOURCES) == set(TELLING)


def test_every_fact_is_handed_out_under_its_own_id(native: Path, facts: list[Fact]) -> None:
    """Those of runs in the documents of these, in whatever form."""
    told: dict[str, set[str]] = defaultdict(set)
    for fact in facts:
        if fact.things[0].type != "workflow_run":
            told[fact.system].add(fact.id)
    found: dict[str, set[str]] = {}
    for folder in native.iterdir():
        text = "".join(
            path.read_text() for path in files(folder) if path.parent.name not in ("executions", "histories")
        )
        found[folder.name] = set(re.findall(rf"\b{folder.name}-[0-9]{{9}}\b", text))
        assert found[folder.name] == told[folder.name]
    assert set(found) == {fact.system for fact in facts}


def test_carriers_know_parcels_and_tell_some_twice(emitted: Emitted) -> None:
    native, facts, end_us = emitted
    for carrier in CARRIERS:
        text = "".join(path.read_text() for path in files(native / carrier))
        assert not re.search(r"\b[OCDPI]-[0-9]", text)
        of_carrier = [fact for fact in facts if fact.system == carrier]
        again = [fact for fact in of_carrier if fact.repeats == 2 and fact.seen_us + AGAIN_US < end_us]
        ids = Counter(re.findall(rf"{carrier}-[0-9]{{9}}", text))
        assert ids.total() == len(of_carrier) + len(again)
        assert all(ids[fact.id] == 2 for fact in again)
    assert sum(fact.repeats == 2 for fact in facts if fact.system in CARRIERS) > 3


def test_the_shop_tells_orders_without_what_is_decided_later(native: Path, facts: list[Fact]) -> None:
    placed = {fact.id: fact for fact in facts if fact.system == "shop" and fact.activity == "Order placed"}
    hooks = [one for one in records(native / "shop") if one["headers"]["X-Shop-Topic"] == "orders/create"]
    assert {one["headers"]["X-Shop-Event-Id"] for one in hooks} == set(placed)
    for hook in hooks:
        fact, body = placed[hook["headers"]["X-Shop-Event-Id"]], hook["body"]
        assert body["id"] == fact.things[0].id
        total = sum(line["quantity"] * round(float(line["price"]) * 100) for line in body["line_items"])
        assert round(float(body["total_price"]) * 100) == total == fact.cents
        assert not {"carrier", "fulfilled_by"} & set(body)


def test_tables_are_whole_and_the_erp_knows_the_day_of_a_posting(native: Path, facts: list[Fact]) -> None:
    by_id = {fact.id: fact for fact in facts}
    for row in rows(native / "erp", "postings.csv"):
        fact = by_id[row["document_number"]]
        local = as_datetime(fact.at_us + HOUR * (1 if as_datetime(fact.at_us).date() < date(2026, 3, 29) else 2))
        assert (row["posting_date"], row["entry_time"]) == (str(local.date()), local.strftime("%H:%M:%S"))
    for row in [*rows(native / "erp", "postings.csv"), *rows(native / "erp", "change_documents.csv")]:
        fact = by_id[row.get("document_number") or row["change_number"]]
        assert row["documents"].split() == [f"{thing.type}:{thing.id}" for thing in fact.things[1:]]
        flow = [(*one.key, *other.key, text) for one, other, text in fact.relations]
        assert [tuple(one) for one in json.loads(row["links"] or "[]")] == flow
    scans = rows(native / "wms")
    assert [row["uploaded_at"] for row in scans] == sorted(row["uploaded_at"] for row in scans)
    items = rows(native / "market-aurora", delimiter="\t")
    assert all(None not in row and None not in row.values() for row in [*scans, *items, *rows(native / "crm")])
    journal = [line for path in files(native / "pos") for line in path.read_text().splitlines()]
    uploads = [int(line.split("|")[2]) for line in journal if line.startswith("UPLOAD|")]
    assert sum(uploads) == len(journal) - len(uploads) > 10
    assert {line.count("|") for line in journal if not line.startswith("UPLOAD|")} == {15}


def test_spans_are_attempts_in_the_trace_of_their_message(native: Path, facts: list[Fact]) -> None:
    spans = [
        span
        for request in records(native / "bus")
        for resource in request["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]
    by_id = {fact.id: fact for fact in facts}
    calls: dict[str, set[str]] = defaultdict(set)
    unfinished = 0
    begun = set()
    for span in spans:
        given = {one["key"]: next(iter(one["value"].values())) for one in span["attributes"]}
        for event in span.get("events", []):
            first = by_id[next(one["value"]["stringValue"] for one in event["attributes"] if one["key"] == "event.id")]
            assert (event["name"], event["timeUnixNano"]) == (first.activity, span["startTimeUnixNano"])
            assert first.things[0].id == given["integration_call.id"]
            begun.add(first.id)
        if "endTimeUnixNano" not in span:
            unfinished += 1
            continue
        fact = by_id[given["event.id"]]
        begins, ends = int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"])
        assert (begins, ends) == (fact.details.get("started_us", fact.at_us) * 1000, fact.at_us * 1000)
        of_its_type = [one.id for one in fact.things[1:] if one.type == fact.things[1].type]
        if len(of_its_type) == 1:
            assert given[f"{fact.things[1].type}.id"] == of_its_type[0]
        else:
            named = given[f"{fact.things[1].type}.ids"]["values"]
            assert [one["stringValue"] for one in named] == of_its_type
        assert (span["status"]["code"] == 2) == (fact.outcome in ("error", "timeout"))
        calls[span["traceId"]].add(given["integration_call.id"])
    assert all(len(one) == 1 for one in calls.values())
    assert len(set().union(*calls.values())) == len(calls)
    ended = [span["spanId"] for span in spans if "endTimeUnixNano" in span]
    assert len(set(ended)) == len(ended) == len(spans) - unfinished
    assert begun == {fact.id for fact in facts if fact.system == "bus" and fact.activity in BEGINNINGS}


def test_executions_hold_their_runs_and_come_again_when_more_is_known(native: Path, facts: list[Fact]) -> None:
    """Although n8n told for two days in disorder: the newest document of a run holds all that was told of it."""
    told: dict[str, set[str]] = defaultdict(set)
    ended = set()
    for fact in facts:
        if fact.system == "n8n" and fact.things[0].type == "workflow_run":
            told[fact.things[0].id].add(fact.id)
            if fact.activity in ("Workflow completed", "Workflow failed"):
                ended.add(fact.things[0].id)
    newest = {one["id"]: one for one in records(native / "n8n" / "executions")}
    assert {run: set(one["customData"]["eventIds"].split(",")) for run, one in newest.items()} == told
    assert {run for run, one in newest.items() if one["status"] != "running"} == ended
    assert "running" in {one["status"] for one in records(native / "n8n" / "executions")}
    assert len(list(records(native / "n8n" / "executions"))) > len(newest)
    for one in newest.values():
        nodes = [node["name"] for node in one["workflowData"]["nodes"]]
        assert set(one["data"]["resultData"]["runData"]) == set(nodes)
        assert one["stoppedAt"] is None or one["startedAt"] <= one["stoppedAt"]


def test_histories_are_numbered_and_refer_to_what_came_before(native: Path, facts: list[Fact], data_dir: Path) -> None:
    """Their events carry the attributes that those of real histories do."""
    real: dict[str, set[str]] = defaultdict(set)
    for path in (data_dir / "payloads" / "temporal").glob("*.json"):
        for event in json.loads(path.read_bytes())["events"]:
            real[next((name for name in event if name.endswith("Attributes")), "")].add(event["eventType"])
    summaries = set()
    for history in records(native / "temporal" / "histories"):
        for number, event in enumerate(history["events"], 1):
            assert event["eventId"] == str(number)
            (name,) = (name for name in event if name.endswith("Attributes"))
            if "Failed" not in name and "Canceled" not in name:
                assert event["eventType"] in real[name]
            for key in ("scheduledEventId", "startedEventId", "workflowTaskCompletedEventId"):
                assert int(event[name].get(key, 0)) < number
            if "userMetadata" in event:
                summaries.add(payload(event["userMetadata"]["summary"]))
        times = [event["eventTime"] for event in history["events"]]
        assert times == sorted(times)
    runs = [fact for fact in facts if fact.system == "temporal" and fact.things[0].type == "workflow_run"]
    assert summaries == {fact.id for fact in runs}


def test_runs_are_forgotten_after_a_while() -> None:
    runs, thing = Runs(), Thing("workflow_run", "r-1", workflow="w")

    def fact(number: int, activity: str) -> Told:
        return Told(Fact(number, number * MINUTE, number * MINUTE, "n8n", activity, (thing,)), number * MINUTE, {})

    (run,), _ = runs.take(MONDAY, [fact(1, "Workflow started")])
    assert run.end is None
    (run,), _ = runs.take(MONDAY, [fact(3, "Workflow completed"), fact(3, "Workflow completed")])
    assert [one.number for one in run.facts] == [1, 3]
    (run,), _ = runs.take(MONDAY + timedelta(days=1), [fact(2, "Step completed")])
    assert [one.number for one in run.facts] == [1, 2, 3]
    assert runs.take(MONDAY + timedelta(days=3), []) == ([], [])
    (run,), _ = runs.take(MONDAY + timedelta(days=3), [fact(4, "Step completed")])
    assert [one.number for one in run.facts] == [4]  # nothing is known of it any more


def test_a_system_without_a_shape_and_new_activities_are_written_too(tmp_path: Path) -> None:
    """With marks of every syntax in what they tell."""
    odd = "a|b\"c'd,e\nf+g:h?i\tj"
    things = (Thing("thing", odd, store="amber"), Thing("other", odd))
    systems = [*SOURCES, "lighthouse-keeper"]
    facts = [
        Fact(number, 10**15, 10**15 + HOUR, system, "Light lit", things, error=odd, cents=-5, details={"why": odd})
        for number, system in enumerate(systems, 1)
    ]
    writer = NativeWriter(tmp_path / "native")
    writer.day(Day(1, date(2001, 9, 9), facts, [], []))
    writer.close()
    assert {path.name for path in (tmp_path / "native").iterdir()} == set(systems)
    for fact in facts:
        texts = [path.read_text() for path in files(tmp_path / "native" / fact.system)]
        assert any(fact.id in text for text in texts)
        for text in texts:
            if text.startswith("{"):
                assert len(text.splitlines()) == 1
                json.loads(text)
    (journal,) = files(tmp_path / "native" / "pos")
    assert [line.count("|") for line in journal.read_text().splitlines()] == [2, 15]
    (edi,) = files(tmp_path / "native" / "supplier-network")
    (message,) = edi.read_text().splitlines()
    segments = re.split(r"(?<!\?)'", message.replace("??", ""))
    assert segments[-2].startswith(f"UNT+{len(segments) - 1}+")
