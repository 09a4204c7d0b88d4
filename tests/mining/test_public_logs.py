"""The public logs: known counts, and the map and the variants of pm4py on the same order of events."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ingest.load import Load, LoadReport, LoadRequest
from ingest.mapping import Mapping
from kernel.clock import Clock
from kernel.process import ProcessDefinition
from kernel.warehouse import Query, Warehouse
from mining.cases import case, cases
from mining.directly_follows import directly_follows, starts_and_ends
from mining.projection import refresh
from mining.summary import log_summary
from mining.variants import ALL, variants
from mining.view import ProcessView

TENANT = "public-logs"
NO_MAPPING = Mapping()
PM4PY_COLUMNS = Mapping(
    case="case:concept:name", activity="concept:name", time="time:timestamp", actor="org:resource", timezone="UTC"
)
HELPDESK_COLUMNS = Mapping(
    case="Case ID", activity="Activity", time="Complete Timestamp", actor="Resource", timezone="Europe/Rome"
)


@dataclass(frozen=True)
class Known:
    """What is known of a log with one case per event."""

    name: str
    cases: int
    events: int
    activities: int
    variants: int
    mapping: Mapping = NO_MAPPING


LOGS = [
    Known("BPIC12.xes.gz", 13_087, 262_200, 24, 4_366),
    Known("BPIC13_incidents.xes.gz", 7_554, 65_533, 4, 1_511),
    Known("Helpdesk.xes.gz", 4_580, 21_348, 14, 226),
    Known("Receipt.xes.gz", 1_434, 8_577, 27, 116),
    Known("Sepsis.xes.gz", 1_050, 15_214, 16, 846),
    Known("T_BPIC15_1.xes.gz", 1_199, 54_818, 38, 1_055),
    Known("interval_event_log.xes", 1_266, 8_109, 8, 10),
    Known("reviewing.xes.gz", 100, 3_730, 14, 96),
    Known("running-example.xes", 6, 42, 8, 6),
    Known("helpdesk_all_attributes.csv.gz", 4_580, 21_348, 14, 226, HELPDESK_COLUMNS),
    Known("receipt.csv.gz", 1_434, 8_577, 27, 116, PM4PY_COLUMNS),
    Known("running-example.csv", 6, 42, 8, 6, PM4PY_COLUMNS),
    Known(
        "production_start_end.csv.gz",
        225,
        4_953,
        26,
        217,
        PM4PY_COLUMNS.model_copy(update={"start": "start_timestamp"}),
    ),
]
IN_TIME_ORDER = ("BPIC13_incidents.xes.gz", "Receipt.xes.gz", "running-example.xes")
"""Logs in which no case has two events of one instant: any tool must see the same order."""

NOTHING_USABLE = {"partial_order_example.xes": (25, "time"), "xes_20.xes": (1, "concept:name")}
MODELS = (".bpmn", ".pnml", ".ptml")
OCEL_EVENTS = {
    "example_log.jsonocel": 23,
    "example_log.xmlocel": 23,
    "ocel20_example.jsonocel": 13,
    "ocel20_example.sqlite": 13,
    "ocel20_example.xmlocel": 13,
    "order-management.sqlite": 18_211,
    "p2p-normal.jsonocel": 720,
}
ORDERED_ROWS = Query(
    "rows_in_case_order",
    """
    SELECT object_id AS case_id, toString(activity) AS activity, order_at
    FROM event_objects
    WHERE tenant = {tenant:String} AND object_type = {object_type:String}
    ORDER BY object_id, order_at, event_objects.source, sequence, event_id
    """,
)
QUARANTINED = Query(
    "quarantined_reasons",
    "SELECT reason, raw, position FROM quarantine FINAL WHERE tenant = {tenant:String} AND file_name = {file:String}",
)
OBJECTS = Query(
    "known_objects",
    "SELECT uniqExact(object_type, object_id) FROM object_attributes "
    "WHERE tenant = {tenant:String} AND source = {source:String}",
)


@pytest.fixture(autouse=True)
def quiet_pm4py() -> Iterator[None]:
    """pm4py warns of its own dependencies."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def process_id(name: str) -> str:
    return name.lower().replace("_", "-")


def loaded(warehouse: Warehouse, clock: Clock, path: Path, mapping: Mapping) -> LoadReport:
    request = LoadRequest(path, process_id(path.name), TENANT, mapping=mapping, max_bad_share=1.0)
    report = Load(warehouse, clock, request).run()
    assert report.received == report.stored + report.duplicate + report.quarantined + report.refused
    return report


def view_of(warehouse: Warehouse, clock: Clock, process: str, object_type: str) -> ProcessView:
    definition = ProcessDefinition(id=process, object_type=object_type)
    refresh(warehouse, clock, TENANT, definition)
    return ProcessView(warehouse, TENANT, definition)


def in_case_order(view: ProcessView) -> pl.DataFrame:
    scope = {"tenant": TENANT, "object_type": view.definition.object_type}
    return view.warehouse.read_for_write(ORDERED_ROWS, scope)


def for_pm4py(rows: pl.DataFrame) -> Any:
    """Our rows in our order, with made-up stamps that keep it."""
    stamps = pl.int_range(pl.len()).cast(pl.Int64).mul(1_000_000).cast(pl.Datetime("us", "UTC"))
    return rows.select(
        pl.col("case_id").alias("case:concept:name"),
        pl.col("activity").alias("concept:name"),
        stamps.alias("time:timestamp"),
    ).to_pandas()


def in_time_order(frame: Any) -> Any:
    """pm4py's variants take the rows as they come."""
    return frame.sort_values(["case:concept:name", "time:timestamp"], kind="stable")


def equals_pm4py(view: ProcessView, frame: Any) -> None:
    import pm4py

    edges, starts, ends = pm4py.discover_dfg(frame)
    ours = {(row["source"], row["target"]): row["frequency"] for row in directly_follows(view).to_dicts()}
    assert ours == dict(edges)
    our_starts, our_ends = starts_and_ends(view)
    assert dict(our_starts.rows()) == dict(starts)
    assert dict(our_ends.rows()) == dict(ends)
    theirs = {tuple(sequence): count for sequence, count in pm4py.get_variants(frame).items()}
    found = variants(view, top=ALL)
    assert {tuple(row["activities"]): row["cases"] for row in found.to_dicts()} == theirs


@pytest.mark.parametrize("known", LOGS, ids=lambda known: known.name)
def test_counts_are_known_and_map_and_variants_equal_pm4py(
    warehouse: Warehouse, clock: Clock, data_dir: Path, known: Known
) -> None:
    report = loaded(warehouse, clock, data_dir / "logs" / known.name, known.mapping)
    assert (report.received, report.stored + report.duplicate) == (known.events, known.events)
    view = view_of(warehouse, clock, process_id(known.name), f"case:{process_id(known.name)}")
    summary = log_summary(view)
    counts = (summary.cases, summary.events, summary.activities, summary.variants)
    assert counts == (known.cases, known.events, known.activities, known.variants)
    rows = in_case_order(view)
    assert rows.height == known.events
    equals_pm4py(view, for_pm4py(rows))


@pytest.mark.parametrize("name", IN_TIME_ORDER)
def test_logs_without_ties_equal_what_pm4py_reads_itself(
    warehouse: Warehouse, clock: Clock, data_dir: Path, name: str
) -> None:
    import pm4py

    loaded(warehouse, clock, data_dir / "logs" / name, NO_MAPPING)
    view = view_of(warehouse, clock, process_id(name), f"case:{process_id(name)}")
    rows = in_case_order(view)
    assert rows.select("case_id", "order_at").is_duplicated().sum() == 0
    equals_pm4py(view, in_time_order(pm4py.read_xes(str(data_dir / "logs" / name))))


@pytest.mark.parametrize("name", NOTHING_USABLE)
def test_files_without_times_or_activities_are_quarantined_whole(
    warehouse: Warehouse, clock: Clock, data_dir: Path, name: str
) -> None:
    pieces, word = NOTHING_USABLE[name]
    report = loaded(warehouse, clock, data_dir / "logs" / name, NO_MAPPING)
    assert (report.received, report.quarantined, report.stored) == (pieces, pieces, 0)
    kept = warehouse.read_for_write(QUARANTINED, {"tenant": TENANT, "file": name})
    assert kept.height == pieces
    assert all(word in reason for reason in kept["reason"]), kept["reason"].to_list()
    assert all(kept["raw"].str.len_chars() > 0)
    assert all(kept["position"].str.len_chars() > 0)


@pytest.mark.parametrize("name", OCEL_EVENTS)
def test_object_centric_logs_have_known_counts_and_equal_pm4py_per_object_type(
    warehouse: Warehouse, clock: Clock, data_dir: Path, name: str
) -> None:
    path = data_dir / "ocel" / name
    report = loaded(warehouse, clock, path, Mapping(timezone="UTC"))
    assert report.received == report.stored + report.duplicate == OCEL_EVENTS[name]
    assert report.quarantined == 0
    events = 0
    for number, object_type in enumerate(report.object_types):
        view = view_of(warehouse, clock, f"{process_id(name)}.{number}", object_type)
        rows = in_case_order(view)
        events += rows.height
        summary = log_summary(view)
        assert (summary.events, summary.cases) == (rows.height, rows["case_id"].n_unique())
        if rows.height:
            equals_pm4py(view, for_pm4py(rows))
    assert events > 0


def test_order_management_has_its_objects_and_pm4py_s_flattened_logs(
    warehouse: Warehouse, clock: Clock, data_dir: Path
) -> None:
    """pm4py drops objects that no event names, so only cases are compared, and only types without ties."""
    import pm4py

    path = data_dir / "ocel" / "order-management.sqlite"
    report = loaded(warehouse, clock, path, Mapping(timezone="UTC"))
    scope = {"tenant": TENANT, "source": process_id(path.name)}
    assert warehouse.read_for_write(OBJECTS, scope).item() == 10_031
    assert len(report.object_types) == 6
    theirs = pm4py.read_ocel2_sqlite(str(path))
    compared = 0
    for number, object_type in enumerate(report.object_types):
        view = view_of(warehouse, clock, f"{process_id(path.name)}.{number}", object_type)
        rows = in_case_order(view)
        if rows.is_empty() or rows.select("case_id", "order_at").is_duplicated().any():
            continue
        flat = pm4py.ocel_flattening(theirs, object_type)
        assert Counter(flat["case:concept:name"]) == Counter(rows["case_id"])
        equals_pm4py(view, in_time_order(flat))
        compared += 1
    assert compared >= 1


def test_no_file_is_left_out(data_dir: Path) -> None:
    logs = {path.name for path in (data_dir / "logs").iterdir() if path.suffix not in MODELS}
    assert logs == {known.name for known in LOGS} | set(NOTHING_USABLE)
    objects = {
        path.name for path in (data_dir / "ocel").iterdir() if "schema" not in path.name and path.suffix != ".xsd"
    }
    assert objects == set(OCEL_EVENTS)


def test_a_case_named_na_is_a_case(warehouse: Warehouse, clock: Clock, data_dir: Path) -> None:
    loaded(warehouse, clock, data_dir / "logs" / "Sepsis.xes.gz", NO_MAPPING)
    view = view_of(warehouse, clock, "sepsis.xes.gz", "case:sepsis.xes.gz")
    listed = cases(view, page=2_000).cases.filter(pl.col("case") == "NA")
    assert listed["events"].to_list() == [case(view, "NA").events.height]


def test_the_same_file_again_changes_nothing(warehouse: Warehouse, clock: Clock, data_dir: Path) -> None:
    path = data_dir / "logs" / "running-example.xes"
    loaded(warehouse, clock, path, NO_MAPPING)
    again = loaded(warehouse, clock, path, NO_MAPPING)
    assert (again.stored, again.duplicate) == (0, 42)
    assert again.already_loaded_at is not None
