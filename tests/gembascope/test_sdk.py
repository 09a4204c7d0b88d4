"""The SDK: the same frames from a home and from a service, filters as Python values, figures, a light import."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

import pytest
from logs import frame, happened, stored
from polars.testing import assert_frame_equal
from sdk_orders import FILTERS, over, same

import gembascope as gs
from gembascope import frames
from gembascope.selection import Filters, words_of
from gembascope.workspace import LocalWorkspace
from kernel.clock import Clock
from kernel.errors import InputError, MappingError, NotFound, SettingsError, UnreadableFile
from kernel.warehouse import Warehouse
from mining.filters import read_filter
from mining.pm4py_bridge import to_pm4py


@pytest.mark.parametrize("filters", FILTERS, ids=lambda given: ",".join(given) or "everything")
def test_answers_are_the_same_from_a_home_and_from_a_service(
    local: gs.Workspace, remote: gs.Workspace, filters: Filters
) -> None:
    here, there = local.process("orders"), remote.process("orders")
    for name in ("log", "map", "variants", "bottlenecks", "cases", "durations", "rework", "handover", "events"):
        same(getattr(here, name)(**filters), getattr(there, name)(**filters))


def test_what_takes_no_filter_is_the_same_too(local: gs.Workspace, remote: gs.Workspace) -> None:
    same(local.processes(), remote.processes())
    same(local.quarantine(), remote.quarantine())
    same(local.process("orders").readiness(), remote.process("orders").readiness())
    same(local.process("orders").case("1"), remote.process("orders").case("1"))
    one, other = local.process("orders").to_pm4py(), remote.process("orders").to_pm4py(activity=())
    assert one.equals(other)
    assert list(one.dtypes) == list(other.dtypes)


def test_the_frames_say_what_the_log_says(local: gs.Workspace) -> None:
    orders = local.process("orders")
    summary = orders.log()
    assert (summary.cases, summary.events, summary.first) == (3, 7, datetime(2024, 1, 5, 9, tzinfo=timezone.utc))
    edges = orders.map().edges
    assert edges.rows() == [
        ("Placed", "Paid", 2, 0, 3900.25, 3900.25, 6870.025),
        ("Paid", "Paid", 1, 0, 1800.0, 1800.0, 1800.0),
        ("Paid", "Shipped", 1, 0, 172799.5, 172799.5, 172799.5),
    ]
    assert orders.cases(order="oldest")["case"].to_list() == ["1", "2", "3"]
    assert orders.events()["value"].to_list()[-1].as_tuple().exponent == -6
    assert orders.events(case_attr={"region": "north"})["case"].to_list() == ["1", "1", "1", "3"]
    found = orders.case("1")
    assert found.attributes == {"region": "north"}
    assert found.events["wait_s"].to_list() == [None, 600.5, 172799.5]
    assert orders.rework().rows() == [("Paid", 1, 1, 0.5)]
    assert orders.handover(between="actors").rows() == [("ann", "ann", 2), ("ann", "bob", 1), ("bob", "bob", 1)]
    assert local.quarantine(source="orders").reasons["pieces"].to_list() == [1]


def test_loading_the_same_file_again_adds_nothing_wherever_it_is_sent(
    local: gs.Workspace, remote: gs.Workspace, tmp_path: Path
) -> None:
    path = tmp_path / "again.csv"
    path.write_text("case_id,activity,timestamp\n1,A,2024-01-01T00:00:00\n1,B,2024-01-01T00:01:00\n")
    first = local.ingest(path, process="again", guess=True, timezone="Europe/Berlin")
    assert (first.received, first.stored, first.quarantined) == (2, 2, 0)
    assert first.processes == ("again",)
    assert first.guessed == {"case": "case_id", "activity": "activity", "time": "timestamp"}
    assert first.already_loaded_at is None
    assert first.readiness["again"].schema == frames.READINESS
    assert local.process("again").log().first == datetime(2023, 12, 31, 23, tzinfo=timezone.utc)
    second = remote.ingest(path, process="again", guess=True, timezone="Europe/Berlin")
    assert second.already_loaded_at is not None
    assert remote.process("again").log() == local.process("again").log()


def test_a_mapping_may_be_a_file_and_keywords_win_over_it(local: gs.Workspace, tmp_path: Path) -> None:
    path, mapping = tmp_path / "log.csv", tmp_path / "mapping.yaml"
    path.write_text("a,b,c,d\n1,A,2024-01-01,x\n")
    mapping.write_text("case: a\nactivity: b\ntime: c\ntimezone: UTC\n")
    assert local.ingest(path, process="mapped", mapping=mapping, activity="d").stored == 1
    assert local.process("mapped").map().activities["activity"].to_list() == ["x"]


def test_errors_are_the_same_from_a_home_and_from_a_service(
    local: gs.Workspace, remote: gs.Workspace, tmp_path: Path
) -> None:
    path = tmp_path / "unclear.csv"
    path.write_text("a,b\n1,2\n")
    questions = [
        (NotFound, lambda ws: ws.process("order").log()),
        (NotFound, lambda ws: ws.process("orders").case("9")),
        (NotFound, lambda ws: ws.process("orders").case("..")),
        (NotFound, lambda ws: ws.process("orders").map(activity="paid")),
        (InputError, lambda ws: ws.process("orders").map(anchor="finished")),
        (InputError, lambda ws: ws.process("orders").cases(limit=0)),
        (InputError, lambda ws: ws.process("orders").variants(top=0)),
        (InputError, lambda ws: ws.process("orders").figure(kind="pie")),
        (MappingError, lambda ws: ws.ingest(path, process="unclear")),
        (UnreadableFile, lambda ws: ws.ingest(tmp_path / "none.csv", process="unclear")),
    ]
    for kind, ask in questions:
        told = []
        for workspace in (local, remote):
            with pytest.raises(kind) as caught:
                ask(workspace)
            assert type(caught.value) is kind
            told.append(str(caught.value))
        assert told[0] == told[1]


def test_a_mapping_that_is_none_is_refused(local: gs.Workspace) -> None:
    with pytest.raises(MappingError, match="cse"):
        local.ingest("x.csv", process="p", mapping={"cse": "a"})


def test_all_cases_come_page_by_page(
    local: gs.Workspace, remote: gs.Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gembascope import process

    whole = local.process("orders").cases(limit=None)
    monkeypatch.setattr(process, "MAX_PAGE", 2)
    for workspace in (local, remote):
        orders = workspace.process("orders")
        assert_frame_equal(orders.cases(limit=None), whole)
        assert_frame_equal(orders.cases(limit=3), whole)
        assert_frame_equal(orders.cases(limit=1), whole.head(1))


def test_the_bridge_and_the_sdk_hand_over_the_same(local: gs.Workspace) -> None:
    opened = local._connection
    assert isinstance(opened, LocalWorkspace)
    chosen = read_filter(words_of({"activity": "Paid"}))
    assert to_pm4py(opened.views.view("orders"), chosen).equals(local.process("orders").to_pm4py(activity="Paid"))


def test_figures_hold_what_the_frames_hold(local: gs.Workspace) -> None:
    orders = local.process("orders")
    bottlenecks = orders.figure(kind="bottlenecks").data[0]
    assert list(bottlenecks.y) == [f"{row['source']} → {row['target']}" for row in orders.bottlenecks().to_dicts()]
    assert list(orders.figure(kind="variants").data[0].x) == orders.variants()["cases"].to_list()
    p50, p90, p95 = orders.figure(kind="durations").data
    assert [value * 3600 for value in p50.x] == pytest.approx(orders.durations().cases["p50_s"].to_list())
    assert (p90.name, p95.name) == ("90th percentile", "95th percentile")
    nodes = orders.figure().data[0]
    assert sum("Placed" in text for text in nodes.text) == 1
    for kind in ("map", "durations", "variants", "bottlenecks"):
        empty = orders.figure(kind=kind, since="2100-01-01")
        assert not empty.data
        assert len(empty.layout.annotations) == 1


def test_names_from_a_log_are_no_markup_in_a_figure(warehouse: Warehouse, clock: Clock, tmp_path: Path) -> None:
    nasty = '<a href="javascript:alert(1)">x</a>'
    events = [happened("A", "0m", "1"), happened(nasty, "1m", "1")]
    view = stored(warehouse, clock, "sdk-nasty", frame(events))
    with gs.Workspace(over(view, clock, tmp_path)) as workspace:
        for kind in ("map", "variants", "bottlenecks"):
            shown = str(workspace.process("p").figure(kind=kind).to_dict())
            assert "&lt;a " in shown
            assert "<a " not in shown


@pytest.mark.parametrize(
    ("target", "more", "sentence"),
    [
        ("https://elsewhere.example", {}, "needs a key"),
        ("http://127.0.0.1:1", {"tenant": "other"}, "serves one tenant"),
        ("home", {"token": "x"}, "a key is for a service"),
        ("home", {"tenant": "NOT A TENANT"}, "GEMBASCOPE_TENANT"),
    ],
)
def test_connections_that_cannot_be_meant(
    target: str, more: dict[str, str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GEMBASCOPE_API_KEY", raising=False)
    with pytest.raises(SettingsError, match=sentence):
        gs.connect(target, **more)
    assert list(tmp_path.iterdir()) == []


def test_the_import_brings_nothing_heavy() -> None:
    heavy = ("polars", "pyarrow", "pandas", "plotly", "pm4py", "chdb", "httpx", "fastapi", "pydantic")
    code = f"import sys, gembascope; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_public_names_are_exported() -> None:
    assert set(gs.__all__) == {"connect", "Workspace", "Process"}
    assert set(gs.__all__) <= set(dir(gs))
    assert all(callable(getattr(gs, name)) for name in gs.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'conect'"):
        _ = gs.conect
