"""The simulated retailer, day after day: what its systems told on each, and in the end the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from simulator.faults.active import Faults
from simulator.faults.scenario import NOTHING, Scenario
from simulator.faults.sources import install
from simulator.flows import (
    cash,
    complaints,
    counting,
    customers,
    deliveries,
    orders,
    oversell,
    period_close,
    prices,
    promotions,
    purchasing,
    refunds,
    replenishment,
    returns,
    settlements,
    stock_sync,
    store_tickets,
    suppliers,
    till,
    transfers,
)
from simulator.world.facts import Change, Fact, Link
from simulator.world.times import as_datetime, written
from simulator.world.world import World

FLOWS: tuple[Callable[[World], None], ...] = (
    orders.start,
    deliveries.start,
    returns.start,
    refunds.start,
    complaints.start,
    customers.start,
    store_tickets.start,
    till.start,
    cash.start,
    purchasing.start,
    replenishment.start,
    transfers.start,
    prices.start,
    promotions.start,
    suppliers.start,
    settlements.start,
    period_close.start,
    stock_sync.start,
    counting.start,
    oversell.start,
)
"""What begins in every world, in this order."""
OF_RETURNS = (returns.start, refunds.start)
"""Those by which goods come back; the others do without them."""


@dataclass(frozen=True, slots=True)
class Day:
    """What was told on one day at the head office, by when it was told; `links` and `changes` are those that its facts
    told."""

    number: int
    date: date
    facts: list[Fact]
    links: list[Link]
    changes: list[Change]


class Simulation:
    """One retailer from the first of its days to the last. Nothing is known of what is told after the end."""

    def __init__(
        self,
        *,
        first: date,
        days: int,
        orders_per_day: float,
        seed: int = 7,
        scenario: Scenario = NOTHING,
        flows: Sequence[Callable[[World], None]] = FLOWS,
    ) -> None:
        """`flows`: fewer where a part of the retailer is left out. ValueError for no day, or a negative number of
        orders."""
        if days < 1 or orders_per_day < 0:
            raise ValueError(f"expected days >= 1 and orders_per_day >= 0, got {days} and {orders_per_day}")
        self.scenario = scenario
        self.faults = Faults(scenario, seed, first)
        self.world = World(first, days, orders_per_day, seed, self.faults)
        install(self.world)
        for begin in flows:
            begin(self.world)

    def days(self) -> Iterator[Day]:
        """Let the days pass, once."""
        world = self.world
        for number in range(1, world.days + 1):
            until_us = world.day_us(number + 1)
            world.env.run(until=until_us)
            day = as_datetime(world.day_us(number, "12:00")).astimezone(world.zone).date()
            yield Day(number, day, *world.recorder.told_until(until_us))

    def truth(self) -> dict[str, Any]:
        """What went wrong, as plain values that JSON can hold; whole once the days have passed."""
        world = self.world
        return {
            "scenario": self.scenario.id,
            "title": self.scenario.title,
            "seed": world.seed,
            "first_day": world.first.isoformat(),
            "days": world.days,
            "start": written(world.start_us),
            "end": written(world.end_us),
            "orders_per_day": world.orders_per_day,
            "faults": self.faults.truth(world.end_us),
        }
