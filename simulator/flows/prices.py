"""Price changes: decided at the head office, published to tills, shop and marketplaces by a workflow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.faults.active import Active
from simulator.flows.order import Order
from simulator.flows.workflows import run_workflow
from simulator.world.draws import Draws, Table
from simulator.world.facts import Thing, amount
from simulator.world.integration import erp_batch_us
from simulator.world.retailer import ARTICLE, BOUGHT
from simulator.world.times import HOUR, MINUTE, SECOND, written

if TYPE_CHECKING:
    from simulator.world.crew import Crew
    from simulator.world.world import Process, World

A_DAY, PER_THOUSAND_ORDERS = 1.5, 2.0
"""Price changes on a working day: so many, and more in a larger business."""
TYPES = Table({"regular": 0.45, "markdown": 0.35, "clearance": 0.1, "correction": 0.1})
STEPS = {"regular": (1.02, 1.12), "markdown": (0.75, 0.95), "clearance": (0.5, 0.75), "correction": (0.95, 1.05)}
"""New prices, as times the old one, at least and at most."""
REJECTED = 0.06
PUBLISH = "price-publish"
CHANNELS = {
    "store": ("pricing-to-pos", "pos", ("pos",), "Price updated in POS"),
    "web": ("pricing-to-shop", "shop", ("shop",), "Price updated in webshop"),
    "marketplace": ("pricing-to-market", "market", ("market-aurora", "market-bazaar"), "Price updated on marketplace"),
}
"""Of each channel: the interface to it, the system whose prices it asks, who tells of it, and how."""
SHOWN_AFTER_US = 4 * HOUR
"""So long after the tills a channel has the price too, whatever the retries."""


class Prices:
    """What has to be known of price changes afterwards: the channels that still ask the old price."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.missing: dict[tuple[str, str], tuple[Active, Thing, int]] = {}
        """By channel and article: the fault, the change and the price that should be asked."""
        if world.faults.of("price_update_missing"):
            world.on("order placed", self._placed)

    def _placed(self, order: Order, at_us: int) -> None:
        """Money is lost, or taken wrongly, with each piece that is sold at the old price."""
        for line in order.lines:
            wrong = self.missing.get((order.channel, line.sku))
            if wrong is not None:
                active, change, cents = wrong
                active.hit(change, at_us, cents=abs(line.cents - cents) * line.pieces)


def start(world: World) -> None:
    world.begin(_deciding(world, Prices(world)))


def _analysts(world: World) -> Crew:
    return world.crew("pricing", lambda: [(world.office, 3)])


def _deciding(world: World, prices: Prices) -> Process:
    draws = Draws(world.seed, "prices")
    per_day = A_DAY + PER_THOUSAND_ORDERS * world.orders_per_day / 1000
    at_us = world.start_us
    while (at_us := world.office.add(at_us, int(draws.whole(180, 950) / per_day) * MINUTE)) < world.end_us:
        yield world.until(at_us)
        world.begin(_change(world, prices, draws.pick(BOUGHT)))


def new_price(cents: int, times: float) -> int:
    """A price that ends in 99, as all of them do; never the same."""
    new = max(1, round(cents * times / 100)) * 100 - 1
    return new if new != cents else new + 100


def _change(world: World, prices: Prices, sku: str) -> Process:
    """From the proposal until every channel asks the new price."""
    number = world.number("price_change", 20_001)
    draws, tell = Draws(world.seed, "price change", number), world.recorder.tell
    kind = draws.pick(TYPES)
    old = world.prices["pos"][sku]
    new = new_price(old, draws.between(*STEPS[kind]))
    daily = round(world.orders_per_day * 1.5 * ARTICLE[sku].weight / BOUGHT.total * new)
    change = Thing(
        "price_change", f"PC-{number}", sku=sku, price_type=kind, daily_revenue=amount(daily), currency="EUR"
    )
    details = {"sku": sku, "old_price": amount(old), "new_price": amount(new)}
    work = _analysts(world).do(world.now_us, draws.duration_us(12 * 60, 0.5))
    yield world.until(work.end_us)
    tell("pricing", "Price change proposed", (change,), work.end_us, by=work.by, details=details)
    tell("pricing", "Margin checked", (change,), work.end_us + 20 * SECOND)
    yield world.until(world.office.add(work.end_us, draws.duration_us(100 * 60, 0.9)))
    done = world.crew("category-lead", lambda: [(world.office, 2)]).do(world.now_us, draws.duration_us(180, 0.5))
    yield world.until(done.end_us)
    if draws.chance(REJECTED):
        tell("pricing", "Price change rejected", (change,), done.end_us, by=done.by, outcome="rejected")
        return
    tell("pricing", "Price change approved", (change,), done.end_us, by=done.by)
    world.recorder.change(change, "effective_at", written((done.end_us // HOUR + 5) * HOUR), done.end_us)
    yield world.until(erp_batch_us(world, change, done.end_us) + draws.whole(5, 200) * SECOND)
    tell("erp", "Price updated in ERP", (change,), world.now_us, details=details)
    yield from _publish(world, prices, change, sku, new, draws)


def _publish(world: World, prices: Prices, change: Thing, sku: str, new: int, draws: Draws) -> Process:
    """The workflow sends it to every channel; the price takes effect wherever it arrives."""
    tell = world.recorder.tell
    while (stopped := world.faults.at("workflow_stopped", world.now_us, workflow=PUBLISH)) is not None:
        if not stopped.is_hit(change):
            stopped.hit(change, world.now_us, shown_us=world.now_us + 2 * HOUR, workflow=PUBLISH)
        yield world.until(stopped.ends_us)
    at_us, ends_us = world.now_us, world.now_us + 2 * SECOND
    tell("n8n", "Price sent to channels", (change,), at_us + SECOND)
    arrived: dict[str, int] = {}
    missing: dict[str, Active] = {}
    for fault in world.faults.of("price_update_missing"):
        if fault.covers(at_us, fault.where):
            missing[fault.where["channel"]] = fault
    for channel, (interface, *_) in CHANNELS.items():
        if channel not in missing:
            sent = world.integration.send(interface, (change,), at_us + SECOND)
            if sent.at_us is not None:
                arrived[channel] = sent.at_us
            ends_us = max(ends_us, sent.at_us or 0)
    run_workflow(world, PUBLISH, (change,), at_us, ends_us if len(arrived) + len(missing) == len(CHANNELS) else None)
    for at_us, channel in sorted((at_us, channel) for channel, at_us in arrived.items()):
        yield world.until(at_us)
        _arrives(world, prices, change, channel, sku, new)
        if channel == "store":
            for other, fault in missing.items():
                fault.hit(change, at_us, shown_us=at_us + SHOWN_AFTER_US, channel=other, sku=sku)
                prices.missing[other, sku] = fault, change, new
    labels_us = world.store_hours["market-square"].add(world.now_us, draws.duration_us(50 * 60, 0.5))
    tell("pos", "Shelf labels printed", (change,), labels_us)
    replaced_us = world.store_hours["market-square"].add(labels_us, draws.duration_us(70 * 60, 0.5))
    tell("pos", "Shelf labels replaced", (change,), replaced_us, by="market-square-staff-01")
    yield world.until(world.office.add(replaced_us, draws.duration_us(3 * 3600, 0.6)))
    work = _analysts(world).do(world.now_us, draws.duration_us(5 * 60, 0.5))
    tell("pricing", "Price change verified", (change,), work.end_us, by=work.by)


def _arrives(world: World, prices: Prices, change: Thing, channel: str, sku: str, new: int) -> None:
    _, system, tellers, activity = CHANNELS[channel]
    world.prices[system][sku] = new
    prices.missing.pop((channel, sku), None)
    details = {"sku": sku, "price": amount(new)}
    for teller in tellers:
        world.recorder.tell(teller, activity, (change,), world.now_us, details=details)
