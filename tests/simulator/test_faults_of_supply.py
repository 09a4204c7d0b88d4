"""Faults of stock, purchasing, prices and closing: what the truth names shows its fault in what was told."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from simulated import Told, told

from simulator.flows.settlements import FEES
from simulator.world.facts import Fact
from simulator.world.retailer import CENTER, ZONE
from simulator.world.times import DAY, HOUR, as_datetime

DAYS, ORDERS = 12, 90
Key = tuple[str, str]


@pytest.fixture(scope="module")
def clean() -> Told:
    return told(days=DAYS, orders_per_day=ORDERS)


@pytest.fixture(scope="module")
def broken() -> Told:
    """Faults that do not touch each other."""
    return told(
        {"kind": "supplier_delay", "from": "day 1", "for": "8d", "where": {"supplier": "alder"}, "size": 4},
        {"kind": "invoice_mismatch", "from": "day 1", "for": "12d", "where": {"supplier": "birch"}, "share": 1},
        {"kind": "stock_divergence", "from": "day 2", "for": "4d"},
        {"kind": "negative_stock", "from": "day 3", "for": "4d", "where": {"store": "harbour"}},
        {"kind": "oversell", "from": "day 3 06:00", "for": "3d", "where": {"sku": "sku-0002"}, "size": 12},
        {"kind": "price_update_missing", "from": "day 2", "for": "4d", "where": {"channel": "web"}},
        {"kind": "settlement_discrepancy", "from": "day 8", "for": "3d", "where": {"marketplace": "aurora"}},
        {"kind": "close_held_up", "from": "day 8", "for": "2d"},
        days=DAYS,
        orders_per_day=ORDERS,
    )


def cents(text: str) -> int:
    return round(float(text) * 100)


def euros(of_cents: int) -> dict[str, str]:
    return {"EUR": f"{of_cents // 100}.{of_cents % 100:02d}"}


def day_of(at_us: int) -> date:
    return as_datetime(at_us).astimezone(ZoneInfo(ZONE)).date()


def days_late(found: Told, key: Key) -> int:
    """How many days after the day that the supplier confirmed last everything was there, or the log ended."""
    promises = found.each(key, "Purchase order acknowledged") + found.each(key, "Delivery date changed")
    received = found.first(key, "Goods receipt posted")
    until = day_of(found.facts[-1].seen_us) if received is None else day_of(received.at_us)
    return (until - max(date.fromisoformat(fact.details["confirmed"]) for fact in promises)) // timedelta(days=1)


def test_a_supplier_that_delays_delivers_after_the_day_it_confirmed(broken: Told, clean: Told) -> None:
    for key, _ in broken.affected("supplier_delay"):
        assert broken.things[key].attributes["supplier"] == "alder"
        assert days_late(broken, key) >= 1
        assert days_late(broken, key) >= days_late(clean, key)
    begins_us, ends_us = broken.window("supplier_delay")
    late = {
        key
        for key, (acknowledged, *_) in broken.about("Purchase order acknowledged").items()
        if broken.things[key].attributes["supplier"] == "alder"
        if begins_us <= acknowledged.at_us < ends_us and days_late(broken, key) >= 1
    }
    assert late == {key for key, _ in broken.affected("supplier_delay")}
    money = sum(broken.of[key][0].cents or 0 for key, _ in broken.affected("supplier_delay"))
    assert 0 < cents(broken.fault("supplier_delay")["money"]["EUR"]) <= money


def overcharged(found: Told) -> dict[Key, int]:
    """By invoice, how many cents more than the value of the goods that were received, unless it is a little."""
    more = {}
    for key, (invoice, *_) in found.about("Invoice received").items():
        received = found.of["goods_receipt", f"GR-{key[1][3:]}"][0].cents or 0
        if (invoice.cents or 0) > 1.03 * received:
            more[key] = (invoice.cents or 0) - received
    return more


def test_invoices_ask_for_more_than_was_received(broken: Told, clean: Told) -> None:
    more = overcharged(broken)
    assert more.keys() == {key for key, _ in broken.affected("invoice_mismatch")}
    assert broken.fault("invoice_mismatch")["money"] == euros(sum(more.values()))
    for key, hit in broken.affected("invoice_mismatch"):
        assert broken.things[key].attributes["supplier"] == "birch"
        assert cents(hit["invoiced"]) - cents(hit["received"]) == more[key]
        if broken.first(key, "Three-way match passed"):
            assert broken.first(key, "Price mismatch found")
    assert not overcharged(clean)


def unpublished(found: Told) -> set[Key]:
    """Articles at the distribution centre of which the shop was never told what the ERP has posted, half a day on."""
    published = {key for key in found.about("Stock published to webshop")}
    return {
        fact.things[1].key
        for key, (fact, *_) in found.about("Stock posted in ERP").items()
        if fact.details["location"] == CENTER
        and key not in published
        and fact.at_us < found.facts[-1].seen_us - 12 * HOUR
    }


def test_the_shop_goes_on_with_another_level_than_the_erp(broken: Told, clean: Told) -> None:
    begins_us, ends_us = broken.window("stock_divergence")
    for key, hit in broken.affected("stock_divergence"):
        levels = [fact.details["on_hand"] for fact in broken.each(key, "Stock posted in ERP")]
        assert hit["erp"] in levels
        assert hit["erp"] != hit["shop"]
        published = broken.each(key, "Stock published to webshop")
        assert not [fact for fact in published if begins_us + HOUR < fact.at_us < ends_us]
        before = [fact.details["on_hand"] for fact in published if fact.at_us <= begins_us + HOUR]
        assert not before or before[-1] == hit["shop"]
        assert broken.each(key, "Stock published to marketplace")
    hit_keys = {key for key, _ in broken.affected("stock_divergence")}
    assert {key for key in unpublished(broken) if "sku-0002" not in key[1]} <= hit_keys
    assert not unpublished(clean)


def several_at_once(found: Told, key: Key) -> bool:
    """Whether one upload tells several movements of the same article."""
    nights = Counter(fact.at_us for fact in found.each(key, "Stock movement recorded"))
    return bool(nights) and max(nights.values()) > 1


def test_sales_are_posted_twice_until_stock_is_negative(broken: Told, clean: Told) -> None:
    reported = {fact.things[1].key for many in broken.about("Negative stock reported").values() for fact in many}
    assert reported == {key for key, _ in broken.affected("negative_stock")}
    for key, hit in broken.affected("negative_stock"):
        assert broken.things[key].attributes["location"] == "harbour"
        assert hit["on_hand"] < 0
        assert hit["on_hand"] in [fact.details["on_hand"] for fact in broken.each(key, "Stock posted in ERP")]
        assert several_at_once(broken, key)
    assert not [key for key in clean.of if key[0] == "sku_location" and several_at_once(clean, key)]
    levels = [fact.details["on_hand"] for fact in clean.facts if "on_hand" in fact.details]
    assert min(levels) >= 0


def short(found: Told, sku: str) -> list[Fact]:
    """Reports that the distribution centre has not enough of an article."""
    place = "sku_location", f"{sku}@{CENTER}"
    return [fact for fact in found.each(place, "Out of stock reported") if fact.things[0].type == "order"]


def test_the_shop_sells_what_was_written_off(broken: Told, clean: Told) -> None:
    begins_us, ends_us = broken.window("oversell")
    place = "sku_location", f"sku-0002@{CENTER}"
    gone = [fact for fact in broken.each(place, "Stock movement recorded") if begins_us <= fact.at_us < ends_us]
    assert gone[0].details["on_hand"] == 0
    told_of = {fact.things[0].key: fact for fact in short(broken, "sku-0002")}
    pieces = 0
    for key, hit in broken.affected("oversell"):
        assert broken.things[key].attributes["channel"] == "web"
        assert begins_us <= broken.of[key][0].at_us < ends_us
        assert told_of[key].details["wms"] == 0 or len(told_of[key].things) > 3
        assert hit["shop"] > 0
        lines = [thing for thing in broken.of[key][0].things if thing.attributes.get("sku") == "sku-0002"]
        pieces += int(lines[0].attributes["quantity"])
        whole = not [other for other in broken.belongs[key] if other[0] == "delivery"]
        assert not whole or broken.first(key, "Order cancelled") or broken.of[key][-1].at_us > ends_us - DAY
    assert 0 < pieces <= 12
    assert not [fact for fact in short(clean, "sku-0002") if begins_us <= fact.at_us < ends_us]


UPDATED = ("Price updated in POS", "Price updated in webshop", "Price updated on marketplace")


def asked_wrongly(found: Told) -> int:
    """Cents by which orders of the shop were off, as it asked other prices than the tills."""
    tills: dict[str, int] = {}
    shop: dict[str, int] = {}
    off = 0
    for fact in sorted(found.facts, key=lambda fact: (fact.at_us, fact.number)):
        if fact.activity == "Price updated in ERP":
            shop.setdefault(fact.details["sku"], cents(fact.details["old_price"]))
            tills.setdefault(fact.details["sku"], cents(fact.details["old_price"]))
        elif fact.activity in UPDATED[:2]:
            (tills if fact.system == "pos" else shop)[fact.details["sku"]] = cents(fact.details["price"])
        elif fact.activity == "Order placed" and fact.things[0].attributes["channel"] == "web":
            for line in fact.things[2:]:
                sku = line.attributes["sku"]
                off += abs(tills.get(sku, 0) - shop.get(sku, 0)) * int(line.attributes["quantity"])
    return off


def test_a_price_reaches_the_tills_and_not_the_shop(broken: Told, clean: Told) -> None:
    for key, _ in broken.affected("price_update_missing"):
        in_pos, in_shop, on_market = (broken.first(key, activity) for activity in UPDATED)
        assert in_pos is not None
        assert on_market is not None
        assert in_shop is None
    money, usual = cents(broken.fault("price_update_missing")["money"]["EUR"]), asked_wrongly(clean)
    assert money > usual  # usually the two differ for minutes
    assert asked_wrongly(broken) == pytest.approx(money, abs=max(200, 3 * usual))
    published = {fact.things[0].key for fact in clean.facts if fact.activity == "Price sent to channels"}
    assert len(published) > 8
    sent = {key for key in published if clean.of[key][0].at_us < clean.facts[-1].seen_us - 2 * DAY}
    assert not [key for key in sent if not all(clean.first(key, activity) for activity in UPDATED)]


def settled(found: Told, key: Key) -> tuple[int, int]:
    """What a marketplace owes by the facts about its orders and their returns, and what it says that it owes."""
    report = found.each(key, "Settlement report received")[0]
    ended_us = found.each(key, "Settlement period ended")[0].at_us
    marketplace = found.things[key].attributes["marketplace"]
    sold = [
        found.of[order][0].cents or 0
        for order, (done, *_) in found.about("Order completed").items()
        if done.at_us < ended_us and found.first(order, "Order placed").system == f"market-{marketplace}"
    ]
    assert report.details["orders"] == len(sold)
    assert cents(report.details["gross"]) == sum(sold)
    owed = sum(sold) - round(sum(sold) * FEES[marketplace]) - cents(report.details["returns"])
    return owed, report.cents or 0


def test_a_marketplace_pays_less_than_it_owes(broken: Told, clean: Told) -> None:
    for key, hit in broken.affected("settlement_discrepancy"):
        owed, paid = settled(broken, key)
        assert broken.things[key].attributes["marketplace"] == "aurora"
        assert owed > 0
        assert paid == pytest.approx(0.96 * owed, abs=1)
        assert broken.fault("settlement_discrepancy")["money"] == euros(owed - paid)
        assert (cents(hit["owed"]), cents(hit["reported"])) == (owed, paid)
        assert broken.first(key, "Fee discrepancy found")
    for key in clean.about("Settlement report received"):
        owed, paid = settled(clean, key)
        assert paid >= 0.995 * owed


def test_late_postings_hold_up_the_close(broken: Told, clean: Told) -> None:
    def locked_us(found: Told, key: Key) -> int:
        return (found.each(key, "Period locked") or found.facts[-1:])[0].at_us

    money = 0
    for key, _ in broken.affected("close_held_up"):
        late = broken.each(key, "Late posting received")
        money += sum(fact.cents or 0 for fact in late)
        assert len(late) >= 8
        assert locked_us(broken, key) > late[-1].at_us
        assert locked_us(broken, key) > locked_us(clean, key) + 8 * HOUR
    assert broken.fault("close_held_up")["money"] == euros(money)
    closes = clean.about("Period ended")
    assert len(closes) == 3
    assert max(len(clean.each(key, "Late posting received")) for key in closes) <= 2
