"""The simulated retailer at work: its clock, its people, its integration layer, and what went wrong."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Generator
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import simpy

from simulator.world.crew import Crew
from simulator.world.draws import Draws
from simulator.world.facts import Recorder
from simulator.world.integration import Integration
from simulator.world.retailer import (
    ARTICLES,
    AWAKE,
    DOCK,
    OFFICE,
    RETURNS_CENTER,
    ROUND,
    STORES,
    WAREHOUSE,
    ZONE,
    Store,
)
from simulator.world.stock import LINES_PER_ORDER, Stock
from simulator.world.times import Hours, local_us

if TYPE_CHECKING:
    from simulator.faults.active import Faults

SALES_PER_ORDER = 0.8
"""Pieces that are sold at tills, per order."""
Process = Generator[simpy.Event, Any, None]
"""What SimPy runs: a generator that yields what it waits for."""
Ending = Generator[simpy.Event, Any, int | None]
"""A part of a process that gives the instant at which it came to its end; None when it never did."""


class World:
    """Everything that the flows share. Instants are microseconds (`simulator.world.times`)."""

    def __init__(self, first: date, days: int, orders_per_day: float, seed: int, faults: Faults) -> None:
        """`first`: the first local day at the head office.

        `prices`: what each system asks for an article, in cents. `promoted`: of the articles of a promotion that is on,
        how many pieces more are bought for each that is bought of all articles.
        """
        self.seed, self.days, self.orders_per_day = seed, days, orders_per_day
        self.first, self.zone = first, ZoneInfo(ZONE)
        self.start_us = local_us(first, "00:00", self.zone)
        self.end_us = local_us(first + timedelta(days=days), "00:00", self.zone)
        self.faults = faults
        self.env = simpy.Environment(initial_time=self.start_us)
        self.recorder = Recorder(seed, partial(getattr, self.env, "now"))
        self.office = self.hours(ZONE, OFFICE)
        self.store_hours = {
            store.id: self.hours(store.zone, store.week, self._shut(store)) for store in STORES.values()
        }
        self.warehouse = self.hours(ZONE, WAREHOUSE)
        self.dock, self.rounds = self.hours(ZONE, DOCK), self.hours(ZONE, ROUND)
        self.returns_hours = self.hours(ZONE, RETURNS_CENTER)
        self.awake = self.hours(ZONE, AWAKE)
        self.integration = Integration(self)
        self.stock = Stock(self, orders_per_day * LINES_PER_ORDER, orders_per_day * SALES_PER_ORDER)
        self.prices = {system: {one.id: one.cents for one in ARTICLES} for system in ("pos", "shop", "market")}
        self.promoted: dict[str, float] = {}
        self._heard_by: dict[str, list[Callable[..., None]]] = defaultdict(list)
        self._crews: dict[str, Crew] = {}
        self._numbers: dict[str, int] = {}

    def hours(self, zone: str, week: Any, closed: tuple[date, ...] = ()) -> Hours:
        """Opening hours over the time of the simulation and long after."""
        return Hours(zone, week, self.start_us, self.end_us, closed)

    def _shut(self, store: Store) -> tuple[date, ...]:
        """The local dates on which a store does not open though it would on this day of the week."""
        zone, days = ZoneInfo(store.zone), [self.first + timedelta(days=number) for number in range(self.days)]
        return tuple(
            day
            for day in days
            if self.faults.at("quiet_shop", local_us(day, store.opens, zone), store=store.id) is not None
        )

    @property
    def now_us(self) -> int:
        return int(self.env.now)

    def draws(self, *name: str | int) -> Draws:
        """The stream of draws of this name."""
        return Draws(self.seed, *name)

    def number(self, what: str, first: int = 1) -> int:
        """The next running number of a kind of thing."""
        found = self._numbers.get(what, first)
        self._numbers[what] = found + 1
        return found

    def on(self, news: str, heard: Callable[..., None]) -> None:
        """Have this called whenever the news are announced: how one flow follows from another that knows nothing of
        it. News and what they give are listed in `simulator.flows`."""
        self._heard_by[news].append(heard)

    def announce(self, news: str, *given: Any) -> None:
        for heard in self._heard_by[news]:
            heard(*given)

    def begin(self, process: Process) -> None:
        """Have a process begin now."""
        self.env.process(process)

    def crew(self, name: str, shifts: Callable[[], list[tuple[Hours, int]]]) -> Crew:
        """The crew of this name; made with these shifts by whoever asks first."""
        if name not in self._crews:
            self._crews[name] = Crew(name, shifts(), self._hands)
        return self._crews[name]

    def _hands(self, at_us: int) -> float:
        """For a peak that was planned people are hired."""
        peak = self.faults.at("holiday_peak", at_us)
        return peak.size if peak is not None else 1.0

    def sized(self, per_thousand_orders: float, least: int = 1) -> int:
        """How many people a crew needs for the usual number of orders."""
        return max(least, round(per_thousand_orders * self.orders_per_day / 1000))

    def until(self, at_us: int) -> simpy.Event:
        """What a process yields to wait until then; it goes on at once when that is over."""
        return self.env.timeout(max(0, at_us - self.now_us))

    def awake_us(self, at_us: int, draws: Draws) -> int:
        """When a customer does what comes to mind then: at once, or if that is at night some time after getting up."""
        up_us = self.awake.at_work(at_us)
        return up_us if up_us == at_us else up_us + draws.duration_us(70 * 60, 0.6, 6 * 3600)

    def day_us(self, number: int, clock: str = "00:00") -> int:
        """The instant on the n-th day, from 1, at which clocks of the head office show this."""
        return local_us(self.first + timedelta(days=number - 1), clock, self.zone)
