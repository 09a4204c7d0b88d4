"""Faults of messages, orders and parcels: every object that the truth names shows its fault in what was told."""

from __future__ import annotations

from statistics import median

import pytest
from simulated import Told, told

from simulator.world.retailer import WAREHOUSE, ZONE
from simulator.world.times import DAY, HOUR, SECOND, Hours

NIGHT = {
    "kind": "webhook_dead",
    "from": "day 2 20:00",
    "for": "10h",
    "where": {"interface": "shop-to-erp"},
}


@pytest.fixture(scope="module")
def clean() -> Told:
    return told()


@pytest.fixture(scope="module")
def broken() -> Told:
    """Faults that do not touch each other: each has an interface, a channel, a region or a carrier of its own."""
    return told(
        NIGHT,
        {"kind": "webhook_slow", "from": "day 4", "for": "1d", "where": {"interface": "shop-to-erp"}},
        {"kind": "retry_storm", "from": "day 3", "for": "12h", "where": {"interface": "wms-to-shop"}},
        {"kind": "dead_letter_growth", "from": "day 2", "for": "4d", "where": {"interface": "market-to-erp"}},
        {"kind": "duplicate_orders", "from": "day 1", "for": "3d", "where": {"channel": "web"}, "share": 0.1},
        {"kind": "carrier_backlog", "from": "day 2", "for": "2d", "where": {"carrier": "meadow-post"}},
        {"kind": "ship_before_payment", "from": "day 1", "for": "4d", "where": {"channel": "store"}, "share": 0.4},
        {"kind": "unauthorised_variant", "from": "day 1", "for": "5d", "where": {"region": "east"}},
        {"kind": "duplicate_bots", "from": "day 5", "for": "1d", "where": {"workflow": "order-export"}},
        {"kind": "oversell", "from": "day 2", "for": "4d", "where": {"sku": "sku-0001"}},
        {"kind": "erp_batch_skipped", "from": "day 4 11:00", "for": "5h"},
    )


def test_a_dead_interface_delivers_nothing_while_it_lasts(broken: Told, clean: Told) -> None:
    begins_us, ends_us = broken.window("webhook_dead")
    for key, hit in broken.affected("webhook_dead"):
        calls = broken.calls(key, hit["interface"])
        assert any(fact.error == "connection_refused" for call in calls for fact in call)
        exported = broken.first(key, "Order exported to ERP")
        assert exported is None or exported.at_us >= ends_us
    arrived = [
        fact.at_us
        for fact in broken.facts
        if fact.activity == "Call succeeded" and fact.things[0].attributes["interface"] == "shop-to-erp"
    ]
    assert not [at_us for at_us in arrived if begins_us + 5 * 60 * SECOND < at_us < ends_us]
    placed = {
        key
        for key, facts in broken.of.items()
        if key[0] == "order" and any(begins_us < call[0].at_us < ends_us for call in broken.calls(key, "shop-to-erp"))
    }
    assert len(placed) > 5
    assert placed <= {key for key, _ in broken.affected("webhook_dead")}
    assert not [fact for fact in clean.facts if fact.error == "connection_refused"]


def test_a_slow_interface_takes_many_times_as_long(broken: Told) -> None:
    hit = {key for key, _ in broken.affected("webhook_slow")}

    def takes_s(keys: set[tuple[str, str]]) -> list[float]:
        calls = [call for key in keys for call in broken.calls(key, "shop-to-erp")]
        return [(call[-1].at_us - call[0].at_us) / SECOND for call in calls if len(call) == 2]

    others = {key for key in broken.of if key[0] == "order"} - hit
    assert min(takes_s(hit)) > 10 * median(takes_s(others))


def test_a_retry_storm_tries_again_within_seconds(broken: Told) -> None:
    attempts = []
    for key, hit in broken.affected("retry_storm"):
        failed = [fact for call in broken.calls(key, hit["interface"]) for fact in call if fact.error == "http_500"]
        assert failed
        attempts.append(len(failed))
    assert median(attempts) >= 20
    retried = [fact for fact in broken.facts if fact.activity == "Call retried" and fact.details["attempt"] > 6]
    assert {fact.things[0].attributes["interface"] for fact in retried} == {"wms-to-shop"}


def test_dead_letters_grow_and_nobody_replays_them(broken: Told) -> None:
    for key, hit in broken.affected("dead_letter_growth"):
        call = broken.of["integration_call", hit["call"]]
        assert call[-1].activity == "Message dead-lettered"
        assert key in {thing.key for thing in call[0].things}
        assert broken.first(key, "Order exported to ERP") is None


def test_an_order_that_came_twice_is_the_same_under_two_numbers(broken: Told, clean: Told) -> None:
    def content(found: Told, key: tuple[str, str]) -> tuple[object, ...]:
        placed = found.of[key][0]
        lines = tuple((one.attributes["sku"], one.attributes["quantity"]) for one in placed.things[2:])
        return placed.at_us, placed.things[1].id, lines, placed.cents

    for key, hit in broken.affected("duplicate_orders"):
        assert content(broken, key) == content(broken, ("order", hit["twin_of"]))
    orders = [key for key in clean.of if key[0] == "order"]
    assert len({content(clean, key) for key in orders}) == len(orders)


def test_parcels_of_a_backlog_lie(broken: Told, clean: Told) -> None:
    def lies(found: Told, key: tuple[str, str]) -> float:
        handed, scanned = found.first(key, "Carrier handover"), found.first(key, "In transit scan")
        assert handed is not None
        return ((scanned.at_us if scanned is not None else 1 << 62) - handed.at_us) / DAY

    for key, _ in broken.affected("carrier_backlog"):
        assert broken.things[key].attributes["carrier"] == "meadow-post"
        assert lies(broken, key) > 0.8
    parcels = [key for key in clean.of if key[0] == "parcel" and clean.first(key, "In transit scan")]
    assert max(lies(clean, key) for key in parcels if clean.first(key, "Carrier handover")) < 0.8


def test_parcels_leave_before_they_are_paid(broken: Told, clean: Told) -> None:
    def early(found: Told, key: tuple[str, str]) -> bool:
        paid = found.first(key, "Payment authorised")
        handed = [
            fact.at_us
            for job in found.belongs[key]
            for parcel in found.belongs[job]
            if (fact := found.first(parcel, "Carrier handover")) is not None
        ]
        return bool(handed) and min(handed) < (paid.at_us if paid is not None else 1 << 62)

    affected = broken.affected("ship_before_payment")
    assert all(early(broken, key) for key, _ in affected)
    cents = sum(broken.of[key][0].cents or 0 for key, _ in affected)
    assert broken.fault("ship_before_payment")["money"] == {"EUR": f"{cents // 100}.{cents % 100:02d}"}
    on_credit = {key for key in clean.of if key[0] == "order" and clean.first(key, "Credit checked")}
    assert not [key for key in clean.of if key[0] == "order" and key not in on_credit and early(clean, key)]


def test_a_region_works_around_a_step(broken: Told, clean: Told) -> None:
    def around(found: Told) -> set[tuple[str, str]]:
        picked = {
            order
            for key in found.of
            if key[0] == "delivery" and found.first(key, "Pick started")
            for order in found.belongs[key]
            if order[0] == "order"
        }
        return {key for key in picked if found.first(key, "Stock allocated") is None}

    hit = {key for key, _ in broken.affected("unauthorised_variant")}
    assert all(broken.things[key].attributes["region"] == "east" for key in hit)
    assert around(broken) <= hit
    assert not around(clean)
    assert all(broken.first(key, "Stock allocated") is None for key in hit)


def test_two_bots_do_the_same(broken: Told) -> None:
    for key, hit in broken.affected("duplicate_bots"):
        one, other = broken.of[key][0], broken.of["workflow_run", hit["same_work_as"]][0]
        assert [thing.key for thing in one.things[1:]] == [thing.key for thing in other.things[1:]]
        assert one.actor != other.actor


def test_what_is_sold_and_not_there_is_reported(broken: Told) -> None:
    for key, hit in broken.affected("oversell"):
        assert hit["sku"] == "sku-0001"
        assert broken.first(key, "Out of stock reported")
        assert any(one.attributes.get("sku") == "sku-0001" for one in broken.of[key][0].things[2:])


def test_a_batch_that_is_skipped_posts_nothing(broken: Told) -> None:
    begins_us, ends_us = broken.window("erp_batch_skipped")
    for key, hit in broken.affected("erp_batch_skipped"):
        posted = broken.first(key, "Invoice issued", "Return posted to ERP", "Goods receipt posted")
        assert posted is None or posted.at_us >= ends_us
        assert hit["given_at_us"] < ends_us
    posted = [fact.at_us for fact in broken.facts if fact.activity == "Invoice issued"]
    assert not [at_us for at_us in posted if begins_us + HOUR < at_us < ends_us]


def test_sources_lose_delay_and_shift_what_happened(clean: Told) -> None:
    """Nothing else changes, so what was told can be compared with what is told without the fault, id by id."""
    found = told(
        {"kind": "lost_events", "from": "day 2", "for": "2d", "where": {"source": "wms"}},
        {"kind": "clock_skew", "from": "day 2", "for": "1d", "where": {"source": "payments"}, "size": -30},
        {"kind": "out_of_order_storm", "from": "day 3", "for": "1d", "where": {"source": "harbor-parcel"}},
    )
    before = {fact.id: fact for fact in clean.facts}
    after = {fact.id: fact for fact in found.facts}
    of_wms = [fact for fact in clean.facts if fact.system == "wms" and in_window(found, "lost_events", fact.at_us)]
    lost = {key[1] for key, _ in found.affected("lost_events")}
    assert before.keys() - after.keys() == lost & before.keys()
    assert 0.35 < len(lost) / len(of_wms) < 0.65
    skewed = {key[1] for key, _ in found.affected("clock_skew")}
    assert skewed == {name for name in after if name in before and after[name].at_us != before[name].at_us}
    assert {before[name].at_us - after[name].at_us for name in skewed} == {30 * 60 * SECOND}
    stormed = {key[1] for key, _ in found.affected("out_of_order_storm")}
    late_us = [after[name].seen_us - before[name].seen_us for name in stormed & after.keys() & before.keys()]
    assert max(late_us) > 3 * HOUR
    seen = [fact.at_us for fact in found.facts if fact.id in stormed]
    assert seen != sorted(seen)


def in_window(found: Told, kind: str, at_us: int) -> bool:
    begins_us, ends_us = found.window(kind)
    return begins_us <= at_us < ends_us


def test_too_few_pickers_leave_deliveries_waiting_and_a_planned_peak_does_not() -> None:
    short = told({"kind": "picker_shortage", "from": "day 2", "for": "3d", "share": 0.9}, days=6, orders_per_day=150)
    begins_us, ends_us = short.window("picker_shortage")
    hours = Hours(ZONE, WAREHOUSE, begins_us - 3 * DAY, ends_us + 3 * DAY)

    def worked(found: Told) -> dict[tuple[str, str], int]:
        return {
            key: hours.between(found.calls(key, "erp-to-wms")[0][-1].at_us, started.at_us)
            for key in found.of
            if key[0] == "delivery" and (started := found.first(key, "Pick started")) is not None
        }

    waited = worked(short)
    assert min(waited[key] for key, _ in short.affected("picker_shortage")) > 3 * HOUR
    assert max(worked(told(days=6, orders_per_day=150)).values()) < 3 * HOUR
    peak = told({"kind": "holiday_peak", "from": "day 3", "for": "2d", "size": 3}, days=6, orders_per_day=50)
    begins_us, ends_us = peak.window("holiday_peak")
    waits: dict[bool, list[int]] = {True: [], False: []}
    placed = {True: 0, False: 0}
    for key in peak.of:
        if key[0] == "order":
            placed[begins_us <= peak.of[key][0].at_us < ends_us] += 1
        if key[0] == "delivery" and (started := peak.first(key, "Pick started")) is not None:
            waits[begins_us <= started.at_us < ends_us].append(started.at_us - peak.of[key][0].at_us)
    assert placed[True] > placed[False]  # two days of six
    assert median(waits[True]) < 2 * median(waits[False])
    assert peak.fault("holiday_peak")["finding"] is None
