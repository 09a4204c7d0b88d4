"""A simulation sent to a service: in the form that it takes, at its pace, until it is taken, and only once."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from doors import LOCAL, directory, rules
from running_api import running

from api.app import create_app
from gembascope import live_simulation
from gembascope.commands.live import send_all
from gembascope.commands.simulate import simulate_
from gembascope.live_simulation import TOGETHER_S, Pace, Sender, Sent, send_live
from gembascope.service import Service, announced, instance_of
from gembascope.taking_events import taking_events
from gembascope.workspace import LocalWorkspace
from ingest.events_json import read_events
from kernel.clock import FixedClock, SystemClock
from kernel.errors import InputError, SettingsError, WarehouseUnavailable
from kernel.process import ProcessDefinition, write_process
from kernel.settings import load_settings
from kernel.warehouse import Warehouse
from mining.summary import log_summary
from simulator.emit.canonical import Canonical
from simulator.emit.writer import Beginnings
from simulator.faults.scenario import Scenario
from simulator.simulation import Day, Simulation
from simulator.world.facts import Change, Recorder, Thing
from simulator.world.times import DAY, HOUR, SECOND, as_datetime, instant_us, written

MONDAY = date(2026, 3, 23)
TAKEN = {"receipt": "r", "received": 1, "accepted": 1, "quarantined": []}


def simulation(days: int = 2, orders: int = 40) -> Simulation:
    return Simulation(first=MONDAY, days=days, orders_per_day=orders)


def test_facts_are_events_that_the_service_takes() -> None:
    """With every attribute once, and every link with the event that tells it."""
    days = list(simulation().days())
    canonical = Canonical()
    bodies = [event for day in days for _, _, event in canonical.events(day)]
    told = [fact for day in days for fact in day.facts for _ in range(fact.repeats)]
    assert [json.loads(body)["id"] for body in bodies] == [fact.id for fact in told]
    sent = read_events(b"[" + b",".join(bodies[:9000]) + b"]", "", datetime.now(timezone.utc))
    assert [refused for one in sent for refused in one.refused] == []
    assert sum(one.events.height for one in sent) == len(told)
    values: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    links: dict[tuple[str, str, str], str] = {}
    for event in map(json.loads, dict(zip((fact.id for fact in told), bodies, strict=True)).values()):
        for change in event.get("changes", []):
            assert "at" not in change
            values[change["type"], change["id"], change["attribute"]].insert(0, change["value"])
        for thing in event["objects"]:
            for name, value in thing.get("attributes", {}).items():
                values[thing["type"], thing["id"], name].append(value)
        for link in event.get("links", []):
            key = (link["from"]["id"], link["to"]["id"], link["qualifier"])
            assert key not in links
            links[key] = event["seen_at"]
    taken: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    beginnings = Beginnings()
    for fact in told:
        for thing, known in beginnings.of(fact).items():
            for name, value in known.items():
                taken[*thing.key, name].insert(0, value)
    for change in (one for day in days for one in day.changes):
        taken[*change.thing.key, change.name].append(change.value)
    assert values == taken
    given = {(thing.type, name) for fact in told for thing in fact.things for name in thing.attributes}
    assert {(type_, name) for type_, _, name in values} > given - {("order", "carrier"), ("order", "fulfilled_by")}
    expected = {(link.one.id, link.other.id, link.qualifier): written(link.at_us) for day in days for link in day.links}
    assert set(links) == set(expected)
    assert all(seen >= expected[key] for key, seen in links.items())


def test_what_changes_and_belongs_together_comes_with_the_next_fact_that_can_tell_it() -> None:
    """Messages and runs carry objects about, and tell nothing of them."""
    order, parcel, other = Thing("order", "O-1", channel="web"), Thing("parcel", "T-1"), Thing("parcel", "T-2")
    call = Thing("integration_call", "C-1", interface="x")
    recorder = Recorder(7, lambda: HOUR)
    recorder.tell("shop", "Order placed", (order,), HOUR)
    recorder.change(order, "channel", "store")
    recorder.link(order, parcel, "parcel")
    recorder.link(order, other, "parcel", told_with=other)
    recorder.tell("bus", "Call started", (call, order, parcel), HOUR)
    recorder.tell("erp", "Order routed", (order,), HOUR + 1_234_567)
    recorder.tell("wms", "Label printed", (parcel, order), HOUR)
    recorder.tell("crm", "Parcel asked for", (other,), HOUR)
    facts, links, changes = recorder.told_until(3 * HOUR)
    facts.sort(key=lambda fact: fact.number)
    events = [json.loads(event) for _, _, event in Canonical().events(Day(1, MONDAY, facts, links, changes))]
    assert [event["objects"][0].get("attributes") for event in events] == [
        None, None, {"channel": "store"}, None, None,
    ]  # fmt: skip
    assert [event["changes"][0]["value"] for event in events if "changes" in event] == ["web", "x"]
    assert [[link["to"]["id"] for link in event.get("links", [])] for event in events] == [[], [], [], ["T-1"], ["T-2"]]
    assert events[2]["occurred_at"] == "1970-01-01T01:00:01Z"  # its clock knows seconds
    assert (len(links), changes) == (2, [Change(HOUR + SECOND, order, "channel", "store")])


class Recording:
    """A sender to nowhere that remembers when it sent what."""

    def __init__(self, clock: FixedClock) -> None:
        self.clock, self.sent = clock, list[tuple[int, list[dict[str, Any]]]]()

    def send(self, body: bytes) -> None:
        self.sent.append((instant_us(self.clock.now()), msgspec.json.decode(body)))


def test_what_was_told_is_sent_faster_until_it_has_caught_up() -> None:
    """The clock stands a day and a half after the first instant; from then on everything comes in its own time."""
    simulated, counted = simulation(), Sent()
    start_us = simulated.world.start_us
    begun_us = start_us + 3 * DAY // 2
    clock = FixedClock(as_datetime(begun_us))
    recording, slept = Recording(clock), []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock.at += timedelta(seconds=seconds)

    send_live(simulated, recording, counted, clock, 3600, sleep=sleep)  # type: ignore[arg-type]
    pace, count = Pace(start_us, 3600, begun_us), 0
    for at_us, events in recording.sent:
        for event in events:
            told_us = instant_us(datetime.fromisoformat(event["seen_at"]))
            late_us = at_us - pace.due_us(told_us)
            assert 0 <= late_us <= TOGETHER_S * 1e6 + 1000
            assert at_us >= told_us
            count += 1
    assert counted.systems.total() == count > 500
    assert instant_us(clock.now()) <= simulated.world.end_us
    assert max(slept) > 20


def test_a_body_is_sent_until_it_is_taken() -> None:
    answers: list[httpx.Response | None] = [
        httpx.Response(503, headers={"Retry-After": "7"}, json={"type": "urn:x:spool_full", "detail": "full"}),
        None,
        httpx.Response(429, json={"type": "urn:x:too_many_requests", "detail": "slow down"}),
        httpx.Response(202, json=TAKEN | {"received": 2, "quarantined": [{"index": 1, "id": "e", "reason": "no"}]}),
    ]

    def answer(_: httpx.Request) -> httpx.Response:
        found = answers.pop(0)
        if found is None:
            raise httpx.ConnectError("gone")
        return found

    slept: list[float] = []
    sent = Sent()
    with httpx.Client(base_url="http://service", transport=httpx.MockTransport(answer)) as client:
        Sender(client, sent, slept.append).send(b"[]")
        assert slept == [7.0, 2.0, 4.0]
        assert (sent.received, sent.accepted, sent.quarantined, sent.reasons, sent.retries) == (2, 1, 1, ["e: no"], 3)
        answers[:] = [httpx.Response(422, json={"type": "urn:x:input", "detail": "no array"})]
        with pytest.raises(InputError, match="no array"):
            Sender(client, sent, slept.append).send(b"{}")
        answers[:] = [None] * 100
        with pytest.raises(WarehouseUnavailable, match="takes no events: ConnectError"):
            Sender(client, sent, slept.append).send(b"[]")


def test_whoever_stops_it_is_told_what_became_of_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Stopped(Sender):
        def send(self, body: bytes) -> None:
            if self._sent.received:
                raise KeyboardInterrupt
            self._sent.take(TAKEN)

    monkeypatch.setattr(live_simulation, "Sender", Stopped)
    monkeypatch.setattr(live_simulation, "BODY_EVENTS", 100)
    send_all(simulation(), ("http://service", None), 1e9, json=True)
    document = json.loads(capsys.readouterr().out)
    assert (document["stopped"], document["received"], sum(document["systems"].values())) == (True, 1, 100)
    assert document["truth"]["scenario"] == "nothing"


def test_a_service_keeps_what_is_sent_again_once(
    warehouse: Warehouse, tenant: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    opened = LocalWorkspace(load_settings(home=home, tenant=tenant), SystemClock(), warehouse)
    write_process(opened.views.processes.folder, ProcessDefinition(id="orders", object_type="order"))

    def send() -> dict[str, Any]:
        simulate_(
            live=True, start=str(MONDAY), days=1, orders_per_day=20, speed=1e9, home=home, tenant=tenant, json=True
        )
        document: dict[str, Any] = json.loads(capsys.readouterr().out)
        return document

    with pytest.raises(SettingsError, match=f"no service runs on the home {home}: start one with gembascope serve"):
        send()
    with taking_events(opened, background=False) as live, directory(home, opened.clock, tenant) as people:
        door, uploads = rules(people), tmp_path / "uploads"
        instance = instance_of(LOCAL)
        app = create_app(opened.views, opened.clock, door, upload_folder=uploads, live_ingest=live, instance=instance)
        with running(app) as url, announced(home, Service(url, LOCAL, os.getpid(), tenant)):
            first, again = send(), send()
        live.drain()
    assert first["received"] == first["accepted"] == again["received"] > 200
    facts = [fact for day in simulation(1, 20).days() for fact in day.facts]
    assert sum(first["systems"].values()) == sum(fact.repeats for fact in facts)
    of_orders = [fact for fact in facts if any(thing.type == "order" for thing in fact.things)]
    assert log_summary(opened.views.view("orders")).events == len(of_orders)


def test_a_scenario_is_simulated_live_too() -> None:
    faults = [{"kind": "webhook_dead", "from": "day 1", "for": "1d", "where": {"interface": "shop-to-erp"}}]
    scenario = Scenario.model_validate({"id": "x", "faults": faults})
    simulated = Simulation(first=MONDAY, days=1, orders_per_day=20, scenario=scenario)
    clock = FixedClock(as_datetime(simulated.world.end_us))
    send_live(simulated, Recording(clock), Sent(), clock, 1e12)  # type: ignore[arg-type]
    assert simulated.truth()["faults"][0]["affected"]
