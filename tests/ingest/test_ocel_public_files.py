"""The public OCEL files: known counts, the same content in every format, pm4py as second opinion."""

from __future__ import annotations

import warnings
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from ocel_frames import Content, content

from ingest.formats.ocel_json import OcelJsonReader
from ingest.formats.ocel_sqlite import OcelSqliteReader
from ingest.formats.ocel_xml import OcelXmlReader

AACHEN = ZoneInfo("Europe/Berlin")
READERS = {".jsonocel": OcelJsonReader, ".xmlocel": OcelXmlReader, ".sqlite": OcelSqliteReader}


@pytest.fixture
def folder(data_dir: Path) -> Path:
    return data_dir / "ocel"


def read(path: Path, zone: ZoneInfo | None = AACHEN) -> Content:
    return content(READERS[path.suffix](path, timezone=zone))


def by_pm4py(path: Path, function: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pm4py

        return getattr(pm4py, function)(str(path))


@pytest.mark.parametrize(
    ("name", "events", "relations", "objects", "values", "links"),
    [
        ("example_log.jsonocel", 23, 39, 15, 8, 0),
        ("example_log.xmlocel", 23, 39, 15, 0, 0),
        ("p2p-normal.jsonocel", 720, 3952, 781, 2070, 0),
        ("ocel20_example.jsonocel", 13, 20, 9, 12, 7),
        ("ocel20_example.xmlocel", 13, 20, 9, 12, 7),
        ("ocel20_example.sqlite", 13, 20, 9, 12, 7),
        ("order-management.sqlite", 18_211, 35_857, 10_031, 17_838, 25_336),
    ],
)
def test_the_counts_are_known(
    folder: Path, name: str, events: int, relations: int, objects: int, values: int, links: int
) -> None:
    log = read(folder / name)
    assert log.rejected == []
    assert log.events.height == events
    assert log.events["objects"].list.len().sum() == relations
    assert log.existing.height == objects
    assert log.existing.n_unique() == objects
    assert log.values.height == values
    assert log.links.height == links
    assert log.events["sequence"].to_list() == list(range(1, events + 1))


def test_objects_that_no_event_names_are_kept(folder: Path) -> None:
    log = read(folder / "order-management.sqlite")
    named = log.events.select(pl.col("objects").explode()).unnest("objects").select("type", "id").unique()
    alone = log.existing.select("type", "id").join(named, on=["type", "id"], how="anti")
    assert alone["type"].value_counts().rows() == [("products", 20)]
    assert log.existing["type"].n_unique() == 6


def test_the_three_formats_of_one_log_agree(folder: Path) -> None:
    json, xml, sqlite = (read(folder / f"ocel20_example.{end}") for end in ("jsonocel", "xmlocel", "sqlite"))
    for other in (xml, sqlite):
        assert other.events.sort("sequence").equals(json.events.sort("sequence"))
        assert other.objects.sort(pl.all()).equals(json.objects.sort(pl.all()))
        assert other.links.sort(pl.all()).equals(json.links.sort(pl.all()))


def test_an_attribute_keeps_its_history(folder: Path) -> None:
    log = read(folder / "ocel20_example.jsonocel")
    history = log.values.filter(pl.col("id") == "R3").sort("changed_at").select("value", "changed_at").rows()
    assert history == [
        ('"No"', None),
        ('"Yes"', datetime(2022, 2, 3, 6, 30, tzinfo=timezone.utc)),
        ('"No"', datetime(2022, 2, 3, 22, 30, tzinfo=timezone.utc)),
    ]


def test_stamps_without_a_zone_are_utc_in_sqlite_and_refused_elsewhere(folder: Path) -> None:
    sqlite = read(folder / "ocel20_example.sqlite", None)
    assert sqlite.events["occurred_at"][0] == datetime(2022, 1, 9, 15, tzinfo=timezone.utc)
    for name in ("example_log.jsonocel", "example_log.xmlocel", "ocel20_example.xmlocel"):
        log = read(folder / name, None)
        assert log.events.height == 0
        assert all("names no time zone" in reason for reason in log.reasons)


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("example_log.jsonocel", "read_ocel_json"),
        ("example_log.xmlocel", "read_ocel_xml"),
        ("ocel20_example.jsonocel", "read_ocel2_json"),
        ("ocel20_example.sqlite", "read_ocel2_sqlite"),
        ("order-management.sqlite", "read_ocel2_sqlite"),
    ],
)
def test_pm4py_reads_the_same_events(folder: Path, name: str, function: str) -> None:
    theirs, ours = by_pm4py(folder / name, function), read(folder / name, ZoneInfo("UTC"))
    expected = dict(zip(theirs.events["ocel:eid"], theirs.events["ocel:activity"], strict=True))
    assert dict(ours.events.select("source_event_id", "activity").iter_rows()) == expected
    times = dict(zip(theirs.events["ocel:eid"], theirs.events["ocel:timestamp"], strict=True))
    assert all(times[key] == moment for key, moment in ours.events.select("source_event_id", "occurred_at").rows())
    assert len(theirs.relations) == ours.events["objects"].list.len().sum()
    named = set(theirs.objects["ocel:oid"])  # pm4py drops objects that no event names
    assert named <= set(ours.existing["id"])
