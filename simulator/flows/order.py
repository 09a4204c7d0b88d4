"""An order with all that its systems know of it, and how one is made."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from simulator.world.draws import Draws, Table, lot
from simulator.world.facts import CURRENCY, Thing, amount
from simulator.world.retailer import (
    BOUGHT,
    CARRIERS,
    CENTER,
    CHANNELS,
    MARKETPLACES,
    REGIONS,
    SEGMENTS,
    STORES,
)
from simulator.world.rhythm import local_date
from simulator.world.times import DAY, SECOND, as_datetime, local_us

if TYPE_CHECKING:
    from simulator.world.world import World

METHODS = {
    "web": Table({"card": 0.52, "wallet": 0.36, "bank_transfer": 0.12}),
    "marketplace": Table({"marketplace_pay": 1.0}),
    "store": Table({"card": 0.85, "gift_card": 0.15}),
}
PIECES = Table({"1": 0.5, "2": 0.27, "3": 0.13, "4": 0.06, "5": 0.04})
WAYS = Table({"center": 0.74, "store": 0.1, "pickup": 0.16})
"""How an order of the web is fulfilled; others are from the distribution centre."""
PURPOSES = Table({"": 0.992, "test": 0.003, "staff": 0.005})
CUT_OFF_HOUR = 18
"""At the head office: what is ordered by then leaves on the same day."""
CUSTOMERS_PER_ORDER_A_DAY = 40


class Line(NamedTuple):
    """One line of an order."""

    thing: Thing
    sku: str
    pieces: int
    cents: int


class Order(Thing):
    """An order with all that its systems know of it."""

    __slots__ = (
        "at_us",
        "carrier",
        "cents",
        "channel",
        "customer",
        "draws",
        "lines",
        "marketplace",
        "method",
        "paid",
        "promised_us",
        "ready_us",
        "region",
        "store",
        "way",
    )  # fmt: skip
    lines: list[Line]
    at_us: int
    cents: int
    promised_us: int
    ready_us: int
    """When a pickup lay ready; 0 for others, and before."""
    customer: Thing
    draws: Draws
    channel: str
    region: str
    carrier: str
    store: str
    marketplace: str
    method: str
    way: str
    paid: bool

    @property
    def system(self) -> str:
        """The system in which it was placed."""
        return {"web": "shop", "store": "pos"}.get(self.channel, f"market-{self.marketplace}")


def make_order(world: World, at_us: int) -> Order:
    """An order that is placed now."""
    number = world.number("order", 100_001)
    draws = Draws(world.seed, "order", number)
    order = Order("order", f"O-{number}")
    order.draws, order.at_us, order.ready_us, order.paid = draws, at_us, 0, False
    order.channel, order.region = draws.pick(CHANNELS), draws.pick(REGIONS)
    if order.channel == "store" and not _stores_open(world, at_us):
        order.channel = "web"
    order.marketplace = draws.pick(MARKETPLACES) if order.channel == "marketplace" else ""
    order.carrier, order.method = draws.pick(CARRIERS), draws.pick(METHODS[order.channel])
    customers = int(world.orders_per_day * CUSTOMERS_PER_ORDER_A_DAY)
    customer = draws.whole(1, max(1, customers))
    segment = SEGMENTS.at(lot(world.seed, "segment", customer))
    if segment == "business" and order.channel == "web" and draws.chance(0.6):
        order.method = "invoice"
    order.way = draws.pick(WAYS) if order.channel == "web" else "center"
    stores = [store.id for store in STORES.values() if store.region == order.region]
    order.store = stores[draws.whole(0, len(stores) - 1)] if order.channel == "store" or order.way != "center" else ""
    if order.store and world.faults.at("quiet_shop", at_us, store=order.store) is not None:
        order.store, order.way, order.channel = "", "center", "web"
    order.customer = Thing("customer", f"C-{customer:07d}", customer_segment=segment)
    order.lines = _lines(world, order, draws)
    order.cents = sum(line.cents * line.pieces for line in order.lines)
    order.promised_us = _promise(world, order)
    order.attributes |= {
        "channel": order.channel,
        "region": order.region,
        "store": order.store,
        "brand": STORES[order.store].brand if order.store else "hearth",
        "customer_segment": segment,
        "payment_method": order.method,
        "fulfilled_by": order.store if order.way != "center" else CENTER,
        "carrier": order.carrier if order.way != "pickup" else "",
        "promised_delivery_date": local_date(world, order.promised_us),
        "order_value": f"{order.cents // 100}.{order.cents % 100:02d}",
        "currency": "EUR",
        "purpose": draws.pick(PURPOSES),
    }
    return order


def _lines(world: World, order: Order, draws: Draws) -> list[Line]:
    lines: dict[str, int] = {}
    for _ in range(int(draws.pick(PIECES))):
        sku = draws.pick(BOUGHT)
        lines[sku] = lines.get(sku, 0) + 1
    if world.promoted:
        _promoted(world, order, lines)
    found, prices = [], world.prices[{"web": "shop", "store": "pos"}.get(order.channel, "market")]
    for number, (sku, pieces) in enumerate(sorted(lines.items()), 1):
        money = {"price": amount(prices[sku]), "line_value": amount(prices[sku] * pieces), "currency": CURRENCY}
        line = Thing("order_line", f"{order.id}-{number}", sku=sku, quantity=str(pieces), **money)
        found.append(Line(line, sku, pieces, prices[sku]))
    return found


def _promoted(world: World, order: Order, lines: dict[str, int]) -> None:
    """What is bought as well since it is promoted; drawn apart, so that everything else of the order stays as it is."""
    draws, pieces = Draws(world.seed, "promoted", order.id), sum(lines.values())
    for sku, more in world.promoted.items():
        if draws.chance(more * pieces):
            lines[sku] = lines.get(sku, 0) + 1


def twin_of(world: World, order: Order) -> Order:
    """The same order once more, under another number: the shop sent it twice."""
    twin = Order("order", f"O-{world.number('order', 100_001)}")
    for name in Order.__slots__:
        if hasattr(order, name):
            setattr(twin, name, getattr(order, name))
    twin.draws = Draws(world.seed, "order", twin.id)
    twin.attributes |= order.attributes
    twin.lines = [
        line._replace(thing=Thing("order_line", f"{twin.id}-{number}", **line.thing.attributes))
        for number, line in enumerate(order.lines, 1)
    ]
    return twin


def _stores_open(world: World, at_us: int) -> bool:
    return world.store_hours["market-square"].is_open(at_us)


def _promise(world: World, order: Order) -> int:
    """Customers are promised a day, to its end: the next working day of the warehouse, of a delivery that is ordered
    past the cut-off the one after that."""
    hours = world.warehouse
    at_us = hours.at_work(order.at_us)
    late = as_datetime(at_us).astimezone(world.zone).hour >= CUT_OFF_HOUR
    days = 2 if late and order.way != "pickup" else 1
    for _ in range(days):
        at_us = hours.at_work(at_us + DAY)
    day = as_datetime(at_us).astimezone(world.zone).date()
    return local_us(day + timedelta(days=1), "00:00", world.zone) - SECOND
