"""Copies of a simulation: the same once more, later and of other objects, and the truth of each."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ingest.catalogue import read_catalogue
from simulator.emit.copies import KEPT, copies_of
from simulator.emit.writing import Written, write
from simulator.faults.scenario import Scenario
from simulator.simulation import Simulation
from simulator.world.retailer import ZONE

FIRST = date(2026, 3, 2)
DAYS, COPIES = 9, 3
SCENARIO = Scenario.model_validate(
    {
        "id": "x",
        "faults": [
            {"kind": "webhook_dead", "from": "day 1 20:00", "for": "10h", "where": {"interface": "shop-to-erp"}},
            {"kind": "erp_batch_skipped", "from": "day 2 14:00", "for": "6h"},
            {"kind": "duplicate_orders", "from": "day 2", "for": "5d", "where": {"channel": "web"}, "share": 0.2},
            {"kind": "lost_events", "from": "day 3 08:00", "for": "6h", "where": {"source": "wms"}},
            {"kind": "out_of_order_storm", "from": "day 4", "for": "1d", "where": {"source": "meadow-post"}},
            {"kind": "dead_letter_growth", "from": "day 3", "for": "3d", "where": {"interface": "market-to-erp"}},
            {"kind": "duplicate_bots", "from": "day 4", "for": "2d", "where": {"workflow": "order-export"}},
            {"kind": "suspicious_refunds", "from": "day 2", "for": "7d", "where": {"clerk": "clerk-07"}, "share": 0.3},
            {"kind": "stock_divergence", "from": "day 5", "for": "2d"},
            {"kind": "close_held_up", "from": "day 1", "for": "9d"},
            {"kind": "supplier_delay", "from": "day 1", "for": "5d", "where": {"supplier": "elm"}},
        ],
    }
)
DIGESTS = ["trace_id", "span_id"]
TIMED = {"events": "confirmed", "attributes": "value"}
"""The columns in which texts may be times."""
Tables = dict[str, pl.DataFrame]


def simulation() -> Simulation:
    return Simulation(first=FIRST, days=DAYS, orders_per_day=60, scenario=SCENARIO)


def tables(folder: Path) -> Tables:
    return {name: pl.read_parquet(folder / "parquet" / f"{name}.parquet") for name in ("events", "links", "attributes")}


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> tuple[Tables, Written]:
    folder = tmp_path_factory.mktemp("single") / "out"
    written = write(simulation(), folder, ["parquet"])
    return tables(folder), written


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> tuple[Tables, Written]:
    """The third copy begins on the day after clocks go forward."""
    folder = tmp_path_factory.mktemp("copied") / "out"
    written = write(simulation(), folder, ["parquet"], copies=COPIES)
    assert json.loads((folder / "truth.json").read_bytes()) == written.truth
    assert "hold the days 3 times" in (folder / "README.txt").read_text()
    return tables(folder), written


def parts(copied: tuple[Tables, Written], name: str) -> list[pl.DataFrame]:
    """The rows of a table, copy by copy."""
    table = copied[0][name]
    if name != "attributes":
        size = len(table) // COPIES
        return [table.slice(number * size, size) for number in range(COPIES)]
    marks = pl.col("id").str.extract(r"-c(\d)$").cast(pl.Int64).fill_null(1)
    kept = pl.col("type").is_in(KEPT)
    return [table.filter(~kept & (marks == number)) for number in range(1, COPIES + 1)]


def objects(events: pl.DataFrame) -> set[tuple[str, str]]:
    """Every object that events name, by type and id."""
    return {(type_, id_) for text in events["objects"].unique() for type_, id_, _ in json.loads(text)}


def undone(table: pl.DataFrame, span: dict[str, Any]) -> pl.DataFrame:
    """A part of a table as it was in the first copy, but for texts that are times, and traces."""
    for name, kind in table.schema.items():
        column = pl.col(name)
        if isinstance(kind, pl.Datetime):
            table = table.with_columns(column - timedelta(seconds=span["shift_s"]))
        elif kind == pl.String and span["mark"]:
            table = table.with_columns(column.str.replace_all(span["mark"], "", literal=True))
    return table.drop(DIGESTS, strict=False)


def test_rows_are_there_so_many_times(single: tuple[Tables, Written], copied: tuple[Tables, Written]) -> None:
    once, often = single[0], copied[0]
    assert {name: once[name].schema for name in once} == {name: often[name].schema for name in often}
    assert (len(often["events"]), len(often["links"])) == (COPIES * len(once["events"]), COPIES * len(once["links"]))
    forever = once["attributes"].filter(pl.col("type").is_in(KEPT) & pl.col("changed_at").is_null())
    assert len(forever) > 100
    assert len(often["attributes"]) == COPIES * len(once["attributes"]) - (COPIES - 1) * len(forever)
    assert copied[1].events == {system: COPIES * count for system, count in single[1].events.items()}
    for name in ("events", "links"):
        assert parts(copied, name)[0].equals(once[name])
    assert often["attributes"].head(len(once["attributes"])).equals(once["attributes"])


def test_each_copy_is_the_first_later_and_of_other_objects(copied: tuple[Tables, Written]) -> None:
    for name in copied[0]:
        first, *others = parts(copied, name)
        assert len(first) > 300
        for span, other in zip(copied[1].truth["copies"][1:], others, strict=True):
            same, found = undone(first, {"shift_s": 0, "mark": ""}), undone(other, span)
            timed = TIMED.get(name, "")
            assert found.drop(timed, strict=False).equals(same.drop(timed, strict=False))
            if timed:
                texts = zip(same[timed], found[timed], strict=True)
                moved = [gone(before, after) for before, after in texts if before != after]
                assert len(moved) > 10
                weeks = timedelta(weeks=2) * (span["copy"] - 1)
                assert set(moved) <= {weeks, timedelta(seconds=span["shift_s"])}


def gone(before: str, after: str) -> timedelta:
    """From one text that is a time to another."""
    if "T" in before:
        return datetime.fromisoformat(after) - datetime.fromisoformat(before)
    if "W" in before:
        return timedelta(weeks=int(after[-2:]) - int(before[-2:]))
    return date.fromisoformat(after) - date.fromisoformat(before)


def test_no_two_copies_share_an_event_an_object_or_a_trace(copied: tuple[Tables, Written]) -> None:
    assert copied[0]["events"]["event_id"].is_unique().all()
    found = parts(copied, "events")
    named = [objects(part) for part in found]
    assert all({type_ for type_, _ in one} >= {"order", "customer", "supplier", "sku_location"} for one in named)
    for number, one in enumerate(named):
        for other in named[:number]:
            assert {type_ for type_, _ in one & other} <= set(KEPT)
    for name in DIGESTS:
        ids = [set(part[name]) - {""} for part in found]
        assert len(set.union(*ids)) == COPIES * len(ids[0]) > 1000
        assert {len(id_) for id_ in set.union(*ids)} == {32 if name == "trace_id" else 16}
        pairs = {*zip(found[0][name], found[1][name], strict=True)}
        assert len(pairs) == len(ids[0]) + 1  # the same events share a trace, and as many have none


def test_days_of_the_week_and_hours_stay_those_of_the_head_office(copied: tuple[Tables, Written]) -> None:
    """Though clocks went forward before the last copy."""
    first, *others = (
        part.select(
            pl.col("occurred_at").dt.convert_time_zone(ZONE).dt.weekday().alias("weekday"),
            pl.col("occurred_at").dt.convert_time_zone(ZONE).dt.time().alias("time"),
        )
        for part in parts(copied, "events")
    )
    assert all(other.equals(first) for other in others)
    spans = [timedelta(seconds=one["shift_s"]) for one in copied[1].truth["copies"]]
    assert spans == [timedelta(0), timedelta(days=14), timedelta(days=28, hours=-1)]


def test_what_is_told_of_a_copy_is_of_its_objects(copied: tuple[Tables, Written]) -> None:
    """Its links, its attributes, the object that an event is about, and every text that is the id of an object."""
    events, links = parts(copied, "events"), parts(copied, "links")
    whole = set[str]()
    for number, (part, joined) in enumerate(zip(events, links, strict=True), 1):
        named = objects(part)
        assert set(part.select("object_type", "object_id").iter_rows()) <= named
        ends = set(joined.select("from_type", "from_id").iter_rows()) | set(
            joined.select("to_type", "to_id").iter_rows()
        )
        mark = f"-c{number}" if number > 1 else ""
        assert all(id_.endswith(mark) == (type_ not in KEPT or not mark) for type_, id_ in named | ends)
        whole |= {id_ for type_, id_ in named | ends if type_ not in KEPT}
    described = copied[0]["attributes"]
    everything = {one for part in events for one in objects(part)} | {
        end
        for part in links
        for name in ("from", "to")
        for end in part.select(f"{name}_type", f"{name}_id").iter_rows()
    }
    assert set(described.select("type", "id").iter_rows()) <= everything
    texts = [described["value"], *(column for column in copied[0]["events"].drop("event_id", "object_id", "objects"))]
    for column in texts:
        if column.dtype == pl.String:
            assert not set(column) & whole, f"{column.name} names objects: copies must give it their ids"


def test_the_truth_of_a_copy_is_about_its_own_objects_and_time(copied: tuple[Tables, Written]) -> None:
    """Also where a fault shows the id of another object."""
    truth = copied[1].truth
    first = [fault for fault in truth["faults"] if fault["copy"] == 1]
    assert [fault["copy"] for fault in truth["faults"]] == [n for n in range(1, COPIES + 1) for _ in first]
    assert truth["end"] == truth["copies"][-1]["end"]
    ids = {id_ for part in parts(copied, "events") for type_, id_ in objects(part) if type_ not in KEPT}
    strange = {fault["kind"] for fault in first if not fault["affected"]}
    assert not strange, f"nothing is affected by {strange}"
    for part, span in zip(parts(copied, "events"), truth["copies"], strict=True):
        named = objects(part) | {("event", id_) for id_ in part["event_id"]}
        faults = [fault for fault in truth["faults"] if fault["copy"] == span["copy"]]
        shift = timedelta(seconds=span["shift_s"])
        for fault, original in zip(faults, first, strict=True):
            assert datetime.fromisoformat(fault["start"]) - datetime.fromisoformat(original["start"]) == shift
            assert datetime.fromisoformat(fault["end"]) - datetime.fromisoformat(original["end"]) == shift
            for hit, before in zip(fault["affected"], original["affected"], strict=True):
                assert ((hit["type"], hit["id"]) in named) == (fault["kind"] != "lost_events")
                assert datetime.fromisoformat(hit["at"]) - datetime.fromisoformat(before["at"]) == shift
                assert span["start"] <= hit["at"] < span["end"]
                shown = [one for value in hit.values() for one in (value if isinstance(value, list) else [value])]
                for one in shown:
                    if f"{one}".removesuffix(span["mark"]) in ids:
                        assert f"{one}".endswith(span["mark"])
                if "given_at_us" in hit:
                    assert hit["given_at_us"] - before["given_at_us"] == span["shift_s"] * 1_000_000
                if "confirmed" in hit:
                    assert hit["confirmed"] in set(part["confirmed"])
                assert fault["kind"] != "lost_events" or hit["id"].endswith(span["mark"])


def test_objects_that_all_copies_share_join_others_and_are_no_case() -> None:
    catalogue = read_catalogue()
    hubs = {name for name, found in catalogue.objects.items() if found.hub}
    cases = {process.object_type for process in catalogue.processes.values()}
    documents = {"collective_invoice", "manifest"}  # made anew all the time
    assert set(KEPT) == hubs - cases - documents


def test_times_in_texts_move_by_whole_weeks() -> None:
    _, later = copies_of(date(2026, 10, 12), 10, 2)  # on the second Sunday clocks go back
    assert later.first == date(2026, 10, 26)
    assert later.shift_us == (14 * 24 + 1) * 3_600_000_000
    for text, expected in (
        ("2026-10-14", "2026-10-28"),
        ("2026-12-28", "2027-01-11"),
        ("2026-W42", "2026-W44"),
        ("2026-W53", "2027-W02"),
        ("2026-10-12T10:00:00.000Z", "2026-10-26T11:00:00.000Z"),
        ("2026-10-12 and more", "2026-10-12 and more"),
        ("O-100001", "O-100001"),
        ("", ""),
    ):
        assert later.time(text) == expected
    assert (later.id("order", "O-1"), later.id("store", "amber")) == ("O-1-c2", "amber")


def test_what_cannot_be_copied_is_refused(tmp_path: Path) -> None:
    for days, count, message in (
        (7, 0, "expected 1 or more, got 0"),
        (7, 9000, "the last of 9000 begins after the year 2179; at most 8027 do not"),
    ):
        with pytest.raises(ValueError, match=message):
            copies_of(FIRST, days, count)
    assert copies_of(FIRST, 7, 8027)[-1].first.year == 2179
    few = Simulation(first=FIRST, days=1, orders_per_day=1)
    with pytest.raises(ValueError, match="expected Parquet alone for 2 copies, got ocel2, parquet"):
        write(few, tmp_path / "new", ["ocel2", "parquet"], copies=2)
    assert not list(tmp_path.iterdir())
