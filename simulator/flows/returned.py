"""A return with all that its systems know of it, and how one is made."""

from __future__ import annotations

from simulator.flows.order import Line, Order
from simulator.world.draws import Draws, Table
from simulator.world.facts import CURRENCY, Thing, amount
from simulator.world.retailer import CENTER, STORES

REASONS = Table(
    {"does_not_fit": 0.42, "not_as_expected": 0.25, "changed_my_mind": 0.19, "damaged": 0.09, "wrong_article": 0.05}
)
IN_STORE = {"web": 0.14, "store": 0.5, "marketplace": 0.0}
"""How many bring it to a store instead of sending it; of what was picked up in a store, more."""
IN_STORE_AFTER_PICKUP = 0.65


class Return(Thing):
    """What comes back of an order. `store`: where it is brought; empty when it is sent with a carrier."""

    __slots__ = ("asked_us", "by", "carrier", "cents", "draws", "lines", "order", "reason", "settled_us", "store")
    order: Order
    draws: Draws
    lines: list[Line]
    asked_us: int
    by: str
    """Who inspected it."""
    cents: int
    store: str
    carrier: str
    reason: str
    settled_us: int | None
    """When the money is back, or will be, or the return is rejected; None as long as nobody knows."""

    @property
    def location(self) -> str:
        """Where the goods are taken in."""
        return self.store or CENTER

    @property
    def where(self) -> dict[str, str]:
        """What faults can be narrowed to."""
        return {"store": self.store, "channel": self.order.channel}


def make_return(order: Order, asked_us: int, draws: Draws, reason: str = "", number: int = 1) -> Return:
    """The `number`-th return of the order, asked for then."""
    ret = Return("return", f"RT-{order.id[2:]}-{number}")
    ret.order, ret.draws, ret.asked_us, ret.settled_us = order, draws, asked_us, None
    ret.reason = reason or draws.pick(REASONS)
    ret.lines = _lines(order, draws)
    ret.cents = sum(line.cents * line.pieces for line in ret.lines)
    ret.store = _store(order, draws)
    ret.carrier = "" if ret.store else order.carrier
    ret.attributes |= {
        "store": ret.store,
        "region": order.region,
        "brand": order.attributes["brand"],
        "channel": order.channel,
        "payment_method": order.method,
        "carrier": ret.carrier,
        "reason": ret.reason,
        "refund_amount": amount(ret.cents),
        "currency": CURRENCY,
        "quantity": str(sum(line.pieces for line in ret.lines)),
    }
    return ret


def _lines(order: Order, draws: Draws) -> list[Line]:
    """Every second time all of it, otherwise some lines."""
    if len(order.lines) == 1 or draws.chance(0.5):
        return order.lines
    some = [line for line in order.lines if draws.chance(0.5)]
    return some or order.lines[:1]


def _store(order: Order, draws: Draws) -> str:
    if not draws.chance(IN_STORE_AFTER_PICKUP if order.way == "pickup" else IN_STORE[order.channel]):
        return ""
    stores = [store.id for store in STORES.values() if store.region == order.region]
    return order.store or stores[draws.whole(0, len(stores) - 1)]
