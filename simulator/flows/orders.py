"""Order to cash: from the shop, a marketplace or a till to the parcel at the customer's and the money in the bank."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.flows.billing import cancel
from simulator.flows.deliveries import fulfil
from simulator.flows.order import Order, make_order, twin_of
from simulator.flows.workflows import run_workflow
from simulator.world.draws import Table
from simulator.world.facts import Thing
from simulator.world.retailer import SERVICE, ZONE
from simulator.world.rhythm import BY_HOUR, BY_WEEKDAY, arrivals
from simulator.world.times import SECOND

if TYPE_CHECKING:
    from simulator.world.world import Process, World

PAYMENT_FAILS = {"web": 0.07, "marketplace": 0.015, "store": 0.03}
PAYMENT_ERRORS = Table(
    {"card_declined": 0.45, "insufficient_funds": 0.2, "authentication_failed": 0.2, "timeout": 0.15}
)


def start(world: World) -> None:
    world.begin(_arriving(world))


def _arriving(world: World) -> Process:
    for at_us in arrivals(world, "orders", world.orders_per_day, BY_HOUR, BY_WEEKDAY):
        yield world.until(at_us)
        order = make_order(world, at_us)
        world.begin(_live(world, order))
        doubled = world.faults.at("duplicate_orders", at_us, order, channel=order.channel)
        if doubled is not None:
            twin = twin_of(world, order)
            doubled.hit(twin, at_us, cents=twin.cents, twin_of=order.id)
            world.begin(_live(world, twin))


def _live(world: World, order: Order) -> Process:
    """From the order to its end."""
    tell, draws = world.recorder.tell, order.draws
    lines = tuple(line.thing for line in order.lines)
    for line in lines:
        world.recorder.link(order, line, "line")
    tell(order.system, "Order placed", (order, order.customer, *lines), order.at_us, cents=order.cents)
    world.announce("order placed", order, order.at_us)
    paid_us = _pay(world, order, order.at_us)
    if paid_us is None:
        cancel(world, order, order.at_us + draws.duration_us(2 * 3600, 0.6), "unpaid")
        return
    yield world.until(paid_us)
    if order.channel == "web" and draws.chance(0.05):
        cleared_us = _fraud(world, order, paid_us)
        yield world.until(abs(cleared_us))
        if cleared_us < 0:
            cancel(world, order, -cleared_us, "fraud")
            return
    at_us = _export(world, order, world.now_us)
    world.announce("order sent to ERP", order, world.now_us, at_us)
    if at_us is None:
        return  # a dead letter that nobody replays: the order is stuck
    yield world.until(at_us)
    tell("erp", "Order exported to ERP", (order,), at_us)
    if order.method == "invoice":
        at_us += draws.duration_us(90, 0.7)
        tell("erp", "Credit checked", (order,), at_us, outcome="ok")
    if draws.chance(0.02):
        cancel(world, order, at_us + draws.duration_us(1500, 0.8), "customer")
        return
    at_us += draws.duration_us(40, 0.5)
    tell("erp", "Order routed", (order,), at_us, details={"to": order.attributes["fulfilled_by"]})
    yield world.until(at_us)
    yield from fulfil(world, order)


def _pay(world: World, order: Order, at_us: int) -> int | None:
    """When the payment is authorised; None when it never is. Whoever gets an invoice pays later."""
    draws, tell = order.draws, world.recorder.tell
    payment = Thing("payment", f"P-{order.id[2:]}", method=order.method)
    world.recorder.link(order, payment, "payment")
    if order.method == "invoice":
        return at_us + 5 * SECOND
    fails = PAYMENT_FAILS[order.channel]
    at_us += draws.duration_us(20, 0.6)
    tries = 1
    while draws.chance(fails if tries == 1 else 0.3):
        tell(
            "payments", "Payment failed", (payment, order), at_us, outcome="rejected", error=draws.pick(PAYMENT_ERRORS)
        )
        if tries == 3 or draws.chance(0.25):
            return None
        at_us += draws.duration_us(240, 1.0)
        tell("payments", "Payment retried", (payment, order), at_us, outcome="retry")
        at_us += draws.duration_us(20, 0.6)
        tries += 1
    early = world.faults.at("ship_before_payment", order.at_us, order, channel=order.channel)
    if early is not None and order.way == "center":
        return at_us  # nobody waits for the answer of the provider, which comes when the parcel is gone
    tell("payments", "Payment authorised", (payment, order), at_us, cents=order.cents)
    order.paid = True
    return at_us


def _fraud(world: World, order: Order, at_us: int) -> int:
    """When the review has cleared the order; negative when it has confirmed a fraud."""
    draws, tell = order.draws, world.recorder.tell
    analysts = world.crew("analyst", lambda: [(world.hours(ZONE, SERVICE), world.sized(3, 2))])
    begins_us = at_us + draws.duration_us(120, 0.8)
    tell("crm", "Order put on hold", (order,), at_us + SECOND, actor="risk-check")
    work = analysts.do(begins_us, draws.duration_us(14 * 60, 0.6))
    tell("crm", "Fraud review started", (order,), work.start_us, by=work.by)
    if draws.chance(0.07):
        tell("crm", "Fraud confirmed", (order,), work.end_us, by=work.by, outcome="rejected")
        return -work.end_us
    tell("crm", "Fraud review cleared", (order,), work.end_us, by=work.by)
    tell("crm", "Order released", (order,), work.end_us + SECOND, actor="risk-check")
    return work.end_us + SECOND


def _export(world: World, order: Order, at_us: int) -> int | None:
    interface = {"web": "shop-to-erp", "store": "pos-to-erp"}.get(order.channel, "market-to-erp")
    at_us += order.draws.duration_us(5, 0.5)
    delivery = world.integration.send(interface, (order,), at_us)
    if interface == "shop-to-erp":
        run_workflow(world, "order-export", (order,), at_us, delivery.at_us)
    return delivery.at_us
