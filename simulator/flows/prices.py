"""Price changes: decided at the head office, published to tills, shop and marketplaces by a workflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from simulator.faults.active import Active
from simulator.flows.order import Order
from simulator.flows.workflows import by_schedule, run_workflow
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


class NewPrice(NamedTuple):
    """A change that the ERP knows of. `cents`: the new price."""

    change: Thing
    sku: str
    cents: int
    draws: Draws


class Prices:
    """What has to be known of price changes: those that wait to be published, and the channels that still ask the old
    price afterwards."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.waiting: list[NewPrice] = []
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
    prices = Prices(world)
    world.begin(_deciding(world, prices))
    world.begin(
        by_schedule(world, PUBLISH, lambda: _publish(world, prices), lambda: [one.change for one in prices.waiting])
    )


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
    """From the proposal until the ERP knows of it, and it waits for the next run that publishes prices."""
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
    world.recorder.change(change, "effective_at", written((done.end_us // HOUR + 5) * HOUR))
    tell("pricing", "Price change approved", (change,), done.end_us, by=done.by)
    yield world.until(erp_batch_us(world, change, done.end_us) + draws.whole(5, 200) * SECOND)
    tell("erp", "Price updated in ERP", (change,), world.now_us, details=details)
    prices.waiting.append(NewPrice(change, sku, new, draws))


def _publish(world: World, prices: Prices) -> None:
    """The workflow sends what is new to every channel; a price takes effect wherever it arrives."""
    at_us, ends_us, all_there = world.now_us, world.now_us + 2 * SECOND, True
    missing = {
        fault.where["channel"]: fault
        for fault in world.faults.of("price_update_missing")
        if fault.covers(at_us, fault.where)
    }
    for one in prices.waiting:
        world.recorder.tell("n8n", "Price sent to channels", (one.change,), at_us + SECOND)
        arrived: dict[str, int] = {}
        for channel, (interface, *_) in CHANNELS.items():
            if channel not in missing:
                sent = world.integration.send(interface, (one.change,), at_us + SECOND)
                if sent.at_us is not None:
                    arrived[channel] = sent.at_us
        all_there = all_there and len(arrived) + len(missing) == len(CHANNELS)
        ends_us = max(ends_us, *arrived.values()) if arrived else ends_us
        world.begin(_published(world, prices, one, arrived, missing))
    run_workflow(world, PUBLISH, tuple(one.change for one in prices.waiting), at_us, ends_us if all_there else None)
    prices.waiting.clear()


def _published(
    world: World, prices: Prices, one: NewPrice, arrived: dict[str, int], missing: dict[str, Active]
) -> Process:
    """From the first channel that asks the new price until the shelves show it too."""
    tell, (change, sku, new, draws) = world.recorder.tell, one
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
