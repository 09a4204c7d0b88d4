"""The SDK: the same frames from a home and from a service, filters as Python values, figures, a light import."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import generated_logs as generated
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from logs import START, frame, happened, log, stored
from logs import process as defined
from polars.testing import assert_frame_equal
from running_api import running

import gembascope as gs
from api.app import create_app
from api.gate import GateRules
from gembascope import frames
from gembascope.frames import frame_of
from gembascope.selection import Filters, words_of
from gembascope.workspace import LocalWorkspace
from kernel.clock import Clock
from kernel.errors import InputError, MappingError, NotFound, SettingsError, UnreadableFile
from kernel.process import Processes, write_process
from kernel.settings import load_settings
from kernel.warehouse import Warehouse
from mining.answers import ANSWERS
from mining.filters import EVERYTHING, CaseFilter, read_filter
from mining.pm4py_bridge import to_pm4py
from mining.view import ProcessView

TENANT, TOKEN = "sdk", "token"
ORDERS = """order,step,at,who,amount,region
1,Placed,2024-01-05T09:00:00Z,ann,12.50,north
1,Paid,2024-01-05T09:10:00.5Z,bob,,north
1,Shipped,2024-01-07T09:10:00Z,bob,,north
2,Placed,2024-01-06T09:00:00Z,ann,-3,south
2,Paid,2024-01-06T11:00:00Z,ann,,south
2,Paid,2024-01-06T11:30:00Z,ann,,south
3,Placed,2024-01-08T09:00:00Z,,0.000001,north
4,Placed,soon,ann,1,north
"""
MAPPING = {"case": "order", "activity": "step", "time": "at", "actor": "who", "value": "amount", "currency": "=EUR"}
FILTERS: tuple[Filters, ...] = (
    {},
    {"since": date(2024, 1, 6)},
    {"until": datetime(2024, 1, 8, 10, tzinfo=timezone(timedelta(hours=1))), "anchor": "ended"},
    {"case_attr": {"region": "north"}},
    {"case_attr": {"region": ["north", "south"]}, "activity": ["Paid"]},
    {"min_duration": timedelta(hours=2, milliseconds=500), "max_duration": "30d"},
    {"edge_source": "Paid", "edge_target": "Paid", "state": "unknown"},
    {"since": "2100-01-01"},
)


@pytest.fixture(scope="module")
def local(warehouse: Warehouse, clock: Clock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[gs.Workspace]:
    """A workspace over the session's warehouse, holding ORDERS."""
    settings = load_settings(home=tmp_path_factory.mktemp("home"), tenant=TENANT)
    path = tmp_path_factory.mktemp("files") / "orders.csv"
    path.write_text(ORDERS)
    with gs.Workspace(LocalWorkspace(settings, clock, warehouse)) as opened:
        mapping = MAPPING | {"case_columns": ["region"]}
        opened.ingest(path, process="orders", mapping=mapping)
        yield opened


@pytest.fixture(scope="module")
def remote(local: gs.Workspace, clock: Clock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[gs.Workspace]:
    """The same home through a service."""
    opened = local._connection
    assert isinstance(opened, LocalWorkspace)
    rules = GateRules(local_token="local", token=TOKEN)
    app = create_app(opened.views, clock, rules, upload_folder=tmp_path_factory.mktemp("uploads"))
    with running(app) as url, gs.connect(url, token=TOKEN) as found:
        yield found


def same(one: Any, other: Any) -> None:
    """Equal, frames in columns, dtypes, rows and their order."""
    assert type(one) is type(other)
    if isinstance(one, pl.DataFrame):
        assert_frame_equal(one, other, check_exact=True)
    elif is_dataclass(one):
        for field in fields(one):
            same(getattr(one, field.name), getattr(other, field.name))
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            same(one[key], other[key])
    else:
        assert one == other


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


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ({"since": datetime(2024, 1, 5, 9, tzinfo=timezone.utc)}, {"since": ["2024-01-05T09:00:00+00:00"]}),
        ({"since": date(2024, 1, 5), "until": None}, {"since": ["2024-01-05"]}),
        ({"case_attr": {"vip": True, "n": [1, 2.5]}}, {"case_attr": ["vip=true", "n=1", "n=2.5"]}),
        ({"case_attr": "a=b=c"}, {"case_attr": ["a=b=c"]}),
        ({"case_attr": ("a=b", "c=d")}, {"case_attr": ["a=b", "c=d"]}),
        ({"activity": "A", "state": ("open", "complete")}, {"activity": ["A"], "state": ["open", "complete"]}),
        ({"min_duration": timedelta(0)}, {"min_duration": ["0ms"]}),
    ],
)
def test_filters_become_words(given_: dict[str, Any], words: dict[str, list[str]]) -> None:
    assert words_of(given_) == words


@given(st.data())
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_filter_says_the_same_in_words(data: st.DataObject) -> None:
    """Whatever a CaseFilter can hold to the millisecond, keyword arguments can say."""
    microseconds = st.integers(0, 7 * 10**15).map(lambda us: timedelta(microseconds=us))
    instants = microseconds.map(lambda since_1970: datetime(1970, 1, 1, tzinfo=timezone.utc) + since_1970)
    since, until = data.draw(st.none() | instants), data.draw(st.none() | instants)
    if since is not None and until is not None and until <= since:
        since, until = None, since
    durations = st.none() | st.integers(0, 10**12).map(lambda ms: timedelta(milliseconds=ms))
    names = st.text(st.characters(blacklist_characters="=", blacklist_categories=["Cs"]), min_size=1)
    wanted = CaseFilter(
        since=since,
        until=until,
        anchor=data.draw(st.sampled_from(("started", "ended", "active"))),
        attributes=tuple(data.draw(st.dictionaries(names, st.text())).items()),
        activities=tuple(data.draw(st.lists(st.text()))),
        min_duration=data.draw(durations),
        max_duration=data.draw(durations),
        edge=data.draw(st.none() | st.tuples(st.text(min_size=1), st.text(min_size=1))),
        states=tuple(data.draw(st.lists(st.sampled_from(("open", "complete", "unknown"))))),
    )
    said = words_of(
        {
            "since": wanted.since,
            "until": wanted.until,
            "anchor": wanted.anchor,
            "case_attr": dict(wanted.attributes),
            "activity": wanted.activities,
            "min_duration": wanted.min_duration,
            "max_duration": wanted.max_duration,
            "edge_source": wanted.edge[0] if wanted.edge else None,
            "edge_target": wanted.edge[1] if wanted.edge else None,
            "state": wanted.states,
        }
    )
    assert read_filter(said) == wanted


def test_what_no_word_can_say_is_refused() -> None:
    for wrong, error in (
        ({"since": START.replace(tzinfo=None)}, InputError),
        ({"min_duration": timedelta(microseconds=1)}, InputError),
        ({"min_duration": timedelta(days=-1)}, InputError),
        ({"case_attr": {"a=b": "c"}}, InputError),
        ({"min_duration": 5}, TypeError),
        ({"activity": [1]}, TypeError),
        ({"activty": "A"}, TypeError),
    ):
        with pytest.raises(error):
            words_of(wrong)


def test_all_cases_come_page_by_page(
    local: gs.Workspace, remote: gs.Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gembascope import sdk

    whole = local.process("orders").cases(limit=None)
    monkeypatch.setattr(sdk, "MAX_PAGE", 2)
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
    by_case = pl.concat([asked.case(case).events for case in found["case"].unique(maintain_order=True)])
    assert found["event_id"].to_list() == by_case["event_id"].to_list()
    assert_frame_equal(found.drop("case", "attributes"), by_case.drop("via", "wait_s", "assumed", "attributes"))


def over(view: ProcessView, clock: Clock, home: Path) -> LocalWorkspace:
    """A workspace in which the process of `tests/logs.py` is defined as the view has it."""
    write_process(Processes(home, view.tenant).folder, view.definition)
    return LocalWorkspace(load_settings(home=home, tenant=view.tenant), clock, view.warehouse)


def test_more_events_than_an_answer_holds_are_refused(warehouse: Warehouse, clock: Clock, tenant: str) -> None:
    from mining.selected_events import selected_events

    view = stored(warehouse, clock, tenant, log("A B", "A C"))
    assert selected_events(view, most=4).height == 4
    with pytest.raises(InputError, match="more than 3 events"):
        selected_events(view, most=3)


def test_a_row_that_lacks_a_column_is_no_row_of_the_frame() -> None:
    with pytest.raises(KeyError):
        frame_of([{"activity": "A", "count": 1}], frames.ACTIVITIES)


@pytest.mark.parametrize(
    ("target", "more", "sentence"),
    [
        ("https://elsewhere.example", {}, "needs a token"),
        ("http://127.0.0.1:1", {"tenant": "other"}, "serves one tenant"),
        ("home", {"token": "x"}, "a token is for a service"),
        ("home", {"tenant": "NOT A TENANT"}, "GEMBASCOPE_TENANT"),
    ],
)
def test_connections_that_cannot_be_meant(
    target: str, more: dict[str, str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GEMBASCOPE_API_TOKEN", raising=False)
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


def test_variants_come_as_lists_of_activities(warehouse: Warehouse, clock: Clock, tenant: str, tmp_path: Path) -> None:
    view = stored(warehouse, clock, tenant, log("A B C", "A C", "A C"))
    asked = gs.Workspace(over(view, clock, tmp_path)).process("p")
    assert asked.variants(all=True)["activities"].to_list() == [["A", "C"], ["A", "B", "C"]]
    assert asked.variants(top=1)["share"].to_list() == [2 / 3]
    assert asked.log().first == START
