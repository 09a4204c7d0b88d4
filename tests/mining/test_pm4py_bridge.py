"""The frame that pm4py takes: equal to what pm4py's users have read from the same file."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from logs import START, Told, frame, happened, object_frame, process, stored, whiteboard

from ingest.load import Load, LoadRequest
from ingest.mapping import Mapping
from kernel.attributes import date_value
from kernel.clock import FixedClock
from kernel.errors import InputError, NotFound
from kernel.process import ProcessDefinition
from kernel.warehouse import Warehouse
from mining import pm4py_bridge
from mining.discovery import discover
from mining.filters import CaseFilter
from mining.pm4py_bridge import to_pm4py
from mining.projection import refresh
from mining.view import ProcessView

CASE, ACTIVITY, TIME = "case:concept:name", "concept:name", "time:timestamp"


def test_a_public_log_comes_back_as_it_was(
    data_dir: Path, warehouse: Warehouse, clock: FixedClock, tenant: str
) -> None:
    path = data_dir / "logs" / "receipt.csv.gz"
    asked = LoadRequest(path, "receipt", tenant, mapping=Mapping(timezone="UTC"), accept_guess=True)
    Load(warehouse, clock, asked).run()
    definition = ProcessDefinition(id="receipt", object_type=asked.object_type)
    refresh(warehouse, clock, tenant, definition)
    found = to_pm4py(ProcessView(warehouse, tenant, definition))

    read = pd.read_csv(path, dtype=str)
    read[TIME] = pd.to_datetime(read[TIME], utc=True, format="ISO8601")
    expected = read.sort_values([CASE, TIME], kind="stable").reset_index(drop=True)
    assert len(found) == len(expected)
    for column in (CASE, ACTIVITY, "org:resource", "lifecycle:transition", "org:group", "concept:instance"):
        known = expected[column].notna()
        assert found.loc[known, column].astype(str).tolist() == expected.loc[known, column].tolist()
    assert found[TIME].tolist() == expected[TIME].dt.floor("us").tolist()
    for column in ("case:channel", "case:responsible"):
        assert found[column].tolist() == expected[column].tolist()


def test_one_row_per_event_with_what_is_known(warehouse: Warehouse, clock: FixedClock, tenant: str) -> None:
    began = START + timedelta(minutes=3)
    events = frame(
        [
            happened("pay", "5m", "b", started_at=began, actor="ann", lifecycle="complete"),
            happened("ask", "1m", "b", attributes={"n": 1, "due": date_value(START), "tags": {"$list": [["k", 1]]}}),
            happened(
                "ask", "9m", "a", attributes={"n": 2.5, "ref": {"$id": "x-1"}, "deep": {"$value": 7, "$nested": []}}
            ),
        ]
    )
    told = object_frame([Told("a", "channel", "web"), Told("b", "amount", 12)])
    found = to_pm4py(stored(warehouse, clock, tenant, events, objects=told))
    assert found.columns.tolist() == [
        CASE, ACTIVITY, TIME, "start_timestamp", "org:resource", "lifecycle:transition", "deep", "due", "n", "ref",
        "tags", "case:amount", "case:channel",
    ]  # fmt: skip
    assert found[CASE].tolist() == ["a", "b", "b"]
    assert found[ACTIVITY].tolist() == ["ask", "ask", "pay"]
    assert [stamp.to_pydatetime() for stamp in found[TIME]] == [START + timedelta(minutes=m) for m in (9, 1, 5)]
    assert found["start_timestamp"].isna().tolist() == [True, True, False]
    assert found["start_timestamp"].tolist()[2] == pd.Timestamp(began)
    assert found["org:resource"].tolist() == [None, None, "ann"]
    assert found["lifecycle:transition"].tolist() == [None, None, "complete"]
    assert found["n"].tolist()[:2] == [2.5, 1]
    assert (found.loc[0, "ref"], found.loc[0, "deep"], found.loc[1, "tags"]) == ("x-1", 7, '{"$list":[["k",1]]}')
    assert found["due"].tolist()[1] == pd.Timestamp(START)
    assert found["case:amount"].dropna().to_dict() == {1: "12", 2: "12"}
    assert found["case:channel"].dropna().to_dict() == {0: "web"}


def test_what_no_event_knows_has_no_column(warehouse: Warehouse, clock: FixedClock, tenant: str) -> None:
    found = to_pm4py(stored(warehouse, clock, tenant, frame(whiteboard("A B"))))
    assert found.columns.tolist() == [CASE, ACTIVITY, TIME]
    assert str(found[TIME].dtype) == "datetime64[us, UTC]"


def test_an_attribute_never_takes_the_place_of_a_column(warehouse: Warehouse, clock: FixedClock, tenant: str) -> None:
    hidden = {CASE: "other", "concept:name": "other", "case:channel": "event's", "attribute:concept:name": "third"}
    events = frame([happened("A", "1m", "a", attributes=hidden)])
    told = object_frame([Told("a", "channel", "web")])
    found = to_pm4py(stored(warehouse, clock, tenant, events, objects=told)).iloc[0]
    assert (found[CASE], found[ACTIVITY]) == ("a", "A")
    assert found[f"attribute:{CASE}"] == "other"
    assert {found["attribute:concept:name"], found["attribute:attribute:concept:name"]} == {"other", "third"}
    assert {found["case:channel"], found["attribute:case:channel"]} == {"event's", "web"}


def test_events_of_one_instant_keep_the_order_of_the_process(
    warehouse: Warehouse, clock: FixedClock, tenant: str
) -> None:
    events = frame([happened("pack", "1m", "a"), happened("pick", "1m", "a"), happened("ship", "2m", "a")])
    view = stored(warehouse, clock, tenant, events, definition=process(order=("pick", "pack", "ship")))
    found = to_pm4py(view)
    assert found[ACTIVITY].tolist() == ["pick", "pack", "ship"]


def test_only_what_belongs_to_the_process_and_the_selection_comes(
    warehouse: Warehouse, clock: FixedClock, tenant: str
) -> None:
    view = stored(
        warehouse, clock, tenant, frame(whiteboard("A B C", "A C", "B C")), definition=process(activities=("A", "C"))
    )
    found = to_pm4py(view, CaseFilter(activities=("A",)))
    assert list(zip(found[CASE], found[ACTIVITY], strict=True)) == [("1", "A"), ("1", "C"), ("2", "A"), ("2", "C")]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cases=st.lists(st.lists(st.sampled_from("ABCD"), min_size=1, max_size=6).map(" ".join), min_size=1, max_size=6))
def test_the_frame_has_the_model_of_the_variants(
    warehouse: Warehouse, clock: FixedClock, tenant: str, cases: list[str]
) -> None:
    import pm4py

    view = stored(
        warehouse, clock, "-".join([tenant, *(case.replace(" ", "") for case in cases)]), frame(whiteboard(*cases))
    )
    found = to_pm4py(view)
    assert str(pm4py.discover_process_tree_inductive(found)) == discover(view).process_tree
    assert len(found) == sum(len(case.split()) for case in cases)


def test_too_many_events_are_refused(
    warehouse: Warehouse, clock: FixedClock, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = stored(warehouse, clock, tenant, frame(whiteboard("A B C")))
    monkeypatch.setattr(pm4py_bridge, "MAX_EVENTS", 3)
    assert len(to_pm4py(view)) == 3
    monkeypatch.setattr(pm4py_bridge, "MAX_EVENTS", 2)
    with pytest.raises(InputError, match="3 events are selected and pm4py is given at most 2"):
        to_pm4py(view)


def test_an_empty_selection_and_a_typo_are_told_apart(warehouse: Warehouse, clock: FixedClock, tenant: str) -> None:
    view = stored(warehouse, clock, tenant, frame(whiteboard("Approve Pay")))
    with pytest.raises(InputError, match="p: no case is selected"):
        to_pm4py(view, CaseFilter(until=datetime(2000, 1, 1, tzinfo=timezone.utc)))
    with pytest.raises(NotFound, match="Approve"):
        to_pm4py(view, CaseFilter(activities=("Aprove",)))
