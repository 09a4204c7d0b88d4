"""How an order ends: invoiced, paid and done with, or cancelled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.flows.order import Order
from simulator.world.facts import Thing
from simulator.world.integration import erp_batch_us
from simulator.world.times import MINUTE, SECOND

if TYPE_CHECKING:
    from simulator.world.world import World


def cancel(world: World, order: Order, at_us: int, why: str) -> None:
    """`why`: unpaid, fraud, customer, out_of_stock or not_collected."""
    system = order.system if why in ("unpaid", "fraud") else "erp"
    world.recorder.tell(system, "Order cancelled", (order,), at_us, details={"why": why})
    world.announce("order cancelled", order, at_us, why)


def invoice(world: World, order: Order, at_us: int) -> None:
    """The ERP issues the invoice with its next batch, captures the money, and is done with the order."""
    tell, draws = world.recorder.tell, order.draws
    paper = Thing("invoice", f"I-{order.id[2:]}")
    world.recorder.link(order, paper, "invoice")
    posted_us = erp_batch_us(world, order, at_us) + draws.whole(1, 240) * SECOND
    tell("erp", "Invoice issued", (paper, order), posted_us, cents=order.cents)
    payment = Thing("payment", f"P-{order.id[2:]}", method=order.method)
    if order.method == "invoice":
        paid_us = posted_us + draws.duration_us(9 * 86_400, 0.5)
        tell("erp", "Invoice paid", (paper, order), paid_us, cents=order.cents)
    else:
        paid_us = posted_us + draws.duration_us(25 * 60, 0.7)
        if draws.chance(0.008):
            tell(
                "payments", "Payment capture failed", (payment, order), paid_us, outcome="error", error="capture_failed"
            )
            paid_us += draws.duration_us(6 * 3600, 0.5)
        tell("payments", "Payment captured", (payment, order), paid_us, cents=order.cents)
    tell("erp", "Order completed", (order,), paid_us + 2 * MINUTE)
    world.announce("order completed", order, paid_us + 2 * MINUTE)
