"""Procure to pay, up to the receipt: planners reorder what runs low, suppliers confirm, ship and sometimes let wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.flows.payables import Payables
from simulator.flows.planning import LEAD_DAYS, Planning
from simulator.world.draws import Draws
from simulator.world.facts import Thing, amount
from simulator.world.integration import erp_batch_us
from simulator.world.retailer import ARTICLE, CENTER, SUPPLIERS
from simulator.world.rhythm import local_date
from simulator.world.times import DAY, HOUR, MINUTE, SECOND, as_datetime, local_us

if TYPE_CHECKING:
    from simulator.faults.active import Active
    from simulator.world.crew import Crew
    from simulator.world.world import Process, World

COST = 0.55
"""What a piece costs, of its price."""
SHORT, REQUESTED, REMINDED, MOVED, DELAYED = 0.1, 0.2, 0.03, 0.05, 0.04
"""Shares: in two deliveries; after a requisition; of suppliers that have to be reminded, that move the date, of trucks
that are late."""


class Purchase(Thing):
    """A purchase order: pieces by article."""

    __slots__ = ("cents", "confirmed_us", "draws", "lines", "open_cents", "supplier")
    lines: dict[str, int]
    supplier: str
    cents: int
    draws: Draws
    confirmed_us: int
    open_cents: int
    """What was not received yet."""


def start(world: World) -> None:
    world.begin(_reviews(world, Planning(world), Payables(world)))


def _planners(world: World) -> Crew:
    return world.crew("planner", lambda: [(world.office, 6)])


def _leads(world: World) -> Crew:
    return world.crew("buyer", lambda: [(world.office, 2)])


def _receivers(world: World) -> Crew:
    return world.crew("receiver", lambda: [(world.warehouse, world.sized(3, 2))])


def _reviews(world: World, planning: Planning, payables: Payables) -> Process:
    """Every working morning, one supplier after the other."""
    for day in range(1, world.days + 1):
        at_us = world.day_us(day, "08:20")
        if not world.office.is_open(at_us):
            continue
        yield world.until(at_us)
        for supplier in SUPPLIERS:
            lines = planning.needs(supplier, at_us)
            if lines:
                for sku, pieces in lines.items():
                    planning.on_order[sku] += pieces
                world.begin(_buy(world, planning, payables, supplier, lines))


def _make(world: World, supplier: str, lines: dict[str, int]) -> Purchase:
    number = world.number("purchase_order", 45_001)
    po = Purchase("purchase_order", f"PO-{number}")
    po.lines, po.supplier, po.draws = lines, supplier, Draws(world.seed, "purchase", number)
    po.cents = sum(round(ARTICLE[sku].cents * COST) * pieces for sku, pieces in lines.items())
    po.open_cents = po.cents
    po.attributes |= {
        "supplier": supplier, "store": CENTER, "company_code": "1000", "currency": "EUR",
        "purchase_value": amount(po.cents), "quantity": str(sum(lines.values())),
    }  # fmt: skip
    return po


def _buy(world: World, planning: Planning, payables: Payables, supplier: str, lines: dict[str, int]) -> Process:
    tell, po = world.recorder.tell, _make(world, supplier, lines)
    draws = po.draws
    work = _planners(world).do(world.now_us, draws.duration_us(7 * 60, 0.5))
    if draws.chance(REQUESTED):
        paper = Thing("requisition", f"RQ-{po.id[3:]}", requested_value=po.attributes["purchase_value"], currency="EUR")
        world.recorder.link(po, paper, "requisition")
        tell("erp", "Requisition submitted", (paper, po), work.end_us, by=work.by, cents=po.cents)
        tell("erp", "Budget checked", (paper, po), work.end_us + 40 * SECOND)
        yield world.until(world.office.add(work.end_us, draws.duration_us(3600, 0.7)))
        done = _leads(world).do(world.now_us, draws.duration_us(5 * 60, 0.5))
        tell("erp", "Requisition approved", (paper, po), done.end_us, by=done.by)
        created_us = done.end_us + 3 * MINUTE
    else:
        created_us = work.end_us
    yield world.until(created_us)
    tell("erp", "Purchase order created", (po,), created_us, by=work.by, cents=po.cents)
    yield world.until(world.office.add(created_us, draws.duration_us(50 * 60, 0.8)))
    done = _leads(world).do(world.now_us, draws.duration_us(4 * 60, 0.5))
    yield world.until(done.end_us)
    tell("erp", "Purchase order approved", (po,), done.end_us, by=done.by, cents=po.cents)
    sent_us = erp_batch_us(world, po, done.end_us) + draws.whole(5, 200) * SECOND
    yield world.until(sent_us)
    tell("erp", "Purchase order sent", (po,), sent_us)
    yield from _confirm(world, po)
    yield from _supply(world, planning, payables, po)


def _confirm(world: World, po: Purchase) -> Process:
    """The supplier says when it will be there."""
    tell, draws = world.recorder.tell, po.draws
    heard_us = world.office.add(world.now_us, draws.duration_us(3 * 3600, 0.8))
    if draws.chance(REMINDED):
        reminded_us = world.office.add(world.now_us, 15 * HOUR)
        tell("erp", "Supplier reminded", (po,), reminded_us, by=f"planner-0{draws.whole(1, 6)}")
        heard_us = world.office.add(reminded_us, draws.duration_us(2 * 3600, 0.6))
    yield world.until(heard_us)
    po.confirmed_us = world.warehouse.at_work(heard_us + round((LEAD_DAYS[po.supplier] * 1.3 + 2.2) * 24) * HOUR)
    _promise(world, po, "Purchase order acknowledged", heard_us)
    world.integration.send("supplier-to-erp", (po,), heard_us + MINUTE)


def _promise(world: World, po: Purchase, activity: str, at_us: int) -> None:
    """The supplier tells the day on which it will be there."""
    day = local_date(world, po.confirmed_us)
    world.recorder.change(po, "confirmed_delivery_date", day)
    world.recorder.tell("supplier-network", activity, (po,), at_us, details={"confirmed": day})


def _overdue(world: World, po: Purchase, delayed: Active) -> Process:
    """Whether something is missing when the day that was confirmed is over."""
    day = as_datetime(po.confirmed_us).astimezone(world.zone).date()
    yield world.until(local_us(day, "24:00", world.zone))
    if po.open_cents:
        delayed.hit(po, world.now_us, cents=po.open_cents, confirmed=day.isoformat())


def _supply(world: World, planning: Planning, payables: Payables, po: Purchase) -> Process:
    """The goods come, at once or in two deliveries; each is invoiced."""
    draws, lead = po.draws, LEAD_DAYS[po.supplier]
    delayed = world.faults.at("supplier_delay", world.now_us, po, supplier=po.supplier)
    ready_us = world.now_us + draws.duration_us(lead * 86_400, 0.2)
    if delayed is not None:
        ready_us += Draws(world.seed, "delay", po.id).duration_us(delayed.size * 86_400, 0.2)
        world.begin(_overdue(world, po, delayed))
    elif draws.chance(MOVED):
        moved_us = world.office.add(world.now_us, draws.duration_us(9 * 3600, 0.5))
        po.confirmed_us = world.warehouse.at_work(po.confirmed_us + 2 * DAY)
        _promise(world, po, "Delivery date changed", moved_us)
        ready_us += 2 * DAY
    parts = [po.lines]
    if draws.chance(SHORT) and len(po.lines) > 1:
        skus = sorted(po.lines)
        parts = [{sku: po.lines[sku] for sku in half} for half in (skus[::2], skus[1::2])]
    payables.expect(po, len(parts))
    for number, part in enumerate(parts, 1):
        yield world.until(world.office.add(ready_us, draws.duration_us(5400, 0.7)))
        yield from _ship(world, planning, po, part, number, len(parts))
        world.begin(payables.invoiced(po, _value(part), number))
        ready_us = world.now_us + draws.duration_us(2 * 86_400, 0.3)


def _ship(world: World, planning: Planning, po: Purchase, part: dict[str, int], number: int, parts: int) -> Process:
    tell, draws, pieces = world.recorder.tell, po.draws, sum(part.values())
    shipment = Thing("shipment", f"SH-{po.id[3:]}-{number}", supplier=po.supplier, quantity=str(pieces))
    world.recorder.link(po, shipment, "shipment")
    tell("supplier-network", "Advance shipping notice received", (shipment, po), world.now_us)
    world.integration.send("supplier-to-erp", (shipment, po), world.now_us + MINUTE)
    way_us = draws.duration_us(20 * 3600, 0.3)
    if draws.chance(DELAYED):
        tell("supplier-network", "Shipment delayed", (shipment, po), world.now_us + way_us // 2 // SECOND * SECOND)
        way_us += draws.duration_us(86_400, 0.4)
    yield world.until(world.dock.add(world.now_us + way_us, draws.duration_us(3000, 0.7)))
    tell("wms", "Goods arrived", (shipment, po), world.now_us, by=f"dock-{draws.whole(1, 9):02d}")
    work = _receivers(world).do(world.now_us, draws.duration_us(1800 + 240 * len(part), 0.4))
    yield world.until(work.end_us)
    receipt = Thing("goods_receipt", f"GR-{po.id[3:]}-{number}", supplier=po.supplier, quantity=str(pieces))
    world.recorder.link(po, receipt, "receipt")
    posted = "Goods receipt posted" if number == parts else "Partial receipt posted"
    details = {"quantity": pieces, "articles": len(part)}
    tell("wms", posted, (receipt, shipment, po), work.end_us, by=work.by, cents=_value(part), details=details)
    if draws.chance(0.02):
        tell("wms", "Quality issue reported", (receipt, po), work.end_us + 20 * MINUTE, by=work.by, outcome="rejected")
    po.open_cents -= _value(part)
    for sku, count in part.items():
        planning.on_order[sku] -= count
        world.stock.move((sku, CENTER), count)


def _value(part: dict[str, int]) -> int:
    return sum(round(ARTICLE[sku].cents * COST) * pieces for sku, pieces in part.items())
