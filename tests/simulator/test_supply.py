"""Stock, purchasing, tills, prices and closing: what is told is plausible, and fits the catalogue of processes."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise
from statistics import median
from zoneinfo import ZoneInfo

import pytest
from simulated import Told, told

from simulator.world.facts import Fact
from simulator.world.retailer import CENTER, STORES
from simulator.world.times import DAY, HOUR, MINUTE, WEEKDAYS, as_datetime

DAYS, ORDERS = 21, 80
Key = tuple[str, str]


@pytest.fixture(scope="module")
def usual() -> Told:
    return told(days=DAYS, orders_per_day=ORDERS)


def cases(found: Told, type_: str) -> dict[Key, list[Fact]]:
    return {key: many for key, many in found.of.items() if key[0] == type_}


def count(found: Told, activity: str) -> int:
    return sum(fact.activity == activity for fact in found.facts)


def wait_us(found: Told, key: Key, one: str, other: str) -> int | None:
    first, second = found.first(key, one), found.first(key, other)
    return None if first is None or second is None else second.at_us - first.at_us


def middle(found: Told, type_: str, one: str, other: str) -> float:
    """The median from one activity to another, in hours."""
    waits = [wait_us(found, key, one, other) for key in cases(found, type_)]
    return median(wait for wait in waits if wait is not None) / HOUR


def test_every_instant_is_a_whole_millisecond(usual: Told) -> None:
    assert not [fact for fact in usual.facts if fact.at_us % 1000 or fact.seen_us % 1000]


def test_cases_begin_as_they_should_and_end(usual: Told) -> None:
    """Of those that began early enough to be over before the end of the log."""
    for type_, begins, ends, within_days in (
        ("purchase_order", {"Requisition submitted", "Purchase order created"}, {"Goods receipt posted"}, 16),
        ("replenishment", {"Replenishment proposed"}, {"Put on shelf"}, 4),
        ("transfer", {"Transfer requested"}, {"Transfer closed", "Transfer rejected", "Transfer cancelled"}, 8),
        ("stock_movement", {"Stock movement recorded", "Cycle count requested"}, {"Stock synchronised"}, 7),
        ("cash_session", {"Till opened"}, {"Session closed"}, 10),
        ("price_change", {"Price change proposed"}, {"Price change verified", "Price change rejected"}, 7),
        ("settlement", {"Settlement period ended"}, {"Settlement closed"}, 9),
        ("period_close", {"Period ended"}, {"Reports published"}, 6),
    ):
        found = cases(usual, type_)
        old = {key: many for key, many in found.items() if many[0].at_us < usual.facts[-1].seen_us - within_days * DAY}
        assert old, type_
        named = {key: [fact for fact in many if fact.system not in ("bus", "n8n")] for key, many in old.items()}
        assert {many[0].activity for many in named.values()} <= begins, type_
        unfinished = [key for key, many in old.items() if not ends & {fact.activity for fact in many}]
        assert len(unfinished) <= 0.03 * len(old), unfinished


def test_stock_lasts_and_does_not_grow(usual: Told) -> None:
    short = sum(fact.activity == "Out of stock reported" for fact in usual.facts)
    assert 0.001 < short / count(usual, "Order placed") < 0.04
    weeks: dict[int, int] = defaultdict(int)
    for fact in usual.facts:
        if fact.activity == "Stock movement recorded" and fact.details["location"] == CENTER:
            weeks[(fact.at_us - usual.facts[0].at_us) // (7 * DAY)] += fact.details["pieces"]
    assert abs(weeks[2]) < ORDERS * 7 * 0.7, "in the third week about as much comes as goes"


def test_levels_of_a_movement_follow_from_each_other(usual: Told) -> None:
    """Each tells by how much the level has changed since the one before; a count in between may have corrected it."""
    checked = 0
    for key in cases(usual, "sku_location"):
        if usual.first(key, "Cycle count posted"):
            continue
        moved = [fact.details for fact in usual.of[key] if fact.activity == "Stock movement recorded"]
        for one, other in pairwise(moved):
            assert one["on_hand"] + other["pieces"] == other["on_hand"]
            checked += 1
    assert checked > 300


def test_stores_sell_in_their_own_hours(usual: Told) -> None:
    sold: Counter[str] = Counter()
    for fact in usual.facts:
        if fact.activity == "Sale completed":
            store = STORES[fact.things[0].attributes["store"]]
            there = as_datetime(fact.at_us).astimezone(ZoneInfo(store.zone))
            assert store.week[WEEKDAYS[there.weekday()]][0] <= f"{there:%H:%M}" < store.closes
            sold[store.id] += 1
    assert 0.35 < sum(sold.values()) / count(usual, "Order placed") < 0.55
    assert sold["market-square"] > 2 * sold["amber"]


def test_a_session_has_the_cash_that_its_till_took(usual: Told) -> None:
    taken: Counter[tuple[str, str]] = Counter()
    for fact in usual.facts:
        if fact.activity == "Sale completed" and fact.details["payment_method"] == "cash":
            taken[fact.details["till"], as_datetime(fact.at_us).date().isoformat()] += fact.cents or 0
    counted = [fact for fact in usual.facts if fact.activity == "Cash counted"]
    assert len(counted) > 200
    for fact in counted:
        till, day = fact.things[0].attributes["till"], fact.things[0].id[-10:]
        assert round(float(fact.details["expected"]) * 100) == taken[till, day]
    differing = [fact for fact in counted if fact.details["expected"] != fact.details["counted"]]
    assert 0 < len(differing) < 0.15 * len(counted)


def test_durations_are_believable(usual: Told) -> None:
    assert 3 * 24 < middle(usual, "purchase_order", "Purchase order sent", "Goods receipt posted") < 10 * 24
    assert 20 < middle(usual, "replenishment", "Replenishment released", "Received by store") < 60
    assert 24 < middle(usual, "transfer", "Transfer requested", "Transfer received") < 96
    assert middle(usual, "price_change", "Price sent to channels", "Price updated in POS") < 0.2
    assert 24 < middle(usual, "settlement", "Settlement report received", "Payout received") < 120
    assert 8 < middle(usual, "cash_session", "Till closed", "Deposit credited") < 96
    paid = [wait_us(usual, key, "Goods arrived", "Goods receipt posted") for key in cases(usual, "purchase_order")]
    assert min(wait for wait in paid if wait is not None) > 5 * MINUTE


def test_most_of_what_is_told_is_about_orders(usual: Told) -> None:
    of = Counter(fact.things[0].type for fact in usual.facts)
    assert of["stock_movement"] < 0.15 * len(usual.facts)
    assert 0 < of["pos_transaction"] < 0.05 * len(usual.facts)
    assert of["purchase_order"] > 0
