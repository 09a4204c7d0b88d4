"""The demo loads both logs, as any other file is loaded; what comes later has the same form."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from gembascope.demo.coming import COMING, Coming
from gembascope.demo.history import END, Retailer, load_retailer, load_returns, loaded_returns
from gembascope.workspace import LocalWorkspace
from kernel.attributes import encode
from kernel.clock import Clock
from kernel.errors import SettingsError
from kernel.settings import Settings, load_settings
from kernel.warehouse import Query, Warehouse
from simulator.emit.canonical import Canonical
from simulator.retailer import RETURN_TO_REFUND
from simulator.return_to_refund import ReturnsLog, return_to_refund
from simulator.returns_day import returns_of
from simulator.returns_shop import canonical
from simulator.world.times import instant_us

TENANT = "demo-returns"
STORED = Query(
    "stored_returns",
    "SELECT source_event_id, source, activity, occurred_at, actor, toString(actor_kind) AS actor_kind, "
    "toString(outcome) AS outcome, error_code, value, currency, "
    "attributes FROM events WHERE tenant = {tenant:String} ORDER BY source_event_id",
)


@pytest.fixture(scope="module")
def made() -> ReturnsLog:
    return return_to_refund(end=END, per_day=20, days=30)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return load_settings(home=tmp_path_factory.mktemp("home"), tenant=TENANT)


@pytest.fixture(scope="module")
def opened(warehouse: Warehouse, clock: Clock, settings: Settings, made: ReturnsLog) -> Iterator[LocalWorkspace]:
    """A workspace that holds the returns."""
    workspace = LocalWorkspace(settings, clock, warehouse)
    report = load_returns(workspace, settings, made)
    assert (report["received"], report["stored"], report["quarantined"]) == (len(made.events), len(made.events), 0)
    assert report["processes"] == [RETURN_TO_REFUND], "the shipped definition, and none made for its object type"
    yield workspace
    workspace.close()


def test_what_is_stuck_shows_in_the_paths(opened: LocalWorkspace, made: ReturnsLog) -> None:
    log = opened.answer("log", RETURN_TO_REFUND, {}, {})
    assert (log["cases"], log["events"]) == (made.truth["counts"]["returns"], made.truth["counts"]["events"])
    states = made.truth["counts"]["states"]
    assert log["open"] == log["cases"] - states["refunded"] - states["rejected"]
    entry = next(each for each in made.truth["stuck"] if each["paused"] is None)
    case = opened.case(RETURN_TO_REFUND, entry["case_id"])
    assert case["events"][-1]["activity"] == "Refund authorised"
    fault, attributes = made.truth["fault"], case["attributes"]
    assert (attributes["store"], attributes["payment_method"]) == (fault["store"], fault["payment_method"])
    assert (attributes["refund_amount"], attributes["currency"]) == (entry["amount"], "EUR")


def test_the_promise_is_due_when_the_truth_says(opened: LocalWorkspace, made: ReturnsLog) -> None:
    for entry in made.truth["stuck"]:
        if entry["paused"] is None:
            case = opened.case(RETURN_TO_REFUND, entry["case_id"])
            dues = {one["name"]: one["due"] and datetime.fromisoformat(one["due"]) for one in case["promises"]}
            assert dues["refund within five working days of receipt"] == datetime.fromisoformat(entry["due_at"])
            late = {one["name"] for one in case["promises"] if one["due"] and one["kept"] is None}
            assert late == {
                "refund within five working days of receipt",
                "paid within one working day of authorisation",
            }


def test_loading_again_adds_nothing(opened: LocalWorkspace, settings: Settings, made: ReturnsLog) -> None:
    report = load_returns(opened, settings, made)
    assert report["already_loaded_at"] is not None
    assert report["stored"] == 0


def test_history_and_live_events_have_the_same_form(
    opened: LocalWorkspace, warehouse: Warehouse, made: ReturnsLog
) -> None:
    """Each stored event is the one that the shop would have told."""
    days = [returns_of(made.plan, made.plan.first_date + timedelta(days=i)) for i in range(made.plan.days)]
    told = {event["id"]: event for event in canonical(pl.concat(days).filter(pl.col("occurred_at") <= END))}
    stored = warehouse.read_for_write(STORED, {"tenant": TENANT}).iter_rows(named=True)
    seen = 0
    for row in stored:
        event, seen = told[row["source_event_id"]], seen + 1
        plain = ("source", "activity", "actor", "actor_kind", "outcome")
        assert [row[name] for name in plain] == [event[name] for name in plain]
        assert row["occurred_at"] == datetime.fromisoformat(event["occurred_at"])
        assert row["attributes"] == encode(event["attributes"])
        assert row["error_code"] == event.get("error_code", "")
        value = None if row["value"] is None else f"{row['value']:.2f}"
        assert (value, row["currency"]) == (event.get("value"), event.get("currency", ""))
    assert seen == len(told)


def test_the_home_remembers_which_returns_there_are(
    opened: LocalWorkspace, settings: Settings, made: ReturnsLog, tmp_path: Path
) -> None:
    assert loaded_returns(settings) == made.plan
    elsewhere = settings.model_copy(update={"home": tmp_path})
    assert loaded_returns(elsewhere) is None
    path = tmp_path / "tenants" / TENANT / "demo.json"
    path.parent.mkdir(parents=True)
    for damaged in ("", "[]", "{}", '{"end": "soon", "days": 1, "per_day": 1, "seed": 1}', '{"end": 5}'):
        path.write_text(damaged)
        with pytest.raises(SettingsError, match=r"demo\.json is damaged: remove it and run gembascope demo"):
            loaded_returns(elsewhere)
    kept = {"end": END.isoformat(), "days": "2", "per_day": None, "seed": 7}
    path.write_text(json.dumps(kept))
    with pytest.raises(SettingsError, match="damaged"):
        loaded_returns(elsewhere)


def test_what_is_told_later_is_kept_and_nothing_is_lost_between(
    warehouse: Warehouse, clock: Clock, tmp_path: Path
) -> None:
    """History and what comes are the whole simulation, parted at the demo's first instant."""
    settings = load_settings(home=tmp_path, tenant="demo-coming")
    retailer = Retailer(orders_per_day=6, days=3, days_to_come=2)
    opened = LocalWorkspace(settings, clock, warehouse)
    report = load_retailer(opened, settings, retailer, processes=["order-to-cash"])
    canonical_events = Canonical()
    told = [(us, event) for day in retailer.simulation().days() for us, _, event in canonical_events.events(day)]
    assert report["received"] == sum(us <= instant_us(END) for us, _ in told)
    later = [event for us, event in told if us > instant_us(END)]
    folder = tmp_path / "tenants" / settings.tenant
    coming = Coming(folder, since=END)
    middle = END + timedelta(hours=12)
    assert coming.until(END) == []
    first = coming.until(middle)
    rest = coming.until(END + timedelta(days=9))
    assert first + rest == later
    assert first != [] != rest
    assert Coming(folder, since=middle).until(END + timedelta(days=9)) == rest
    assert Coming(tmp_path, since=END).until(END + timedelta(days=9)) == []
    again = load_retailer(opened, settings, retailer, processes=["order-to-cash"])
    assert (again["already_loaded_at"] is not None, again["truth"]) == (True, report["truth"])
    with pytest.raises(SettingsError, match=r"with 6 orders a day, seed 7, not with 6 orders a day, seed 8: choose"):
        load_retailer(opened, settings, replace(retailer, seed=8), processes=["order-to-cash"])
    (folder / COMING).write_bytes(b"no gzip")
    with pytest.raises(SettingsError, match="is damaged: remove the home"):
        Coming(folder, since=END)
    opened.close()
