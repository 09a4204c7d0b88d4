"""The packs that are shipped: each keeps its contract, and no field of theirs can be changed without being noticed."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from native_deliveries import PACKS, deliveries

from ingest.event_rows import EventRows
from ingest.events_json import read_events
from ingest.mappings.contract import fixtures, prove
from ingest.mappings.decoding import records
from ingest.mappings.mapper import Mapper
from ingest.mappings.pack import SHIPPED, MappingPack
from ingest.sources.delivery import Delivery
from kernel.clock import Clock
from kernel.definitions import read_definition
from simulator.emit.canonical import Canonical
from simulator.emit.native import NativeWriter
from simulator.emit.native.writer import SOURCES
from simulator.emit.writing import write
from simulator.simulation import Day, Simulation
from simulator.world.facts import TELLING, Fact, Relation, Setting, Telling, Thing
from simulator.world.times import HOUR, SECOND

NAMES = sorted(path.stem for path in SHIPPED.glob("*.yaml"))
MOST_BYTES = 20_000
"""Of a fixture."""
Frames = tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_pack_keeps_its_contract(name: str, clock: Clock) -> None:
    path = SHIPPED / f"{name}.yaml"
    found = prove(read_definition(path, MappingPack), path, clock)
    assert [one.differences for one in found.verdicts if one.differences] == []
    assert (found.pack, found.unproven, found.kept) == (name, [], True)
    assert all(one.events and not one.quarantined for one in found.verdicts)
    assert all(one.stat().st_size < MOST_BYTES for one in fixtures(path))


def test_every_system_of_the_simulator_has_a_pack() -> None:
    assert {*PACKS.values(), "sim-plain", "n8n", "temporal", "camunda", "cloudevents", "opentelemetry"} == set(NAMES)
    assert {path.name for path in SHIPPED.iterdir() if path.is_dir()} == set(NAMES)


@pytest.fixture(scope="module")
def emitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packs") / "out"
    simulation = Simulation(first=date(2026, 3, 23), days=2, orders_per_day=12)
    write(simulation, folder, ["events", "native"])
    return folder


@pytest.fixture(scope="module")
def native(emitted: Path) -> dict[str, list[Delivery]]:
    return deliveries(emitted / "native")


@pytest.fixture(scope="module")
def sent(emitted: Path, clock: Clock) -> dict[str, Frames]:
    """What the same events are in the form that is sent, by source."""
    lines = (emitted / "events" / "events.ndjson").read_bytes().splitlines()
    by_source: dict[str, list[Frames]] = {}
    for first in range(0, len(lines), 5_000):
        for part in read_events(b"[" + b",".join(lines[first : first + 5_000]) + b"]", "", clock.now()):
            assert not part.refused
            by_source.setdefault(part.source, []).append((part.events, part.objects, part.links))
    return {source: _together(parts) for source, parts in by_source.items()}


def _together(parts: list[Frames]) -> Frames:
    events, objects, links = (pl.concat(frames) for frames in zip(*parts, strict=True))
    return events, objects, links


def mapped(pack: MappingPack, given: list[Delivery], clock: Clock) -> Frames:
    rows, mapper = EventRows("x", clock.now()), Mapper(pack)
    for delivery in given:
        for record in records(delivery, pack.decode):
            found = mapper.mapped(record, delivery)
            assert not found.unfit
            rows.add_all(found.events)
    made = rows.sent()
    return made.events, made.objects, made.links


def told(frames: Frames) -> list[set[str]]:
    """Rows of events, of attributes, and of links, each once."""
    events, objects, links = frames
    return [
        {str(row) for row in frame.drop("row", "source", strict=False).iter_rows(named=True)}
        for frame in (events, objects, links)
    ]


def agrees(found: Frames, system: str, sent: dict[str, Frames]) -> bool:
    """Whether these are the events of a system. What an object is from its beginning may be told again by a system that
    knows it too, such as a carrier of its parcels: then it says the same."""
    (events, objects, links), (own_events, own_objects, own_links) = told(found), told(sent[system])
    by_all = set().union(*(told(frames)[1] for frames in sent.values()))
    return (events, links) == (own_events, own_links) and own_objects <= objects <= by_all


def test_each_pack_makes_the_events_that_its_system_told(
    native: dict[str, list[Delivery]], sent: dict[str, Frames], clock: Clock
) -> None:
    assert set(native) == set(sent)
    for system, given in native.items():
        pack = read_definition(SHIPPED / f"{PACKS[system]}.yaml", MappingPack)
        assert agrees(mapped(pack, given, clock), system, sent), system


CARRIERS = ("ridge-express", "meadow-post", "harbor-parcel")
AT_US = 1_774_602_000_123_000


def anything(system: str, number: int) -> Fact:
    """Something that the system never told before, with all that it may tell."""
    light, keeper = Thing("stock_movement", f"L-{number}", colour="red"), Thing("keeper", f"K-{number}", grade="1")
    at_us = AT_US if TELLING.get(system, Telling()).clock_us < SECOND else AT_US // SECOND * SECOND
    fact = Fact(number, at_us, at_us + HOUR, system, "Light lit", (light, keeper), outcome="rejected", error="too_dark")
    told_by_person = fact._replace(actor="keeper-07", actor_kind="human")
    if system in CARRIERS:  # they know parcels alone
        parcel = Thing("parcel", f"T-{number}", carrier=system, size="s")
        return told_by_person._replace(things=(parcel,), details={"door": 3, "note": "a b"})
    fact = fact._replace(actor=system) if system.startswith("market-") else told_by_person
    known = {"note": "a b", "colour": "blue"}
    return fact._replace(
        cents=-1250,
        details=known if system == "supplier-network" else {**known, "count": 3, "share": 0.5, "done": True},
        relations=(Relation(light, keeper, "kept by"), Relation(keeper, Thing("tower", "T-9"), "lives in")),
        settings=(Setting(light, "state", "lit"), Setting(keeper, "grade", "2")),
    )


def test_whatever_a_system_may_tell_is_mapped(tmp_path: Path, clock: Clock) -> None:
    """Also what it does not tell today: details of every type, amounts, errors, people, links and changes. The bus is
    left out, which tells of messages alone."""
    systems = [*(system for system in SOURCES if system != "bus"), "lighthouse"]
    facts = [anything(system, number) for number, system in enumerate(systems, 1)]
    day = Day(1, date(2026, 3, 27), facts, [], [])
    writer, canonical = NativeWriter(tmp_path / "native"), Canonical()
    writer.day(day)
    writer.close()
    lines = [line for _, _, line in canonical.events(day)]
    parts = read_events(b"[" + b",".join(lines) + b"]", "", clock.now())
    sent = {part.source: (part.events, part.objects, part.links) for part in parts}
    for system, given in deliveries(tmp_path / "native").items():
        pack = read_definition(SHIPPED / f"{PACKS.get(system, 'sim-plain')}.yaml", MappingPack)
        assert agrees(mapped(pack, given, clock), system, sent), system


CHANGED = [
    ("shop", "rules.0.events.0.links.0.qualifier", {"is": "has"}),
    ("shop", "rules.0.events.0.objects.2.initial.named.quantity", "item.quantity"),
    ("market-aurora", "decode.group", ""),
    ("market-bazaar", "event.seen_at", "body.eventTime"),
    ("pos", "event.actor_kind", {"is": "system"}),
    ("erp", "rules.0.events.0.occurred_at", "join('', [body.posting_date, 'T00:00:00', body.utc_offset])"),
    ("wms", "event.sequence", {"is": 0}),
    ("payments", "rules.0.events.0.value", "body.data.object.amount"),
    ("crm", "rules.0.events.0.changes.1.at", None),
    ("ridge-express", "rules.0.events.0.objects.0.initial.named.carrier", {"is": "meadow-post"}),
    ("meadow-post", "event.activity", "sentence(body.event.code && 'scan')"),
    ("supplier-network", "rules.0.events.0.changes.1.value", "item[2]"),
    ("bus", "rules.0.events.1.started_at", None),
    ("bus", "rules.0.events.0.outcome", {"is": "retry"}),
    ("n8n", "rules.0.events.0.attributes", {"all": "`{}`", "named": {}}),
    ("temporal", "event.objects", []),
    ("pricing", "rules.0.events.0.objects.0.id", "body.id"),
]


@pytest.mark.parametrize(("system", "place", "value"), CHANGED)
def test_a_field_that_is_changed_is_noticed(
    native: dict[str, list[Delivery]], sent: dict[str, Frames], clock: Clock, system: str, place: str, value: Any
) -> None:
    pack = read_definition(SHIPPED / f"{PACKS[system]}.yaml", MappingPack).model_dump(by_alias=True)
    *way, last = place.split(".")
    holder: Any = pack
    for step in way:
        holder = holder[int(step)] if step.isdigit() else holder[step]
    assert holder[last] != value
    holder[last] = value
    changed = MappingPack.model_validate(pack)
    assert not agrees(mapped(changed, native[system], clock), system, sent)
