"""What the shop sells and nobody has: pieces are written off in the warehouse while the shop goes on counting them.

The shop does not take the new level. So it sells an article of which the ERP knows that there is none, until so many
pieces are sold beyond the stock that somebody looks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.faults.active import Active
from simulator.flows.order import Line, Order
from simulator.world.retailer import BOUGHT, CENTER

if TYPE_CHECKING:
    from simulator.world.world import Process, World

OFTEN = BOUGHT.names[0]
"""The article that is bought most."""


def start(world: World) -> None:
    for active in world.faults.of("oversell"):
        world.begin(_write_off(world, active))


def _sku(active: Active) -> str:
    return active.where.get("sku", OFTEN)


def _write_off(world: World, active: Active) -> Process:
    """What the warehouse counts is not there."""
    yield world.until(active.begins_us)
    place = _sku(active), CENTER
    world.stock.move(place, -world.stock.real[place])
    world.announce("stock corrected", place, "correction", world.now_us)


def deaf(world: World, sku: str, at_us: int) -> bool:
    """Whether the shop does not hear what the ERP says of this article."""
    return _in_force(world, sku, at_us) is not None


def _in_force(world: World, sku: str, at_us: int) -> Active | None:
    for active in world.faults.of("oversell"):
        if active.covers(at_us, {"sku": sku}) and _sku(active) == sku and active.used < active.size:
            return active
    return None


def oversold(world: World, order: Order, line: Line) -> None:
    """There is not enough for this line: whether the shop sold it as it knew nothing of the empty shelf."""
    active, believed = _in_force(world, line.sku, order.at_us), world.stock.believed["shop"][line.sku, CENTER]
    if active is None or order.channel != "web" or believed < line.pieces:
        return
    if active.used + line.pieces <= active.size:
        erp = world.stock.believed["erp"][line.sku, CENTER]
        active.hit(order, world.now_us, cents=line.cents * line.pieces, sku=line.sku, shop=believed, erp=erp)
    active.used += line.pieces
    if active.used >= active.size:
        world.announce("stock corrected", (line.sku, CENTER), "oversell", world.now_us)
