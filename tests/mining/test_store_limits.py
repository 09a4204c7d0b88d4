"""The law of stores: whoever may read some stores is answered as if the log held nothing but their cases."""

from __future__ import annotations

import ast
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import generated_logs as generated
import pytest
from examples import examples
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from logs import CASE_TYPE, START, File, Happened, Linked, Told, frame, happened, link_frame, object_frame, process
from projected import content, fresh_tenant
from scoped_answers import answers

from kernel.clock import Clock
from kernel.errors import NotFound
from kernel.process import CaseAttribute, Population, ProcessDefinition
from kernel.warehouse import Warehouse
from mining.answers import ANSWERS
from mining.cases import case
from mining.filters import EVERYTHING, CaseFilter
from mining.projection import refresh
from mining.readiness import OF_CASES, readiness
from mining.view import ProcessView

ROOT = Path(__file__).resolve().parent.parent.parent
STORES = ("Köln", "Bonn", "Ulm")
LIMITS = st.sampled_from((frozenset({"Köln"}), frozenset({"Köln", "Bonn"}), frozenset({"Essen"})))
FILTERS = st.sampled_from(
    (
        EVERYTHING,
        EVERYTHING,
        CaseFilter(since=generated.MIDNIGHT + timedelta(days=1)),  # whole days: of which figures are kept
        CaseFilter(attributes=(("store", "Köln"),)),
        CaseFilter(attributes=(("store", "Bonn"), ("store", "Köln"))),
        CaseFilter(attributes=(("store", "Ulm"),)),
        CaseFilter(attributes=(("region", "north"),)),
        CaseFilter(activities=("A",)),
        CaseFilter(activities=("Ärger 2",)),
        CaseFilter(edge=("A", "B")),
    )
)
BY_OBJECT = process(end=("C",), order=("A", "B"), store="store")
BY_EVENT = process(
    end=("C",),
    store="store",
    case_attributes=(CaseAttribute(name="store"), CaseAttribute(name="channel", take="first")),
    excluded=(Population(name="test", attribute="channel", values=("web",)),),
)
LINKED = process(store="store", links=(generated.LINK_PATHS[0], generated.LINK_PATHS[1]))
Log = tuple[ProcessDefinition, list[Happened], list[Told], list[Linked]]


@st.composite
def logs(draw: st.DrawFn) -> Log:
    """A log with the stores of its cases, told by objects or by events. Every event has an id of its own, so that it is
    the same event when it names fewer cases."""
    definition = draw(st.sampled_from((BY_OBJECT, BY_OBJECT, BY_EVENT, LINKED)))
    rows = draw(generated.linked_events(most=12) if definition is LINKED else generated.events(most=16))
    store = st.sampled_from((*STORES, ""))
    told = [row for row in draw(generated.told()) if row.attribute != "promised"]
    if definition is BY_EVENT:
        rows = [row.but(attributes=row.attributes | {"store": draw(store)}) for row in rows]
    else:
        told += [Told(name, "store", draw(store)) for name in generated.CASES[:3]]
    rows = [row.but(source_event_id=f"e{n}", sequence=n, revision=0) for n, row in enumerate(rows)]
    return definition, rows, told, draw(generated.links()) if definition is LINKED else []


def loaded(warehouse: Warehouse, clock: Clock, log: Log) -> ProcessView:
    definition, rows, told, links = log
    tenant = fresh_tenant()
    if rows:
        File(warehouse, clock, tenant).step(frame(rows), object_frame(told), link_frame(links))
    refresh(warehouse, clock, tenant, definition)
    return ProcessView(warehouse, tenant, definition)


def only(log: Log, cases: set[str]) -> Log:
    """The log without other cases: events that name none but these are left out, as are what is told of them."""
    definition, rows, told, links = log

    def told_of(kind: str, name: str) -> bool:
        return kind != CASE_TYPE or name in cases

    left = []
    for row in rows:
        objects = tuple(ref for ref in row.objects if told_of(*ref[:2]))
        if objects == row.objects or any(kind == CASE_TYPE for kind, *_ in objects):
            left.append(row.but(objects=objects))
    return (
        definition,
        left,
        [row for row in told if row.case in cases],
        [link for link in links if told_of(*link.one) and told_of(*link.other)],
    )


def stores_of(view: ProcessView) -> dict[str, str]:
    """Every case with its store, as the projection holds it."""
    paths = content(view.warehouse, view.tenant).paths.to_dicts()
    return {row["case_id"]: dict(_pairs(row["attributes"])).get("store", "") for row in paths}


def _pairs(held: Any) -> list[tuple[str, str]]:
    return list(held.items()) if isinstance(held, dict) else [tuple(pair.values()) for pair in held]


@settings(
    max_examples=examples(3),
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(log=logs(), stores=LIMITS, chosen=FILTERS, kinds=st.sampled_from((("xes",), ("ocel-json",), ("csv",))))
def test_the_answers_are_those_of_a_log_of_these_stores_alone(
    warehouse: Warehouse,
    clock: Clock,
    tmp_path: Path,
    log: Log,
    stores: frozenset[str],
    chosen: CaseFilter,
    kinds: tuple[str, ...],
) -> None:
    whole = loaded(warehouse, clock, log)
    held = stores_of(whole)
    alone = loaded(warehouse, clock, only(log, {name for name, store in held.items() if store in stores}))
    limited = ProcessView(warehouse, whole.tenant, whole.definition, stores)
    named = [*sorted(held), "nothing"]
    expected = answers(alone, chosen, named, tmp_path, kinds=kinds, orders=("longest", "case"))
    found = answers(limited, chosen, named, tmp_path, kinds=kinds, orders=("longest", "case"))
    for question in expected:
        assert found[question] == expected[question], question


# One log that has every way in which a case could be told of -------------------------------------------------------


def shared_log() -> Log:
    """Two stores: an event that is of a case of each, an object that cases of both share, links between them, and an
    activity, an attribute and an excluded population that only Bonn has."""
    sku = ("sku", "S", "")
    rows = [
        happened("A", "0m", "k1", attributes={"channel": "web"}),
        happened("B", "5m", "k1", "bonn-1", actor="ann", outcome="ok"),
        happened("C", "9m", "k1", objects=((CASE_TYPE, "k1", ""), sku)),
        happened("A", START + timedelta(days=1), "k2"),
        happened("A", "1m", "bonn-1", attributes={"secret": "x"}),
        happened("Only in Bonn", "7m", "bonn-1", objects=((CASE_TYPE, "bonn-1", ""), sku), actor="bea"),
        happened("A", "3m", "bonn-2", attributes={"staff": "yes"}),
        happened("A", START.date(), "bonn-1"),
        *(happened("A", f"{n}ms", "bonn-1", actor="bea") for n in range(12)),
        happened("A", "4m", "none"),
    ]
    rows = [row.but(source_event_id=f"e{n}", sequence=n) for n, row in enumerate(rows)]
    of = {"k1": "Köln", "k2": "Köln", "bonn-1": "Bonn", "bonn-2": "Bonn"}
    told = [Told(name, "store", store) for name, store in of.items()]
    told.append(Told("bonn-1", "only bonn", "y"))
    links = [
        Linked((CASE_TYPE, "k1"), (CASE_TYPE, "bonn-1"), "with"),
        Linked(("sku", "S"), (CASE_TYPE, "bonn-1"), "of"),
    ]
    definition = process(
        end=("C",),
        store="store",
        case_attributes=tuple(CaseAttribute(name=name) for name in ("channel", "secret", "staff")),
        excluded=(Population(name="staff", attribute="staff", values=("yes",)),),
    )
    return definition, rows, told, links


@pytest.fixture(scope="module")
def both(warehouse: Warehouse, clock: Clock) -> tuple[ProcessView, ProcessView]:
    """The log to whom may read Köln, and the log of Köln alone."""
    whole = loaded(warehouse, clock, shared_log())
    koeln = frozenset({"Köln"})
    return ProcessView(warehouse, whole.tenant, whole.definition, koeln), loaded(
        warehouse, clock, only(shared_log(), {"k1", "k2"})
    )


@pytest.mark.parametrize(
    "chosen",
    [EVERYTHING, CaseFilter(activities=("Only in Bonn",)), CaseFilter(attributes=(("only bonn", "y"),))],
    ids=["all", "activity of another store", "attribute of another store"],
)
def test_every_answer_about_one_store(
    both: tuple[ProcessView, ProcessView], tmp_path: Path, chosen: CaseFilter
) -> None:
    limited, alone = both
    named = ["k1", "k2", "bonn-1", "bonn-2", "none", "nothing"]
    expected = answers(alone, chosen, named, tmp_path)
    found = answers(limited, chosen, named, tmp_path)
    assert found == expected
    for question, said in found.items():
        assert "bonn" not in repr(said).lower() or "bonn" in question or chosen is not EVERYTHING


def test_a_model_is_discovered_from_the_cases_of_one_store(both: tuple[ProcessView, ProcessView]) -> None:
    limited, alone = both
    found = ANSWERS["discover"](limited, EVERYTHING, {})
    assert found == ANSWERS["discover"](alone, EVERYTHING, {})
    assert "Bonn" not in repr(found)


@pytest.mark.parametrize("name", ["bonn-1", "bonn-2", "none", "nothing", "k", "k1 "])
def test_a_case_of_another_store_is_as_one_that_is_not_there(both: tuple[ProcessView, ProcessView], name: str) -> None:
    with pytest.raises(NotFound) as told:
        case(both[0], name)
    assert str(told.value) == f"p has no case {name!r}"


def test_readiness_tells_of_own_cases_only(both: tuple[ProcessView, ProcessView]) -> None:
    assert {finding.aspect for finding in readiness(both[0])} == set(OF_CASES) - {"excluded cases"}


def test_readiness_tells_of_cases_that_name_no_store(both: tuple[ProcessView, ProcessView]) -> None:
    whole = replace(both[0], stores=None)
    found = next(finding for finding in readiness(whole) if finding.aspect == "cases without a store")
    assert (found.count, found.share, found.attention) == (1, 0.2, True)
    found = next(finding for finding in readiness(both[1]) if finding.aspect == "cases without a store")
    assert (found.count, found.attention) == (0, False)
    assert "cases without a store" not in {finding.aspect for finding in readiness(both[0])}


def test_a_process_that_does_not_name_its_store_has_no_limited_view(warehouse: Warehouse) -> None:
    with pytest.raises(ValueError, match="does not name its store"):
        ProcessView(warehouse, "t", process(), frozenset({"Köln"}))


def test_nobody_is_asked_for_more_statements_than_before(both: tuple[ProcessView, ProcessView]) -> None:
    """An unlimited reader's queries have the parameters of the filter and no other."""
    limited, alone = both
    for chosen in (EVERYTHING, CaseFilter(attributes=(("store", "Bonn"),))):
        assert alone.parameters(chosen) == chosen.parameters()
    held = limited.parameters(CaseFilter(attributes=(("store", "Bonn"),)))
    assert held["attribute_names"] == ["store", "store"]
    assert held["attribute_values"] == [["Bonn"], ["Köln"]]


# Where queries are asked past `ProcessView.ask` ---------------------------------------------------------------------

PAST_ASK = {
    ("mining/view.py", "ask"): "the one that limits",
    ("mining/view.py", "check"): "of some stores another statement, filter_words_of_stores",
    ("mining/view.py", "_built"): "how far the projection is: no case",
    ("mining/view.py", "data_version"): "the same",
    ("mining/view.py", "data_versions"): "the same",
    ("mining/attribute_values.py", "attribute_values"): "of some stores another statement, attribute_values_of_stores",
    ("mining/directly_follows.py", "directly_follows_frequency"): "day figures, of all stores only",
    ("mining/durations.py", "durations"): "day figures, of all stores only",
    ("mining/cases.py", "case_part"): "`holds` decides before anything is told",
    ("mining/cases.py", "_via"): "of a case that `case_part` has let through",
    ("mining/readiness.py", "readiness"): "of some stores another statement, readiness_of_stores",
    ("mining/readiness.py", "_link_rates"): "not asked for some stores",
    ("mining/readiness.py", "_storeless"): "the same",
    ("ingest/quarantine.py", "quarantined"): "needs a grant to load, for every process and store",
    ("ingest/quarantine.py", "quarantined_bytes"): "needs a grant to load, for every process and store",
    ("ingest/quarantine.py", "quarantine_reasons"): "the same",
    ("ingest/sources/lags.py", "source_lags"): "needs a grant to load, for every process and store",
    ("ingest/sources/desk.py", "_stored"): "the same",
    ("ingest/export/log.py", "parts"): "under the filter that Scope was given; `_without_others` takes the rest",
    ("ingest/export/log.py", "objects"): "the same; `_told`",
    ("ingest/export/log.py", "_others"): "limited itself",
    ("ingest/watermarks.py", "watermarks"): "how far the sources of a process are: no case",
    ("kpis/told.py", "told"): "the same",
    ("kpis/as_of.py", "_live_and_last"): "whether anything is told live, and up to when: no case",
    ("kpis/as_of.py", "as_of_each"): "the same",
    ("anomalies/finding_store.py", "figures"): "`stores` in the statement",
    ("anomalies/finding_store.py", "of_incident"): "the same",
    ("anomalies/missing_event.py", "named_events"): "of the detectors, which look for everybody",
    ("anomalies/silence.py", "telling_minutes"): "the same: of a source, no case",
    ("anomalies/watching.py", "__call__"): "the same",
    ("orchestration_hooks/evaluating.py", "happened"): "of the engine, for cases of runs that are open",
    ("api/app.py", "readyz"): "SELECT 1",
}
"""Function by function, how it is limited to stores. Whoever adds one says so here."""


def test_every_query_of_a_reader_is_limited_or_says_why_not() -> None:
    found = set()
    for package in ("mining", "kpis", "anomalies", "ingest", "api", "dashboards", "gembascope", "orchestration_hooks"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) and any(map(_asks, ast.walk(function))):
                    found.add((str(path.relative_to(ROOT)), function.name))
    assert found - {("api/app.py", "create_app")} == set(PAST_ASK)  # which readyz is in


def _asks(node: ast.AST) -> bool:
    """Whether it is a call of `Warehouse.query`."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "query"
        and ast.unparse(node.func.value).endswith("warehouse")
    )
