"""Promotions: proposed, stocked and published; while one is on, more is bought of its articles.

For an ordinary promotion enough is ordered ahead. For one of a scenario nobody has thought of that: its articles sell
out in the stores and at the distribution centre.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from simulator.faults.active import Active
from simulator.flows.order import Order
from simulator.flows.prices import CHANNELS as PRICE_CHANNELS
from simulator.world.draws import Draws
from simulator.world.facts import Thing, amount
from simulator.world.retailer import ARTICLES, BOUGHT, CENTER, STORES
from simulator.world.stock import Place
from simulator.world.times import DAY, HOUR, SECOND, written

if TYPE_CHECKING:
    from simulator.world.world import Process, World

EVERY_DAYS, LASTS_DAYS, AHEAD_DAYS = 9, 5, 10
ARTICLES_OF_ONE = 3
EXTRA_DAYS = 2
"""For so many days of a promotion that sells out more is ordered."""
TIMES = 1.7
"""Times the usual demand, while an ordinary promotion is on."""
SOLD_OUT = ("sku-0003", "sku-0006", "sku-0010", "sku-0015")
"""The articles of a promotion that sells out, unless the scenario names one."""
PUBLISHED = {"store": "Published to POS", "web": "Published to webshop", "marketplace": "Published to marketplace"}
CENTS = {article.id: article.cents for article in ARTICLES}
SHARE = {article.id: article.weight / BOUGHT.total for article in ARTICLES}
"""Of all pieces that are bought, how many are of an article."""


class Promotion(NamedTuple):
    """A promotion. `fault`: by which it sells out."""

    thing: Thing
    skus: tuple[str, ...]
    times: float
    begins_us: int
    ends_us: int
    draws: Draws
    fault: Active | None


def start(world: World) -> None:
    sold_out = SoldOut(world)
    for active in world.faults.of("promotion_stockout"):
        skus: tuple[str, ...] = (active.where["sku"],) if "sku" in active.where else SOLD_OUT
        world.begin(_live(world, _make(world, skus, active.size, active.begins_us, active.ends_us, active), sold_out))
    at_us = world.day_us(1, "08:00") + AHEAD_DAYS * DAY
    number = 0
    while at_us < world.end_us + AHEAD_DAYS * DAY:
        draws = Draws(world.seed, "promotion of", number)
        first = draws.whole(20, len(ARTICLES) - 1 - ARTICLES_OF_ONE)
        skus = tuple(article.id for article in ARTICLES[first : first + ARTICLES_OF_ONE])
        world.begin(_live(world, _make(world, skus, TIMES, at_us, at_us + LASTS_DAYS * DAY, None), sold_out))
        at_us, number = at_us + EVERY_DAYS * DAY, number + 1


def _make(
    world: World, skus: Sequence[str], times: float, begins_us: int, ends_us: int, fault: Active | None
) -> Promotion:
    number = world.number("promotion", 301)
    planned = sum(_extra(world, sku, times, begins_us, ends_us) * CENTS[sku] for sku in skus)
    thing = Thing(
        "promotion", f"PR-{number}", brand="hearth", promotion_type="percent off", planned_revenue=amount(planned),
        currency="EUR", starts_at=written(begins_us),
    )  # fmt: skip
    return Promotion(thing, tuple(skus), times, begins_us, ends_us, Draws(world.seed, "promotion", number), fault)


def _extra(world: World, sku: str, times: float, begins_us: int, ends_us: int) -> int:
    """How many pieces more are bought than usual, of all channels."""
    usual = world.stock.usual[sku, CENTER] + sum(world.stock.usual[sku, store] for store in STORES)
    return round(usual * (times - 1) * (ends_us - begins_us) / DAY)


def _live(world: World, one: Promotion, sold_out: SoldOut) -> Process:
    """From the proposal until prices are back."""
    tell, things, draws = world.recorder.tell, (one.thing,), one.draws
    proposed_us = max(world.start_us + 8 * HOUR, one.begins_us - AHEAD_DAYS * DAY)
    if proposed_us < one.begins_us:
        yield world.until(proposed_us)
        yield from _prepare(world, one, (one.begins_us - proposed_us) / (AHEAD_DAYS * DAY))
    yield world.until(one.begins_us)
    tell("pricing", "Promotion started", things, world.now_us, details={"skus": " ".join(one.skus)})
    for sku in one.skus:
        world.promoted[sku] = (one.times - 1) * SHARE[sku]
    sold_out.begins(one)
    yield world.until(one.ends_us)
    for sku in one.skus:
        world.promoted.pop(sku, None)
    tell("pricing", "Promotion ended", things, world.now_us)
    restored_us = world.now_us + draws.duration_us(50 * 60, 0.5)
    tell("pricing", "Regular prices restored", things, restored_us)
    if draws.chance(0.5):
        billed_us = world.office.add(restored_us, draws.duration_us(22 * 3600, 0.5))
        tell("erp", "Supplier funding billed", things, billed_us, by="accountant-01")
        restored_us = billed_us
    yield world.until(world.office.add(restored_us, draws.duration_us(16 * 3600, 0.5)))
    work = world.crew("pricing", lambda: [(world.office, 3)]).do(world.now_us, draws.duration_us(50 * 60, 0.5))
    tell("pricing", "Promotion reviewed", things, work.end_us, by=work.by)


def _prepare(world: World, one: Promotion, pace: float) -> Process:
    """Agree, order what it takes, and publish; `pace`: how much of the usual time there is for that."""
    tell, things, draws = world.recorder.tell, (one.thing,), one.draws

    def later(median_hours: float) -> int:
        return world.office.add(world.now_us, draws.duration_us(median_hours * pace * 3600, 0.5))

    lead = f"category-lead-0{draws.whole(1, 2)}"
    tell(
        "pricing", "Promotion proposed", things, world.office.at_work(world.now_us), by=f"pricing-0{draws.whole(1, 3)}"
    )
    yield world.until(later(6))
    if draws.chance(0.12):
        tell("pricing", "Promotion conflict found", things, world.now_us, outcome="rejected")
        yield world.until(later(4))
        tell("pricing", "Promotion conflict resolved", things, world.now_us, by=lead)
    if draws.chance(0.6):
        yield world.until(later(6))
        tell("erp", "Supplier funding agreed", things, world.now_us, by=f"buyer-0{draws.whole(1, 2)}")
    yield world.until(later(5))
    tell("pricing", "Promotion approved", things, world.now_us, by=lead)
    yield world.until(later(3))
    if one.fault is None:
        for sku in one.skus:
            pieces = _extra(world, sku, one.times, one.begins_us, one.ends_us)
            world.announce("stock committed", sku, pieces, world.now_us)
    tell("erp", "Stock commitment confirmed", things, world.now_us, by=f"planner-0{draws.whole(1, 6)}")
    yield world.until(later(4))
    tell("pricing", "Content approved", things, world.now_us, by=lead)
    yield world.until(later(3))
    tell("pricing", "Promotion prices created", things, world.now_us)
    yield from _publish(world, one)
    yield world.until(later(4))
    tell("pricing", "Signage sent", things, world.now_us)
    yield world.until(later(12))
    tell("pos", "Store readiness attested", things, world.now_us, by="market-square-staff-01")


def _publish(world: World, one: Promotion) -> Process:
    arrived: list[tuple[int, str]] = []
    for channel, (interface, *_) in PRICE_CHANNELS.items():
        sent = world.integration.send(interface, (one.thing,), world.now_us + SECOND)
        if sent.at_us is not None:
            arrived.append((sent.at_us, channel))
    for at_us, channel in sorted(arrived):
        yield world.until(at_us)
        for teller in PRICE_CHANNELS[channel][2]:
            world.recorder.tell(teller, PUBLISHED[channel], (one.thing,), at_us)


class SoldOut:
    """Articles of promotions of which nothing is left."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._on: dict[str, Promotion] = {}
        self._reported: set[tuple[str, Place]] = set()
        if world.faults.of("promotion_stockout"):
            world.on("shelf empty", self._shelf)
            world.on("out of stock", self._order)

    def begins(self, one: Promotion) -> None:
        if one.fault is not None:
            for sku in one.skus:
                self._on[sku] = one

    def _shelf(self, place: Place, pieces: int, at_us: int) -> None:
        one = self._on.get(place[0])
        if one is not None and one.begins_us <= at_us < one.ends_us:
            self._gone(one, place, pieces, at_us)

    def _order(self, order: Order, places: Sequence[Place], at_us: int) -> None:
        for place in places:
            one = self._on.get(place[0])
            if one is None or one.fault is None or not one.begins_us <= order.at_us < one.ends_us:
                continue
            pieces = sum(line.pieces for line in order.lines if line.sku == place[0])
            self._gone(one, place, 0, at_us)
            cents = pieces * CENTS[place[0]]
            one.fault.hit(order, at_us, cents=cents, shown_us=at_us + 2 * HOUR, sku=place[0])

    def _gone(self, one: Promotion, place: Place, pieces: int, at_us: int) -> None:
        """The first time it is reported; money is what cannot be sold."""
        if one.fault is None:
            return
        world, thing = self.world, self.world.stock.things[place]
        one.fault.hit(thing, at_us, cents=pieces * CENTS[place[0]], shown_us=at_us + 2 * HOUR)
        if (one.thing.id, place) in self._reported:
            return
        details = {"sku": place[0], "location": place[1], "on_hand": world.stock.real[place]}
        system = "wms" if place[1] == CENTER else "pos"
        told_us = at_us + 10 * SECOND
        world.recorder.tell(
            system, "Stockout reported", (one.thing, thing), told_us, outcome="rejected", details=details
        )
        if not any(of == one.thing.id for of, _ in self._reported):
            ordered_us = world.office.add(at_us, 3 * HOUR)
            world.recorder.tell("erp", "Extra stock ordered", (one.thing,), ordered_us, by="planner-01")
            for sku in one.skus:
                pieces = _extra(world, sku, one.times, at_us, min(one.ends_us, at_us + EXTRA_DAYS * DAY))
                world.announce("stock committed", sku, pieces, ordered_us)
        self._reported.add((one.thing.id, place))
