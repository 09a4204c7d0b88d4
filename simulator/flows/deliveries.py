"""Fulfilling an order: from the distribution centre, from a store, or for pickup there."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any

import simpy

from simulator.faults.active import Active
from simulator.flows.billing import cancel, invoice
from simulator.flows.carriers import carry
from simulator.flows.order import Line, Order
from simulator.flows.oversell import oversold
from simulator.flows.workflows import run_workflow
from simulator.world.facts import Thing
from simulator.world.retailer import CENTER, STORES, WAREHOUSE, ZONE
from simulator.world.times import DAY, HOUR, MINUTE, SECOND, written

if TYPE_CHECKING:
    from simulator.world.crew import Crew
    from simulator.world.world import Ending, Process, World

    Arrivals = Generator[simpy.Event, Any, list[int | None]]

PATIENCE_US = 9 * DAY
"""How long a customer waits for what is out of stock before the order is cancelled."""
LONG_WAIT_US = 3 * HOUR
"""In working hours: with enough pickers nothing waits for so long."""
EARLY = dict.fromkeys(WAREHOUSE, ("06:00", "14:00"))
LATE = dict.fromkeys(WAREHOUSE, ("14:00", "22:00"))


def start(world: World) -> None:
    """Pickers stay away when a scenario says so."""
    for shortage in world.faults.of("picker_shortage"):
        world.begin(_absence(world, shortage))


def _absence(world: World, shortage: Active) -> Process:
    yield world.until(shortage.begins_us)
    _pickers(world).away(shortage.share, shortage.ends_us)


def _pickers(world: World) -> Crew:
    return world.crew(
        "picker",
        lambda: [(world.hours(ZONE, EARLY), world.sized(22, 2)), (world.hours(ZONE, LATE), world.sized(24, 2))],
    )


def _packers(world: World) -> Crew:
    return world.crew(
        "packer", lambda: [(world.hours(ZONE, EARLY), world.sized(9, 2)), (world.hours(ZONE, LATE), world.sized(10, 2))]
    )


def _staff(world: World, store: str) -> Crew:
    return world.crew(f"{store}-staff", lambda: [(world.store_hours[store], world.sized(1.2 * STORES[store].sales, 1))])


def fulfil(world: World, order: Order) -> Process:
    """Get the order to the customer, and what follows from that."""
    if order.way == "pickup":
        done = yield from _pick_up(world, order)
    elif order.way == "store":
        done = yield from _from_store(world, order)
    else:
        done = yield from _from_center(world, order)
    if done is None:
        return
    late = (order.ready_us or done) > order.promised_us
    world.announce("order delivered", order, done, late)
    invoice(world, order, done)


def _from_center(world: World, order: Order) -> Ending:
    """When the last of its parcels is delivered; None when the order ends otherwise."""
    there, short = _on_hand(world, order)
    arrived: list[int | None] = []
    if short and there:
        world.recorder.tell("erp", "Order split", (order,), world.now_us, details={"deliveries": 2})
    if short:
        rest = world.env.process(_backordered(world, order, short, 2 if there else 1))
    if there:
        arrived.append((yield from _deliver(world, order, there, 1)))
    if short:
        arrived += yield rest
    if not arrived:
        cancel(world, order, world.now_us, "out_of_stock")
    times = [at_us for at_us in arrived if at_us is not None]
    return max(times) if len(times) == len(arrived) and times else None


def _backordered(world: World, order: Order, short: Sequence[Line], number: int) -> Arrivals:
    """When the parcel of what was out of stock is delivered; nothing when it never came in."""
    if not (yield from _restocked(world, order, short)):
        return []
    return [(yield from _deliver(world, order, short, number))]


def _on_hand(world: World, order: Order) -> tuple[list[Line], list[Line]]:
    """The lines of which there is enough, taken off the stock, and the others."""
    there, short = [], []
    for line in order.lines:
        if world.stock.take((line.sku, CENTER), line.pieces):
            there.append(line)
        else:
            oversold(world, order, line)
            short.append(line)
    return there, short


def _restocked(world: World, order: Order, short: Sequence[Line]) -> Generator[simpy.Event, Any, bool]:
    """Wait until there is enough of everything; False when it takes longer than the customer waits."""
    tell = world.recorder.tell
    places = [(line.sku, CENTER) for line in short]
    things = (order, *(line.thing for line in short), *(world.stock.things[place] for place in places))
    details = {system: world.stock.believed[system][places[0]] for system in ("wms", "erp", "shop")}
    tell("erp", "Out of stock reported", things, world.now_us, outcome="rejected", details=details)
    tell("erp", "Backorder created", (order,), world.now_us + 20 * SECOND)
    world.announce("out of stock", order, places, world.now_us)
    until_us = world.now_us + PATIENCE_US
    if any(active.is_hit(order) for active in world.faults.of("oversell")):
        yield world.until(world.now_us + order.draws.duration_us(1.2 * 86_400, 0.4))
        return False
    for number, line in enumerate(short):
        place = (line.sku, CENTER)
        while not world.stock.take(place, line.pieces):
            left_us = until_us - world.now_us
            if left_us <= 0:
                for had in short[:number]:
                    world.stock.move((had.sku, CENTER), had.pieces)
                return False
            yield world.stock.arrives(place) | world.env.timeout(left_us)
    return True


def _deliver(world: World, order: Order, lines: Sequence[Line], number: int) -> Ending:
    """When the parcel of these lines is delivered; None when it never is."""
    tell, draws, now_us = world.recorder.tell, order.draws, world.now_us
    delivery = Thing("delivery", f"D-{order.id[2:]}-{number}", location=CENTER, carrier=order.carrier)
    around = world.faults.at("unauthorised_variant", order.at_us, order, region=order.region)
    world.recorder.link(order, delivery, "delivery", told_with=delivery if around is not None else None)
    if around is None:
        at_us = now_us + draws.duration_us(300, 0.6)
        tell("erp", "Stock allocated", (order, delivery), at_us)
    else:
        at_us = now_us + draws.duration_us(60, 0.4)
        around.hit(order, now_us, skips="Stock allocated")
    sent = world.integration.send("erp-to-wms", (delivery, order), max(at_us, now_us))
    if sent.at_us is None:
        return None
    yield world.until(sent.at_us)
    pick = _pickers(world).do(world.now_us, draws.duration_us(10 * 60 + 90 * len(lines), 0.5, 3600))
    yield world.until(pick.start_us)
    shortage = world.faults.at("picker_shortage", sent.at_us)
    if shortage is not None and (waited_us := world.warehouse.between(sent.at_us, pick.start_us)) > LONG_WAIT_US:
        shortage.hit(delivery, sent.at_us, waited_working_s=waited_us // SECOND)
    tell("wms", "Pick started", (delivery,), pick.start_us, by=pick.by)
    if draws.chance(0.01):
        tell("wms", "Short pick reported", (delivery,), pick.end_us - 20 * SECOND, by=pick.by, outcome="error")
    tell("wms", "Pick completed", (delivery,), pick.end_us, by=pick.by)
    yield world.until(pick.end_us)
    pack = _packers(world).do(world.now_us + draws.duration_us(6 * 60, 0.5), draws.duration_us(5 * 60, 0.5))
    parcel = Thing("parcel", f"T{order.carrier[0].upper()}{order.id[2:]}{number:02d}", carrier=order.carrier)
    world.recorder.link(delivery, parcel, "parcel")
    tell("wms", "Packed", (delivery,), pack.end_us, by=pack.by)
    label_us = pack.end_us + draws.duration_us(60, 0.5)
    if draws.chance(0.03):
        tell("crm", "Address corrected", (order,), label_us, by=f"agent-{draws.whole(1, 8):02d}")
        label_us += draws.duration_us(1800, 0.6)
    tell("wms", "Label printed", (parcel, delivery), label_us, by=pack.by)
    yield world.until(label_us)
    world.announce("goods issued", order, delivery, lines, label_us)
    world.integration.send("wms-to-shop", (delivery, order), label_us)
    handed_us, delivered_us = carry(world, parcel, order.carrier, order.region, label_us, draws)
    if not order.paid:
        _paid_at_last(world, order, handed_us)
    if delivered_us is None or delivered_us > order.promised_us:
        world.begin(_late(world, order, parcel))
    if delivered_us is None:
        return None
    yield world.until(delivered_us)
    return delivered_us


def _paid_at_last(world: World, order: Order, handed_us: int) -> None:
    """The provider answers when the parcel is gone."""
    early = world.faults.at("ship_before_payment", order.at_us, order, channel=order.channel)
    if early is None:
        return  # it is paid by invoice
    early.hit(order, handed_us, cents=order.cents)
    order.paid = True
    payment = Thing("payment", f"P-{order.id[2:]}", method=order.method)
    late_us = handed_us + order.draws.duration_us(0.8 * 86_400, 0.5)
    world.recorder.tell("payments", "Payment authorised", (payment, order), late_us, cents=order.cents)


def _late(world: World, order: Order, parcel: Thing) -> Process:
    yield world.until(order.promised_us)
    world.announce("order late", order, parcel, world.now_us)


def _from_store(world: World, order: Order) -> Ending:
    """A store sends it; a store that refuses leaves it to the distribution centre."""
    tell, draws, now_us = world.recorder.tell, order.draws, world.now_us
    job = Thing("store_fulfilment", f"F-{order.id[2:]}", store=order.store, carrier=order.carrier)
    job.attributes |= {
        name: order.attributes[name] for name in ("channel", "region", "brand", "promised_delivery_date")
    }
    job.attributes |= {"fulfilment_value": order.attributes["order_value"], "currency": "EUR"}
    world.recorder.link(order, job, "fulfilment")
    at_us = now_us + draws.duration_us(30, 0.5)
    tell("temporal", "Fulfilment sent to store", (job, order), at_us, actor="temporal:store-order")
    work = _staff(world, order.store).do(at_us, draws.duration_us(10 * 60, 0.5, 3600))
    run_workflow(world, "store-order", (job, order), at_us, work.start_us)
    yield world.until(work.start_us)
    taken = all(world.stock.real[line.sku, order.store] >= line.pieces for line in order.lines)
    if not taken or draws.chance(0.04):
        tell("pos", "Fulfilment refused by store", (job,), work.start_us, by=work.by, outcome="rejected",
             details={"reason": "out_of_stock" if not taken else "no_time"})  # fmt: skip
        tell("temporal", "Fulfilment rerouted", (job, order), work.start_us + 30 * SECOND, actor="temporal:store-order")
        tell("erp", "Order rerouted", (order,), work.start_us + MINUTE, details={"to": CENTER})
        yield world.until(work.start_us + MINUTE)
        return (yield from _from_center(world, order))
    for line in order.lines:
        world.stock.move((line.sku, order.store), -line.pieces)
    tell("pos", "Fulfilment accepted by store", (job,), work.start_us, by=work.by)
    tell("pos", "Pick started", (job,), work.start_us + 30 * SECOND, by=work.by)
    tell("pos", "Pick completed", (job,), work.end_us, by=work.by)
    parcel = Thing("parcel", f"T{order.carrier[0].upper()}{order.id[2:]}S1", carrier=order.carrier)
    world.recorder.link(job, parcel, "parcel")
    packed_us = work.end_us + draws.duration_us(4 * 60, 0.4)
    tell("pos", "Packed", (job,), packed_us, by=work.by)
    tell("pos", "Label printed", (parcel, job), packed_us + 40 * SECOND, by=work.by)
    yield world.until(packed_us + 40 * SECOND)
    world.announce("goods issued", order, job, order.lines, world.now_us)
    tell("pos", "Courier booked", (job,), packed_us + 90 * SECOND, by=work.by)
    _, delivered_us = carry(world, parcel, order.carrier, order.region, packed_us + 90 * SECOND, draws)
    if delivered_us is None or delivered_us > order.promised_us:
        world.begin(_late(world, order, parcel))
    if delivered_us is not None:
        yield world.until(delivered_us)
    return delivered_us


def _pick_up(world: World, order: Order) -> Ending:
    """The store puts it aside until the customer comes."""
    tell, draws, now_us = world.recorder.tell, order.draws, world.now_us
    job = Thing("pickup", f"K-{order.id[2:]}", store=order.store)
    job.attributes |= {name: order.attributes[name] for name in ("channel", "region", "brand", "customer_segment")}
    job.attributes |= {"pickup_value": order.attributes["order_value"], "currency": "EUR"}
    job.attributes["promised_ready_at"] = written(order.promised_us)
    world.recorder.link(order, job, "pickup")
    at_us = now_us + draws.duration_us(20, 0.5)
    there = all(world.stock.real[line.sku, order.store] >= line.pieces for line in order.lines)
    if not there:
        tell("erp", "Reservation failed", (job, order), at_us, outcome="rejected")
        tell("erp", "Pickup cancelled", (job, order), at_us + MINUTE)
        tell("erp", "Order rerouted", (order,), at_us + 2 * MINUTE, details={"to": CENTER})
        yield world.until(at_us + 2 * MINUTE)
        return (yield from _from_center(world, order))
    for line in order.lines:
        world.stock.move((line.sku, order.store), -line.pieces)
    tell("erp", "Store stock reserved", (job, order), at_us)
    tell("temporal", "Pickup sent to store", (job, order), at_us + 5 * SECOND, actor="temporal:store-order")
    work = _staff(world, order.store).do(at_us + 5 * SECOND, draws.duration_us(9 * 60, 0.5, 3600))
    run_workflow(world, "store-order", (job, order), at_us + 5 * SECOND, work.start_us)
    yield world.until(work.end_us)
    tell("pos", "Pickup accepted by store", (job,), work.start_us, by=work.by)
    tell("pos", "Pick started", (job,), work.start_us + 20 * SECOND, by=work.by)
    tell("pos", "Pick completed", (job,), work.end_us, by=work.by)
    staged_us = work.end_us + draws.duration_us(120, 0.5)
    tell("pos", "Pickup staged", (job,), staged_us, by=work.by)
    tell("crm", "Customer notified", (job, order), staged_us + 30 * SECOND)
    world.announce("goods issued", order, job, order.lines, staged_us)
    order.ready_us = staged_us
    if staged_us > order.promised_us:
        world.announce("order late", order, job, staged_us)
    comes_us = world.store_hours[order.store].at_work(staged_us + draws.duration_us(20 * 3600, 0.8))
    if comes_us - staged_us > 7 * DAY or draws.chance(0.02):
        expired_us = staged_us + 7 * DAY
        tell("pos", "Pickup expired", (job,), expired_us)
        tell("pos", "Returned to shelf", (job,), expired_us + draws.duration_us(3600, 0.6), by=work.by)
        yield world.until(expired_us)
        for line in order.lines:
            world.stock.move((line.sku, order.store), line.pieces)
        cancel(world, order, expired_us + HOUR, "not_collected")
        return None
    if comes_us - staged_us > 3 * DAY:
        tell("crm", "Customer reminded", (job, order), staged_us + 3 * DAY)
    yield world.until(comes_us)
    tell("pos", "Customer arrived", (job,), comes_us)
    tell("pos", "Order collected", (job, order), comes_us + draws.duration_us(240, 0.5), by=work.by)
    return comes_us
