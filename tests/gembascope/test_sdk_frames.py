"""The frames of the SDK: types without rows, the documents of any log, lists, limits."""

from __future__ import annotations

from pathlib import Path

import generated_logs as generated
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from logs import START, frame, log, stored
from logs import process as defined
from polars.testing import assert_frame_equal
from sdk_orders import over

import gembascope as gs
from gembascope import frames
from gembascope.frames import frame_of
from kernel.clock import Clock
from kernel.errors import InputError
from kernel.warehouse import Warehouse
from mining.answers import ANSWERS
from mining.filters import EVERYTHING

EMPTY = {
    "variants": frames.VARIANTS,
    "bottlenecks": frames.BOTTLENECKS,
    "cases": frames.CASES,
    "rework": frames.REWORK,
    "handover": frames.HANDOVERS,
}


def test_dtypes_hold_for_frames_without_rows(local: gs.Workspace) -> None:
    orders = local.process("orders")
    for name, schema in EMPTY.items():
        for filters in ({}, {"since": "2100-01-01"}):
            assert getattr(orders, name)(**filters).schema == schema, name
    full, none = orders.events(), orders.events(since="2100-01-01")
    assert none.is_empty()
    assert full.schema == none.schema
    assert orders.map(since="2100-01-01").edges.schema == frames.EDGES
    assert orders.durations(since="2100-01-01").cases.schema == frames.DURATIONS
    with pytest.raises(InputError, match="no case is selected"):
        orders.to_pm4py(since="2100-01-01")


@given(data=st.data())
@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
def test_frames_hold_the_documents_of_any_log(
    data: st.DataObject, warehouse: Warehouse, clock: Clock, tmp_path: Path
) -> None:
    """Every value of every document is in the frame, under its dtype."""
    told = data.draw(generated.events())
    tenant = f"sdk{data.draw(st.integers(0, 2**40))}"
    view = stored(warehouse, clock, tenant, frame(told), definition=defined(end=("C",)))
    workspace = gs.Workspace(over(view, clock, tmp_path))
    asked = workspace.process("p")
    document = ANSWERS["map"](view, EVERYTHING, {})
    edges = asked.map().edges
    assert edges.to_dicts() == [{name: row[name] for name in edges.columns} for row in document["edges"]]
    found = asked.events()
    assert found.height == sum(row["events"] for row in ANSWERS["cases"](view, EVERYTHING, {})["cases"])
    if found.is_empty():  # no object of the type
        return
    by_case = pl.concat([asked.case(case).events for case in found["case"].unique(maintain_order=True)])
    assert found["event_id"].to_list() == by_case["event_id"].to_list()
    assert_frame_equal(found.drop("case", "attributes"), by_case.drop("via", "wait_s", "assumed", "attributes"))


def test_more_events_than_an_answer_holds_are_refused(warehouse: Warehouse, clock: Clock, tenant: str) -> None:
    from mining.selected_events import selected_events

    view = stored(warehouse, clock, tenant, log("A B", "A C"))
    assert selected_events(view, most=4).height == 4
    with pytest.raises(InputError, match="more than 3 events"):
        selected_events(view, most=3)


def test_a_row_that_lacks_a_column_is_no_row_of_the_frame() -> None:
    with pytest.raises(KeyError):
        frame_of([{"activity": "A", "count": 1}], frames.ACTIVITIES)


def test_variants_come_as_lists_of_activities(warehouse: Warehouse, clock: Clock, tenant: str, tmp_path: Path) -> None:
    view = stored(warehouse, clock, tenant, log("A B C", "A C", "A C"))
    asked = gs.Workspace(over(view, clock, tmp_path)).process("p")
    assert asked.variants(all=True)["activities"].to_list() == [["A", "C"], ["A", "B", "C"]]
    assert asked.variants(top=1)["share"].to_list() == [2 / 3]
    assert asked.log().first == START
