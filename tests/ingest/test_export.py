"""Exports load again as the same events: every form, hostile names, several cases per event, conflicting copies."""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from examples import examples
from exported_logs import (
    CURRENT,
    EVENTS,
    LINKS,
    RELATIONS,
    VALUES,
    comparable,
    definition,
    facts,
    load,
    logs,
    numbers,
    scope,
    store,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from logs import CASE_TYPE, PROCESS, START, happened, process, whiteboard
from logs import frame as frame_of
from logs import log as log_of

from ingest.export import KINDS, export_log, kind_of_file
from ingest.formats.xes import XesReader
from ingest.formats.xes_writer import write_xes
from ingest.load import Load, LoadRequest
from ingest.mapping import Mapping, read_mapping
from ingest.table_events import TableMapper
from kernel.clock import FixedClock
from kernel.errors import InputError
from kernel.warehouse import Warehouse
from mining.filters import CaseFilter


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "xes.gz"])  # as xes, compressed
@given(st.data())
@settings(
    max_examples=examples(2),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
def test_a_log_comes_back_equal(
    warehouse: Warehouse, clock: FixedClock, tenant: str, kind: str, data: st.DataObject
) -> None:
    of = definition(data.draw(st.sampled_from((CASE_TYPE, CASE_TYPE, "order"))))
    frames = data.draw(logs(of.object_type, ocel=kind.startswith("ocel")))
    one, other = (f"{tenant}-{next(numbers)}" for _ in range(2))
    store(warehouse, clock, one, of, *frames)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"log.{kind.replace('ocel-', '')}"
        wrote = export_log(scope(warehouse, one, of), path, kind)
        assert sorted(wrote.files) == sorted(Path(folder).iterdir())
        report = load(warehouse, clock, other, path, kind)
    assert (report.quarantined, report.refused) == (0, 0)
    assert report.received == wrote.events
    exported = facts(warehouse, one, EVENTS)
    assert len(exported) == wrote.events
    assert facts(warehouse, other, EVENTS) == exported
    assert facts(warehouse, other, RELATIONS) == facts(warehouse, one, RELATIONS)
    touched = {row[:2] for row in facts(warehouse, one, RELATIONS)}  # by the winning copies of events
    if kind.startswith("ocel"):
        values = [row for row in facts(warehouse, one, VALUES) if row[:2] in touched]
        assert comparable(facts(warehouse, other, VALUES)) == comparable(values)
        links = [row for row in facts(warehouse, one, LINKS) if row[:2] in touched and row[2:4] in touched]
        assert facts(warehouse, other, LINKS) == links
    else:
        mine = {"type": of.object_type}
        values = [row for row in facts(warehouse, one, CURRENT, **mine) if row[:2] in touched]
        assert facts(warehouse, other, CURRENT, **mine) == values


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "xes.gz"])
def test_the_sign_of_zero_comes_back(
    warehouse: Warehouse, clock: FixedClock, tenant: str, tmp_path: Path, kind: str
) -> None:
    rows = [happened("A", f"{number}m", "1", attributes={"x": value}) for number, value in enumerate((0.0, -0.0, 1.5))]
    store(warehouse, clock, tenant, process(), frame_of(rows))
    path = tmp_path / f"log.{kind.replace('ocel-', '')}"
    export_log(scope(warehouse, tenant, process()), path, kind)
    load(warehouse, clock, f"{tenant}-back", path, kind)
    assert facts(warehouse, f"{tenant}-back", EVENTS) == facts(warehouse, tenant, EVENTS)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_exported_and_loaded_again_in_its_own_tenant_adds_nothing(
    warehouse: Warehouse, clock: FixedClock, tenant: str, tmp_path: Path, kind: str
) -> None:
    shared = [happened("A", "1m", "1", "2"), happened("A", "1m", "1", "2"), happened("B", "2m", "2", actor="ann")]
    with_id = happened("C", "3m", "1", "3", source="erp", source_event_id="e1", attributes={"n": 5, "t": "007"})
    store(warehouse, clock, tenant, process(), frame_of([*shared, with_id]))
    path = tmp_path / "log"
    wrote = export_log(scope(warehouse, tenant, process()), path, kind)
    assert (wrote.cases, wrote.events) == (3, 4)
    kept = kind if kind != "xes.gz" else "xes"
    mapping = read_mapping(path.with_name("log.mapping.yaml")) if kind in ("csv", "parquet") else Mapping()
    request = LoadRequest(path, PROCESS, tenant, mapping=mapping, format=kept)
    report = Load(warehouse, clock, request).run()
    assert (report.received, report.stored) == (4, 0)


@pytest.mark.parametrize("kind", ["csv", "xes", "ocel-json"])
def test_only_the_selected_cases_and_the_process_s_own_events_are_exported(
    warehouse: Warehouse, clock: FixedClock, tenant: str, tmp_path: Path, kind: str
) -> None:
    of = process(activities=("A", "B"))
    store(warehouse, clock, tenant, of, frame_of(whiteboard("A B", "A X B", "A A", "B")))
    path = tmp_path / f"log.{kind}"
    wrote = export_log(scope(warehouse, tenant, of, CaseFilter(activities=("B",), edge=("A", "B"))), path, kind)
    assert (wrote.cases, wrote.events) == (2, 4)
    load(warehouse, clock, f"{tenant}-back", path, kind)
    found = facts(warehouse, f"{tenant}-back", RELATIONS, "order_at", "source", "sequence", "type", "qualifiers")
    assert found == [("1", "A"), ("1", "B"), ("2", "A"), ("2", "B")]


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_selection_gives_an_empty_log(
    warehouse: Warehouse, clock: FixedClock, tenant: str, tmp_path: Path, kind: str
) -> None:
    store(warehouse, clock, tenant, process(), log_of("A"))
    path = tmp_path / f"log.{kind}"
    chosen = CaseFilter(activities=("nothing",))
    wrote = export_log(scope(warehouse, tenant, process(), chosen), path, kind)
    assert (wrote.cases, wrote.events) == (0, 0)
    assert load(warehouse, clock, f"{tenant}-back", path, kind).received == 0


def test_cases_go_by_id_and_events_in_case_order(
    warehouse: Warehouse, clock: FixedClock, tenant: str, tmp_path: Path
) -> None:
    of = process(order=("A", "B"))
    rows = [happened("B", "1m", "2"), happened("A", "1m", "2"), happened("B", date(2024, 1, 5), "10")]
    store(warehouse, clock, tenant, of, frame_of([*rows, happened("A", "90m", "10")]))
    path = tmp_path / "log.csv"
    export_log(scope(warehouse, tenant, of), path, "csv")
    assert [line.split(",")[:3] for line in path.read_text().splitlines()[1:]] == [
        ["10", "A", "2024-01-05T10:30:00.000000Z"],
        ["10", "B", "2024-01-05"],
        ["2", "A", "2024-01-05T09:01:00.000000Z"],
        ["2", "B", "2024-01-05T09:01:00.000000Z"],
    ]


def test_parquet_has_types_and_csv_says_what_is_json(
    warehouse: Warehouse, clock: FixedClock, tenant: str, tmp_path: Path
) -> None:
    values = {"count": 5, "rate": 2.5, "ok": True, "note": "007", "mixed": "5"}
    events = [happened("A", "1m", "1", attributes=values), happened("B", "2m", "1", attributes={"mixed": 5})]
    store(warehouse, clock, tenant, process(), frame_of(events))
    for kind in ("parquet", "csv"):
        export_log(scope(warehouse, tenant, process()), tmp_path / f"log.{kind}", kind)
    frame = pl.read_parquet(tmp_path / "log.parquet")
    kinds = dict(frame.select("time", *sorted(values)).schema)
    assert kinds == {
        **{"time": pl.Datetime("us", "UTC"), "count": pl.Int64(), "mixed": pl.String()},
        **{"note": pl.String(), "ok": pl.Boolean(), "rate": pl.Float64()},
    }
    assert frame["mixed"].to_list() == ['"5"', "5"]
    mapping = read_mapping(tmp_path / "log.csv.mapping.yaml")
    assert mapping.json_columns == ("count", "mixed", "ok", "rate")
    assert "start" not in frame.columns
    assert "event_id" not in frame.columns


def test_a_file_appears_whole_or_not_at_all(
    warehouse: Warehouse, clock: FixedClock, tenant: str, tmp_path: Path
) -> None:
    store(warehouse, clock, tenant, process(), frame_of([happened("A", "1m", "1"), happened("a\x01b", "2m", "2")]))
    path = tmp_path / "log.xes"
    path.write_text("old")
    with pytest.raises(InputError, match=r"case '2' cannot be written as XES: .*U\+0001; export parquet"):
        export_log(scope(warehouse, tenant, process()), path, "xes")
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {"log.xes": "old"}
    with pytest.raises(InputError, match="cannot be written"):
        export_log(scope(warehouse, tenant, process()), tmp_path / "none" / "log.csv", "csv")


def test_the_end_of_a_name_tells_the_format() -> None:
    names = {"a.xes": "xes", "a.XES.gz": "xes.gz", "a.json": "ocel-json", "a.jsonocel": "ocel-json", "b.csv": "csv"}
    assert {name: kind_of_file(Path(name)) for name in names} == names
    assert kind_of_file(Path("a.txt"), "parquet") == "parquet"
    with pytest.raises(InputError, match="its end tells no format"):
        kind_of_file(Path("a.txt"))
    with pytest.raises(InputError, match="'xml' is not one of xes,"):
        kind_of_file(Path("a.xes"), "xml")


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"n": "{"}, "n: is not JSON"),
        ({"objects": '[["case:p"]]'}, "objects: is not a JSON list of"),
        ({"objects": "[]"}, "objects: is not a JSON list of"),
        ({"objects": '[["","1",""]]'}, "objects: is not a JSON list of"),
        ({"precision": "week"}, "precision: 'week' is not one of us, ms, s, min, day"),
        ({"time_kind": "dreamt"}, "time_kind: 'dreamt' is not one of happened"),
    ],
)
def test_a_table_cannot_invent_what_the_model_lacks(cells: dict[str, str], reason: str) -> None:
    fields = {"case": "case", "activity": "activity", "time": "time", "object_list": "objects"}
    mapping = Mapping(**fields, precision="precision", time_kind="time_kind", json_columns=("n",))
    row = {"case": "1", "activity": "A", "time": "2024-01-05T00:00:00Z", "n": "", "objects": "", "precision": ""}
    frame = pl.DataFrame([row | {"time_kind": ""} | cells])
    batch = TableMapper(mapping, CASE_TYPE).apply(frame, pl.Series([1], dtype=pl.UInt64))
    assert batch.events.is_empty()
    assert [each.reason[: len(reason)] for each in batch.rejected] == [reason]


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("outcome", "great"),
        ("precision", "week"),
        ("objects", "[]"),
        ("attributes", "[1]"),
        ("sequence", "-1"),
        ("revision", "1.5"),
        ("value", "NaN"),
        ("seen_at", "yesterday"),
        ("repeats", "maybe"),
    ],
)
def test_xes_cannot_invent_what_the_model_lacks(tmp_path: Path, key: str, text: str) -> None:
    path = tmp_path / "log.xes"
    own = {f"gembascope:{key}": text}
    good = {"activity": "A", "occurred_at": START}
    write_xes(path, [("1", {}, [good, good | {"attributes": own}])])
    (batch,) = XesReader(path, object_type=CASE_TYPE).batches()
    assert batch.events.height == 1
    assert [f"gembascope:{key}" in each.reason for each in batch.rejected] == [True]
