"""Discovery: pm4py on the full log is the oracle for trees; bounded languages are the oracle for what is written."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from logs import frame, stored, whiteboard
from model_languages import (
    ACTIVITY,
    CASE,
    CASES,
    LENGTH,
    TIME,
    TokenGame,
    Word,
    log_of,
    model_of,
    net_of_bpmn,
    net_of_pnml,
    pm4py_tree,
    words_of_tree,
)

from ingest.load import Load, LoadRequest
from ingest.mapping import Mapping
from kernel.clock import FixedClock
from kernel.errors import InputError, NotFound
from kernel.process import ProcessDefinition
from kernel.warehouse import Warehouse
from mining.discovery import discover, inductive
from mining.filters import CaseFilter
from mining.projection import refresh
from mining.view import ProcessView

LOGS = ("receipt.csv.gz", "running-example.csv", "Helpdesk.xes.gz", "reviewing.xes.gz")


def read_with_pm4py(path: Path) -> pd.DataFrame:
    """The log as pm4py's own readers see it."""
    if ".csv" in path.name:
        found = pd.read_csv(path)
        found[TIME] = pd.to_datetime(found[TIME], utc=True, format="ISO8601")
        found[CASE] = found[CASE].astype(str)
        return found
    from pm4py.objects.conversion.log import converter
    from pm4py.objects.log.importer.xes.variants import iterparse

    quiet = {iterparse.Parameters.SHOW_PROGRESS_BAR: False}
    log = iterparse.apply(str(path), parameters=quiet)
    found = converter.apply(log, variant=converter.Variants.TO_DATA_FRAME)
    assert isinstance(found, pd.DataFrame)
    return found


@pytest.fixture(scope="module", params=LOGS)
def public_log(
    request: pytest.FixtureRequest, data_dir: Path, warehouse: Warehouse, clock: FixedClock
) -> tuple[ProcessView, pd.DataFrame]:
    """A public log in the warehouse, and as pm4py reads it."""
    path = data_dir / "logs" / request.param
    tenant, process = "discovery-" + request.param.split(".")[0].lower(), "public"
    asked = LoadRequest(path, process, tenant, mapping=Mapping(timezone="UTC"), accept_guess=True)
    assert Load(warehouse, clock, asked).run().quarantined == 0
    definition = ProcessDefinition(id=process, object_type=asked.object_type)
    refresh(warehouse, clock, tenant, definition)
    return ProcessView(warehouse, tenant, definition), read_with_pm4py(path)


@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_a_public_log_gives_the_tree_that_pm4py_finds_on_all_its_events(
    public_log: tuple[ProcessView, pd.DataFrame], noise: float
) -> None:
    view, log = public_log
    model = discover(view, noise=noise)
    assert model.process_tree == pm4py_tree(log, noise)
    assert model.cases == log[CASE].nunique()
    assert set(model.activities) <= set(log[ACTIVITY])
    if noise == 0:
        assert list(model.activities) == sorted(log[ACTIVITY].unique())


def test_the_written_models_of_a_public_log_replay_it(public_log: tuple[ProcessView, pd.DataFrame]) -> None:
    view, log = public_log
    model = discover(view)
    ordered = log.sort_values([CASE, TIME], kind="stable")
    paths = {tuple(case[ACTIVITY]) for _, case in ordered.groupby(CASE)}
    for net in (net_of_pnml(model.pnml()), net_of_bpmn(model.bpmn())):
        game = TokenGame(net)
        assert all(game.accepts(path) for path in paths)


@settings(max_examples=60, deadline=None)
@given(cases=CASES, noise=st.sampled_from([0.0, 0.1, 0.2, 0.5, 1.0]))
def test_any_log_gives_the_tree_that_pm4py_finds(cases: list[Word], noise: float) -> None:
    assert model_of(cases, noise).process_tree == pm4py_tree(log_of(cases), noise)


@settings(max_examples=40, deadline=None)
@given(cases=CASES)
def test_without_noise_every_case_is_a_word_of_the_model(cases: list[Word]) -> None:
    words = words_of_tree(model_of(cases).tree)
    assert {case for case in cases if len(case) <= LENGTH} <= words


@settings(max_examples=40, deadline=None)
@given(cases=CASES, data=st.data())
def test_the_order_of_variants_changes_nothing(cases: list[Word], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(cases))
    assert model_of(shuffled) == model_of(cases)


def test_the_filter_chooses_what_is_mined(warehouse: Warehouse, clock: FixedClock, tenant: str) -> None:
    view = stored(warehouse, clock, tenant, frame(whiteboard("A B C", "A C", "A B C", "A D")))
    model = discover(view, CaseFilter(activities=("C",)))
    assert (model.process_tree, model.cases, model.variants) == ("->( 'A', X( tau, 'B' ), 'C' )", 3, 2)
    assert model.activities == ("A", "B", "C")


def test_noise_leaves_out_what_is_rare() -> None:
    cases = [tuple("abcd")] * 50 + [tuple("abd")] * 2
    assert model_of(cases).process_tree == "->( 'a', 'b', X( tau, 'c' ), 'd' )"
    assert model_of(cases, 0.2).process_tree == "->( 'a', 'b', 'c', 'd' )"


@pytest.mark.parametrize("noise", [-0.1, 1.1, float("nan")])
def test_noise_is_a_share(noise: float, warehouse: Warehouse, clock: FixedClock, tenant: str) -> None:
    view = stored(warehouse, clock, tenant, frame(whiteboard("A B")))
    with pytest.raises(InputError, match="is not between 0 and 1"):
        discover(view, noise=noise)


def test_no_case_gives_no_model(warehouse: Warehouse, clock: FixedClock, tenant: str) -> None:
    view = stored(warehouse, clock, tenant, frame(whiteboard("A B")))
    with pytest.raises(InputError, match="p: no case is selected"):
        discover(view, CaseFilter(until=datetime(2000, 1, 1, tzinfo=timezone.utc)))


def test_an_unknown_activity_is_not_an_empty_selection(warehouse: Warehouse, clock: FixedClock, tenant: str) -> None:
    view = stored(warehouse, clock, tenant, frame(whiteboard("Approve Pay")))
    with pytest.raises(NotFound, match="Approve"):
        discover(view, CaseFilter(activities=("Aprove",)))


def test_what_would_take_too_long_is_refused_before_it_is_begun() -> None:
    with pytest.raises(InputError, match=r"1,200 activities in 1 variants are too varied"):
        model_of([tuple(f"step {number}" for number in range(1200))])


def test_effort_adds_up_over_the_steps_of_the_miner(monkeypatch: pytest.MonkeyPatch) -> None:
    # Four activities, six events and three pairs take 132 units; the choice of x or y within takes 28 more.
    cases = [tuple("abx"), tuple("aby")]
    monkeypatch.setattr(inductive, "EFFORT_LIMIT", 160)
    assert model_of(cases).process_tree == "->( 'a', 'b', X( 'y', 'x' ) )"
    monkeypatch.setattr(inductive, "EFFORT_LIMIT", 159)
    with pytest.raises(InputError, match="4 activities"):
        model_of(cases)


def test_a_tree_too_deep_for_the_miner_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def falls(coded: object, noise: float) -> None:
        raise RecursionError

    monkeypatch.setattr(inductive, "_run_miner", falls)
    with pytest.raises(InputError, match="too varied"):
        model_of([tuple("ab")])
