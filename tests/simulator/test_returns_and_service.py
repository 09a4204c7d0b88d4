"""Returns, complaints, customers and store tickets are plausible: shares, order, causes, hours."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from simulated import Told, at, told

from simulator.world.facts import Fact
from simulator.world.retailer import STORES, ZONE
from simulator.world.times import DAY, HOUR, WEEKDAYS, as_datetime

HOME = ZoneInfo(ZONE)
OUTAGE = {
    "kind": "webhook_dead",
    "from": "day 16 22:00",
    "until": "day 17 16:00",
    "where": {"interface": "shop-to-erp"},
}
CLOSED = {"kind": "quiet_shop", "from": "day 8", "until": "day 20", "where": {"store": "harbour"}}
PARTS = {"return": ("refund", "parcel"), "customer_case": (), "store_ticket": ("work_order",)}
STARTS = {
    "return": {"Return requested"},
    "customer_case": {"Complaint received"},
    "store_ticket": {"Issue reported", "Issue detected by monitoring"},
}
LASTS = {
    "return": {"Payment confirmed", "Customer notified", "Return rejected", "Returned to customer"},
    "customer_case": {"Case closed", "Case merged"},
    "store_ticket": {"Ticket closed", "Ticket merged", "Ticket cancelled"},
}
IN_ORDER = {
    "return": ("Return requested", "Return policy checked", "Return label sent", "Parcel scanned", "Return received",
               "Return inspected", "Disposition decided", "Return posted to ERP", "Customer details requested",
               "Customer details received", "Refund approval requested", "Refund authorised",
               "Refund sent to payments", "Payment confirmed", "Customer notified"),
    "customer_case": ("Complaint received", "Complaint classified", "Complaint routed", "Case assigned",
                      "First answer sent", "Customer details requested", "Customer details received",
                      "Carrier claim opened", "Carrier claim settled", "Case escalated", "Compensation proposed",
                      "Compensation approved", "Compensation granted", "Resolution sent", "Case closed"),
    "store_ticket": ("Issue reported", "Ticket classified", "Ticket assigned", "First answer given",
                     "Technician dispatched", "Technician arrived", "Parts ordered", "Parts received", "Issue fixed",
                     "Fix confirmed by store", "Ticket closed"),
}  # fmt: skip
"""By when each happens first: the normal order of the process definitions, as far as nothing repeats."""
REPEATS = {"Ticket reopened", "Refund failed"}


@pytest.fixture(scope="module")
def found() -> Told:
    return told(OUTAGE, CLOSED, days=26, orders_per_day=110)


def cases_of(found: Told, type_: str) -> dict[str, list[Fact]]:
    return found.cases(type_, *PARTS[type_])


def order_of(facts: list[Fact]) -> tuple[str, str]:
    return next(thing.key for thing in facts[0].things if thing.type == "order")


def test_eight_to_twelve_percent_come_back(found: Told) -> None:
    """Of the orders that were done long before the end, when most of what comes back is announced."""
    by_us = at(found.truth["end"]) - 17 * DAY
    done = {
        key
        for key in found.of
        if key[0] == "order" and (last := found.first(key, "Order completed")) is not None and last.at_us < by_us
    }
    returned = {order_of(facts) for facts in cases_of(found, "return").values()}
    sigma = (0.1 * 0.9 / len(done)) ** 0.5  # of the share among so few
    assert len(done) > 400
    assert 0.08 - sigma < len(returned & done) / len(done) < 0.12 + sigma


@pytest.mark.parametrize("type_", PARTS)
def test_cases_run_from_start_to_end_in_order(found: Told, type_: str) -> None:
    cases, ended = cases_of(found, type_), 0
    assert len(cases) > 25
    for id_, facts in cases.items():
        steps = [fact.activity for fact in facts]
        if steps[0] not in STARTS[type_]:  # its system tells with the next batch, after the end
            assert facts[0].at_us > at(found.truth["end"]) - HOUR, id_
            continue
        ended += steps[-1] in LASTS[type_]
        firsts = [steps.index(step) for step in IN_ORDER[type_] if step in steps]
        if not REPEATS & set(steps):
            assert firsts == sorted(firsts), (id_, steps)
    assert ended > 0.3 * len(cases)


def test_nothing_comes_back_before_it_is_there(found: Told) -> None:
    for id_, facts in cases_of(found, "return").items():
        key = order_of(facts)
        done = found.first(key, "Order completed")
        if done is None or done.at_us > facts[0].at_us:  # customer service wanted it back
            done = found.first(key, "Order placed")
            assert found.things["return", id_].attributes["reason"] in ("damaged", "wrong_article")
        assert done is not None
        assert done.at_us < facts[0].at_us


def test_complaints_have_a_cause(found: Told) -> None:
    """Customers write when they are awake: about what is late, stuck, broken or wrong."""
    categories = set()
    for id_, facts in cases_of(found, "customer_case").items():
        assert 7 <= as_datetime(facts[0].at_us).astimezone(HOME).hour < 23
        category = next((fact.details["category"] for fact in facts if "category" in fact.details), "")
        categories.add(category)
        if category == "no_confirmation":
            placed, there = (found.first(order_of(facts), step) for step in ("Order placed", "Order exported to ERP"))
            assert placed is not None
            assert placed.at_us + HOUR < facts[0].at_us
            assert there is None or there.at_us - placed.at_us > HOUR, id_
    assert {"late_delivery", "damaged_goods", "no_confirmation"} <= categories


def test_who_waits_for_a_confirmation_writes_the_morning_after(found: Told) -> None:
    first_us = min(
        facts[0].at_us
        for facts in cases_of(found, "customer_case").values()
        if any(fact.details.get("category") == "no_confirmation" for fact in facts)
    )
    begins_us, ends_us = found.window("webhook_dead")
    assert begins_us + 9 * HOUR < first_us < ends_us


def test_stores_tell_of_trouble_while_they_are_open(found: Told) -> None:
    begins_us, ends_us = found.window("quiet_shop")
    told_there = 0
    for id_, facts in cases_of(found, "store_ticket").items():
        store = STORES[found.things["store_ticket", id_].attributes["store"]]
        for fact in facts:
            if fact.activity in ("Issue reported", "Fix confirmed by store", "Ticket reopened", "Technician arrived"):
                local = as_datetime(fact.at_us).astimezone(ZoneInfo(store.zone))
                assert WEEKDAYS[local.weekday()] in store.week
                assert local.strftime("%H:%M") >= store.opens, id_
                assert not (store.id == "harbour" and begins_us <= fact.at_us < ends_us), id_
                told_there += store.id == "harbour"
    assert told_there


def test_customers_are_told_of_a_delay_before_it_is_made_good(found: Told) -> None:
    customers = found.cases("customer")
    late = [key for key in found.of if key[0] == "customer" and found.first(key, "Shipment delay noticed")]
    assert len(late) > 8
    assert sum(found.first(key, "Proactive message sent") is not None for key in late) > len(late) // 2
    for key in late:
        steps = ("Shipment delay noticed", "Compensation rule applied", "Compensation granted")
        times = [fact.at_us for step in steps if (fact := found.first(key, step)) is not None]
        assert times == sorted(times)
    for id_ in customers:
        joined, credited = (found.first(("customer", id_), step) for step in ("Loyalty joined", "Points credited"))
        assert joined is None or credited is None or joined.at_us < credited.at_us
    share = sum(len(facts) for facts in customers.values()) / len(found.facts)
    assert 0.01 < share < 0.06
