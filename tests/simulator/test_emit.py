"""A simulation as files: every format tells the same, what is told can be loaded, and the same bytes come again."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date
from pathlib import Path

import polars as pl
import pyarrow.parquet
import pytest

from ingest.load import Load, LoadRequest
from ingest.mapping import read_mapping
from kernel.clock import Clock
from kernel.warehouse import Warehouse
from simulator.emit.ocel2 import Names, OcelWriter
from simulator.emit.parquet import ParquetWriter
from simulator.emit.writer import LATER, Beginnings, Known, Stamps, money
from simulator.emit.writing import Written, write
from simulator.faults.scenario import Scenario
from simulator.simulation import Day, Simulation
from simulator.world.facts import Change, Fact, Link, Setting, Thing
from simulator.world.times import as_datetime
from simulator.world.times import written as written_at

MONDAY = date(2026, 3, 23)
SCENARIO = Scenario.model_validate(
    {
        "id": "x",
        "faults": [
            {"kind": "webhook_dead", "from": "day 1 20:00", "for": "10h", "where": {"interface": "shop-to-erp"}},
            {"kind": "out_of_order_storm", "from": "day 2", "for": "1d", "where": {"source": "ridge-express"}},
        ],
    }
)


def simulation() -> Simulation:
    return Simulation(first=MONDAY, days=3, orders_per_day=40, scenario=SCENARIO)


@pytest.fixture(scope="module")
def days() -> list[Day]:
    return list(simulation().days())


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Written]:
    folder = tmp_path_factory.mktemp("emitted") / "out"
    return folder, write(simulation(), folder, ["parquet", "ocel2"])


def test_each_format_holds_every_fact_once(days: list[Day], out: tuple[Path, Written]) -> None:
    folder, found = out
    facts = [fact for day in days for fact in day.facts]
    assert found.events == dict(sorted(Counter(fact.system for fact in facts).items()))
    table = pl.read_parquet(folder / "parquet" / "events.parquet")
    assert table["event_id"].to_list() == [fact.id for fact in facts]
    assert table["seen_at"].is_sorted()
    log = json.loads((folder / "ocel2" / "log.json").read_bytes())
    assert [event["id"] for event in log["events"]] == [fact.id for fact in facts]


def test_parquet_and_ocel_load_whole_and_tell_the_same(
    out: tuple[Path, Written], warehouse: Warehouse, clock: Clock, tenant: str
) -> None:
    """The OCEL file after the Parquet file brings nothing that is new and nothing that differs."""
    folder, found = out
    total = sum(found.events.values())
    mapping = read_mapping(folder / "parquet" / "mapping.yaml")
    request = LoadRequest(folder / "parquet" / "events.parquet", "order-to-cash", tenant, mapping=mapping)
    report = Load(warehouse, clock, request).run()
    assert (report.received, report.stored, report.quarantined, report.refused) == (total, total, 0, 0)
    report = Load(warehouse, clock, LoadRequest(folder / "ocel2" / "log.json", "order-to-cash", tenant)).run()
    assert (report.received, report.duplicate, report.quarantined, report.refused) == (total, total, 0, 0)
    assert report.conflicts == 0


def test_links_and_attributes_are_those_of_the_world(days: list[Day], out: tuple[Path, Written]) -> None:
    folder, _ = out
    links = pyarrow.parquet.read_table(folder / "parquet" / "links.parquet").to_pylist()
    told = [(link.one.key, link.other.key, link.qualifier) for day in days for link in day.links]
    assert [
        ((row["from_type"], row["from_id"]), (row["to_type"], row["to_id"]), row["qualifier"]) for row in links
    ] == told
    things: dict[tuple[str, str], Thing] = {}
    decided = set()
    for day in days:
        for fact in day.facts:
            for thing in fact.things:
                things.setdefault(thing.key, thing)
                if fact.system == "erp":
                    decided.add(thing.key)
    attributes = pl.read_parquet(folder / "parquet" / "attributes.parquet")
    first = attributes.filter(pl.col("changed_at").is_null())
    assert first.select("type", "id", "attribute").is_unique().all()
    expected = {
        (*key, name): value
        for key, thing in things.items()
        for name, value in thing.attributes.items()
        if key in decided or key[0] != "order" or name not in LATER  # the ERP decides by whom an order is fulfilled
    }
    assert {(row[0], row[1], row[2]): row[3] for row in first.iter_rows()} == expected
    objects = {item["id"]: item for item in json.loads((folder / "ocel2" / "log.json").read_bytes())["objects"]}
    for (type_, id_, name), value in expected.items():
        assert objects[id_]["type"] == type_
        assert {"name": name, "time": "1970-01-01T00:00:00Z", "value": value} in objects[id_]["attributes"]
    for one, other, qualifier in told:
        assert {"objectId": other[1], "qualifier": qualifier} in objects[one[1]]["relationships"]


def test_changes_and_links_are_there_also_of_an_object_that_no_event_names(tmp_path: Path) -> None:
    """And details of several kinds under one name, on days of which the other has none. What nobody tells of an object
    from its beginning is not known."""
    order, parcel = Thing("order", "O-1", channel="web"), Thing("parcel", "T-1", carrier="x")
    at_us = 1_774_656_000_123_000

    def fact(number: int, **details: object) -> Fact:
        return Fact(number, at_us, at_us, "shop", "Something happened", (order,), details=details)

    link, change = Link(at_us, order, parcel, "parcel"), Change(at_us, order, "channel", "store")
    first_fact = fact(1, size=3, actor="x")._replace(settings=(Setting(order, "channel", "store"),))
    days = [
        Day(1, MONDAY, [first_fact], [link], [change]),
        Day(2, MONDAY, [], [], []),
        Day(3, MONDAY, [fact(2, size="large"), fact(3, done=True)], [], []),
    ]
    for name, make in (("parquet", ParquetWriter), ("ocel2", OcelWriter)):
        writer = make(tmp_path / name)
        for day in days:
            writer.day(day)
        writer.close()
    attributes = pl.read_parquet(tmp_path / "parquet" / "attributes.parquet").rows()
    assert attributes == [
        ("order", "O-1", "channel", "web", None),
        ("order", "O-1", "channel", "store", as_datetime(at_us)),
    ]
    table = pl.read_parquet(tmp_path / "parquet" / "events.parquet")
    assert table.select("size", "done", "actor", "actor_detail").rows() == [
        ("3", None, "", "x"), ("large", None, "", None), (None, True, "", None),
    ]  # fmt: skip
    assert read_mapping(tmp_path / "parquet" / "mapping.yaml").attribute_names == {"actor_detail": "actor"}
    log = json.loads((tmp_path / "ocel2" / "log.json").read_bytes())
    first = {"name": "channel", "time": "1970-01-01T00:00:00Z", "value": "web"}
    later = {"name": "channel", "time": written_at(at_us), "value": "store"}
    assert {item["id"]: (item["attributes"], item["relationships"]) for item in log["objects"]} == {
        "O-1": ([first, later], [{"objectId": "T-1", "qualifier": "parcel"}]),
        "T-1": ([], []),
    }
    (kinds,) = log["eventTypes"]
    assert {one["name"]: one["type"] for one in kinds["attributes"]}.items() >= {
        ("size", "string"),
        ("done", "boolean"),
    }


def test_ids_of_one_form_are_told_apart_by_type() -> None:
    names = Names()
    assert names.of(Thing("order", "100001")) == "100001"
    assert names.of(Thing("return", "900001")) == "gembascope:6:return:900001"
    assert names.of(Thing("order", "900001")) == "900001"


def test_what_is_forgotten_is_new_again() -> None:
    known, things = Known(remembered=2), [Thing("order", str(number)) for number in range(5)]
    assert [known.is_new(thing) for thing in (things[0], things[0], things[1], things[0])] == [True, False, True, False]
    assert all(known.is_new(thing) for thing in things[2:])
    assert known.is_new(things[1])


def test_stamps_and_amounts_are_written_plainly() -> None:
    stamp = Stamps()
    for at_us in (0, 59_999_000, 1_774_656_000_123_000, 1_774_656_059_987_000):
        assert stamp(at_us) == written_at(at_us)
    assert [money(cents) for cents in (5, -5, 123_456, 0)] == ["0.05", "-0.05", "1234.56", "0.00"]


def test_an_object_told_of_anew_keeps_its_first_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Objects of one part come by their ids, whatever characters are in these; links told twice count once."""
    monkeypatch.setattr("simulator.emit.ocel2.PARTS", 1)
    at_us = 1_774_656_000_123_000
    folder = tmp_path / "ocel2"
    writer = OcelWriter(folder)
    writer._known, writer._beginnings = Known(1), Beginnings(1)  # forget an object once two others were told of
    names = ["b", 'a"\t\n', "a", "a b", "a"]
    told = [Thing("store", name, name=f"{number}") for number, name in enumerate(names)]
    told[-1].attributes["zone"] = "x"
    for number, thing in enumerate(told, 1):
        links = [Link(at_us, told[2], told[0], "near")]
        fact = Fact(number, at_us, at_us, "pos", "Something happened", (thing,))
        writer.day(Day(number, MONDAY, [fact], links, []))
    writer.close()
    log = json.loads((folder / "log.json").read_bytes())
    assert [event["relationships"][0]["objectId"] for event in log["events"]] == names
    found = {item["id"]: item for item in log["objects"]}
    assert list(found) == ["a", "a b", 'a"\t\n', "b"]
    assert {name: [one["value"] for one in item["attributes"]] for name, item in found.items()} == {
        "a": ["2", "x"], 'a"\t\n': ["1"], "a b": ["3"], "b": ["0"],
    }  # fmt: skip
    assert found["a"]["relationships"] == [{"objectId": "b", "qualifier": "near"}]
