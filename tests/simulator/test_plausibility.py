"""The simulated retailer is plausible: its durations, its rhythm, what is late, and how its paths are spread."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise
from statistics import fmean, linear_regression, pstdev
from zoneinfo import ZoneInfo

import pytest
from simulated import Told, at, told

from simulator.world.facts import Fact
from simulator.world.retailer import ZONE
from simulator.world.times import SECOND, as_datetime

STEPS = (
    ("payment", "Payment failed", "Payment retried"),
    ("parcel", "Carrier handover", "In transit scan"),
    ("parcel", "Out for delivery", "Delivered"),
)
"""Steps that nothing holds up but the work itself."""


@pytest.fixture(scope="module")
def usual() -> Told:
    return told(days=28, orders_per_day=150)


def order_paths(found: Told) -> dict[str, list[Fact]]:
    """What happened to each order, and to what belongs to it."""
    paths = {}
    for key, facts in found.of.items():
        if key[0] == "order":
            jobs = {
                one for one in found.belongs[key] if one[0] in ("delivery", "store_fulfilment", "pickup", "invoice")
            }
            parcels = {one for job in jobs for one in found.belongs[job] if one[0] == "parcel"}
            own = {fact.number: fact for one in (key, *jobs, *parcels) for fact in found.of.get(one, facts)}
            paths[key[1]] = sorted(
                (fact for fact in own.values() if fact.system not in ("bus", "n8n", "temporal", "crm")),
                key=lambda fact: (fact.at_us, fact.number),
            )
    return paths


@pytest.mark.parametrize(("type_", "first", "then"), STEPS, ids=lambda part: part)
def test_steps_take_log_normal_times(usual: Told, type_: str, first: str, then: str) -> None:
    """Skewed as they are, and their logarithms are not (moments of 0 and 0 but for chance)."""
    took = []
    for key, facts in usual.of.items():
        if key[0] == type_:
            took += [
                (after.at_us - before.at_us) / SECOND
                for before, after in pairwise(facts)
                if (before.activity, after.activity) == (first, then)
            ]
    logs = [math.log(one) for one in took]
    assert len(took) > 150
    assert moment(took, 3) > 0.5
    assert abs(moment(logs, 3)) < 0.5
    assert abs(moment(logs, 4) - 3) < 1


def moment(values: list[float], order: int) -> float:
    """The standardised moment: 3 is the skewness, 4 the kurtosis, which is 3 of a normal distribution."""
    mean, spread = fmean(values), pstdev(values)
    return fmean(((value - mean) / spread) ** order for value in values)


def test_orders_come_by_day_and_not_by_night_and_more_on_mondays(usual: Told) -> None:
    placed = [
        as_datetime(facts[0].at_us).astimezone(ZoneInfo(ZONE)) for key, facts in usual.of.items() if key[0] == "order"
    ]
    hours, days = Counter(one.hour for one in placed), Counter(one.weekday() for one in placed)
    assert sum(hours[hour] for hour in range(8, 23)) > 0.85 * len(placed)
    assert max(hours, key=lambda hour: hours[hour]) in range(9, 22)
    assert days[0] > 1.1 * days[5]


def test_six_to_nine_percent_of_deliveries_are_late(usual: Told) -> None:
    late = all_of_them = 0
    for order, path in order_paths(usual).items():
        delivered = [fact.at_us for fact in path if fact.activity == "Delivered"]
        if delivered:
            due = usual.things["order", order].attributes["promised_delivery_date"]
            ends_us = at(f"{due}T23:59:59+01:00")  # March, before the clocks change
            late, all_of_them = late + (max(delivered) > ends_us), all_of_them + 1
    assert all_of_them > 2000
    assert 0.06 < late / all_of_them < 0.09


def test_few_paths_are_common_and_many_are_rare(usual: Told) -> None:
    """Frequency falls with rank by a power law (a line in logarithms; Zipf), as logs of such processes do."""
    paths = Counter(
        tuple(fact.activity for fact in path)
        for path in order_paths(usual).values()
        if path[-1].activity == "Order completed"
    )
    counts = [count for _, count in paths.most_common()]
    assert counts[0] / sum(counts) < 0.5
    assert sum(count == 1 for count in counts) > len(counts) / 4
    ranks = [math.log(rank) for rank in range(1, len(counts) + 1)]
    logs = [math.log(count) for count in counts]
    slope, begin = linear_regression(ranks, logs)
    left = fmean((one - slope * rank - begin) ** 2 for one, rank in zip(logs, ranks, strict=True))
    assert -2.2 < slope < -0.8
    assert 1 - left / pstdev(logs) ** 2 > 0.9
