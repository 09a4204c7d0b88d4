"""Articles that sell out, stores that are closed, workflows and batches that do not run, as they were told."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from simulated import Told, at, told

from simulator.world.facts import Fact
from simulator.world.retailer import CENTER, WORKFLOWS
from simulator.world.times import HOUR, MINUTE

DAYS, ORDERS = 10, 90


@pytest.fixture(scope="module")
def clean() -> Told:
    return told(days=DAYS, orders_per_day=ORDERS)


@pytest.fixture(scope="module")
def busy() -> Told:
    """A promotion that sells out, a store that is closed, and workflows that stop."""
    return told(
        {"kind": "promotion_stockout", "from": "day 3 08:00", "until": "day 8"},
        {"kind": "quiet_shop", "from": "day 2", "for": "3d", "where": {"store": "station"}},
        {"kind": "workflow_stopped", "from": "day 6 13:00", "for": "1d", "where": {"workflow": "stock-push"}},
        {"kind": "workflow_stopped", "from": "day 8 12:00", "for": "2d", "where": {"workflow": "settlement-import"}},
        {"kind": "workflow_stopped", "from": "day 2 08:00", "for": "34h", "where": {"workflow": "price-publish"}},
        {"kind": "erp_batch_skipped", "from": "day 9 09:00", "for": "6h"},
        days=DAYS,
        orders_per_day=ORDERS,
    )


def short(found: Told, sku: str) -> list[Fact]:
    """Reports that the distribution centre has not enough of an article."""
    place = "sku_location", f"{sku}@{CENTER}"
    return [fact for fact in found.each(place, "Out of stock reported") if fact.things[0].type == "order"]


def runs(found: Told, workflow: str) -> list[int]:
    """When a workflow ran."""
    return sorted(
        fact.at_us
        for fact in found.facts
        if fact.activity == "Workflow started" and fact.things[0].attributes["workflow"] == workflow
    )


def stopped(found: Told, workflow: str) -> dict[str, Any]:
    (fault,) = (one for one in found.truth["faults"] if one["where"].get("workflow") == workflow)
    assert fault["affected"]
    return dict(fault)


SCHEDULED = sorted(one.id for one in WORKFLOWS.values() if one.is_scheduled)


@pytest.mark.parametrize("workflow", SCHEDULED)
def test_any_scheduled_workflow_stops(busy: Told, clean: Told, workflow: str) -> None:
    fault = stopped(busy, workflow)
    begins_us, ends_us = at(fault["start"]), at(fault["end"])
    due = runs(clean, workflow)
    assert [at_us for at_us in due if begins_us <= at_us < ends_us]
    assert runs(busy, workflow) == [at_us for at_us in due if not begins_us <= at_us < ends_us]
    for one in fault["affected"]:
        assert begins_us <= at(one["at"]) < ends_us
        assert at(one["at"]) in due


def test_a_workflow_that_stops_is_missed_by_its_articles(busy: Told, clean: Told) -> None:
    fault = stopped(busy, "stock-push")
    ends_us = at(fault["end"])
    usual = runs(clean, "stock-push")
    assert {other - one for one, other in pairwise(usual)} == {2 * HOUR}
    for one in fault["affected"]:
        key = one["type"], one["id"]
        posted = [fact for fact in busy.each(key, "Stock posted in ERP") if fact.at_us <= at(one["at"])]
        waiting = posted[-1].things[0].key
        assert (busy.first(waiting, "Stock published to webshop") or busy.facts[-1]).at_us >= ends_us


def test_what_waits_for_a_stopped_workflow_comes_afterwards(busy: Told) -> None:
    for workflow, before, after in (
        ("settlement-import", "Settlement report received", "Settlement report imported"),
        ("price-publish", "Price updated in ERP", "Price sent to channels"),
    ):
        fault = stopped(busy, workflow)
        ends_us = at(fault["end"])
        for one in fault["affected"]:
            key = one["type"], one["id"]
            assert busy.each(key, before)[0].at_us < ends_us
            done = busy.first(key, after)
            assert done is None or done.at_us >= ends_us


POSTED = {
    "stock_movement": "Stock posted in ERP",
    "cash_session": "Session posted to ERP",
    "supplier_invoice": "Three-way match passed",
    "price_change": "Price updated in ERP",
    "purchase_order": "Purchase order sent",
    "replenishment": "Replenishment released",
    "transfer": "Transfer closed",
    "settlement": "Settlement posted to ERP",
}


def test_what_a_skipped_batch_would_have_posted_is_posted_later(busy: Told) -> None:
    begins_us, ends_us = busy.window("erp_batch_skipped")
    types = set()
    for key, hit in busy.affected("erp_batch_skipped"):
        if key[0] in POSTED:
            types.add(key[0])
            posted = busy.each(key, POSTED[key[0]])
            assert hit["given_at_us"] < ends_us
            assert not [fact for fact in posted if begins_us <= fact.at_us < ends_us]
    assert len(types) >= 3
    for type_, activity in POSTED.items():
        at_all = [fact.at_us for fact in busy.facts if fact.activity == activity and fact.things[0].type == type_]
        assert not [at_us for at_us in at_all if begins_us + HOUR < at_us < ends_us], type_


def bought(found: Told, sku: str, begins_us: int, ends_us: int) -> int:
    """Pieces of an article that were ordered or sold at tills."""
    ordered = sum(
        int(line.attributes["quantity"])
        for fact in found.facts
        if fact.activity == "Order placed" and begins_us <= fact.at_us < ends_us
        for line in fact.things[2:]
        if line.attributes["sku"] == sku
    )
    items = [
        item.split("*")
        for fact in found.facts
        if fact.activity == "Sale completed" and begins_us <= fact.at_us < ends_us
        for item in fact.details["items"].split()
    ]
    return ordered + sum(int(pieces) for pieces, of in items if of == sku)


def test_a_promotion_sells_out_its_articles(busy: Told, clean: Told) -> None:
    begins_us, ends_us = busy.window("promotion_stockout")
    ((promotion, started),) = [
        (key, fact) for key, (fact, *_) in busy.about("Promotion started").items() if fact.at_us == begins_us
    ]
    skus = started.details["skus"].split()
    assert sum(bought(busy, sku, begins_us, ends_us) for sku in skus) > 3 * sum(
        bought(clean, sku, begins_us, ends_us) for sku in skus
    )
    affected = busy.affected("promotion_stockout")
    assert {key[0] for key, _ in affected} == {"order", "sku_location"}
    for key, hit in affected:
        if key[0] == "order":
            assert begins_us <= busy.of[key][0].at_us < ends_us
            assert key in {fact.things[0].key for fact in short(busy, hit["sku"])}
        else:
            reported = busy.each(key, "Stockout reported")
            assert reported[0].things[0].key == promotion
            assert reported[0].details["on_hand"] <= 3
            assert busy.things[key].attributes["sku"] in skus
    places = {key for key, _ in affected if key[0] == "sku_location"}
    assert len(places) >= 3
    assert not [fact for sku in skus for fact in short(clean, sku) if begins_us <= fact.at_us < ends_us]
    assert not clean.about("Stockout reported")


def test_a_closed_store_is_silent(busy: Told, clean: Told) -> None:
    begins_us, ends_us = busy.window("quiet_shop")

    def of_station(found: Told) -> list[str]:
        return [
            fact.activity
            for fact in found.facts
            if fact.system == "pos" and begins_us + MINUTE < fact.at_us < ends_us
            and "station" in (fact.things[0].attributes.get("store"), fact.things[0].attributes.get("receiving_store"))
        ]  # fmt: skip

    assert "Sale completed" in of_station(clean)
    assert of_station(busy) == []
    fault = busy.fault("quiet_shop")
    assert (fault["affected"], fault["finding"], fault["is_fault"]) == ([], None, False)
