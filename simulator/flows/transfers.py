"""Inter-store transfers: a store that has too much of an article sends some to one that has too little."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.flows.till import staff
from simulator.world.draws import Draws, Table
from simulator.world.facts import Thing, amount
from simulator.world.integration import erp_batch_us
from simulator.world.retailer import ARTICLE, BOUGHT, CARRIERS, STORES, Store
from simulator.world.times import DAY, HOUR, MINUTE, SECOND

if TYPE_CHECKING:
    from simulator.world.world import Process, World

PER_THOUSAND_ORDERS = 6
"""Times a day that a store looks for a transfer; about half of them while it is closed, when nobody asks."""
REASONS = Table({"rebalancing": 0.6, "customer order": 0.35, "recall": 0.05})
REJECTED, DELAYED, DIFFERS = 0.05, 0.05, 0.04


def start(world: World) -> None:
    world.begin(_asking(world))


def _asking(world: World) -> Process:
    draws = Draws(world.seed, "transfers")
    mean_us = DAY * 1000 / (PER_THOUSAND_ORDERS * max(world.orders_per_day, 200))
    at_us, stores = world.start_us + 9 * HOUR, list(STORES.values())
    while (at_us := at_us + int(mean_us * draws.between(0.3, 1.7)) // MINUTE * MINUTE) < world.end_us:
        sku, to = draws.pick(BOUGHT), stores[draws.whole(0, len(stores) - 1)]
        if not world.store_hours[to.id].is_open(at_us):
            continue
        yield world.until(at_us)
        others = [store for store in stores if store is not to]
        sender = max(others, key=lambda store: world.stock.real[sku, store.id])
        world.begin(_transfer(world, sku, sender, to))


def _transfer(world: World, sku: str, sender: Store, to: Store) -> Process:
    number = world.number("transfer", 70_001)
    draws, tell = Draws(world.seed, "transfer", number), world.recorder.tell
    pieces = max(1, world.stock.real[sku, sender.id] // 3)
    reason, carrier, cents = draws.pick(REASONS), draws.pick(CARRIERS), pieces * ARTICLE[sku].cents
    job = Thing(
        "transfer", f"TF-{number}", sending_store=sender.id, receiving_store=to.id, region=to.region, brand=to.brand,
        carrier=carrier, reason=reason, intercompany=str(sender.brand != to.brand).lower(), currency="EUR",
        transfer_value=amount(cents),
    )  # fmt: skip
    there, here = world.store_hours[sender.id], world.store_hours[to.id]
    details = {"sku": sku, "pieces": pieces}
    tell("pos", "Transfer requested", (job,), world.now_us, by=staff(world, to, draws), details=details)
    yield world.until(world.office.add(world.now_us, draws.duration_us(90 * 60, 0.8)))
    work = world.crew("planner", lambda: [(world.office, 6)]).do(world.now_us, draws.duration_us(180, 0.5))
    yield world.until(work.end_us)
    if draws.chance(REJECTED):
        tell("erp", "Transfer rejected", (job,), work.end_us, by=work.by, outcome="rejected")
        return
    tell("erp", "Transfer approved", (job,), work.end_us, by=work.by)
    yield world.until(work.end_us + draws.duration_us(20 * 60, 0.4))
    if not world.stock.take((sku, sender.id), pieces):
        tell("erp", "Reservation failed", (job,), world.now_us, outcome="rejected")
        tell("erp", "Transfer cancelled", (job,), world.now_us + 10 * MINUTE)
        return
    tell("erp", "Stock reserved", (job,), world.now_us, details=details)
    yield world.until(there.add(world.now_us, draws.duration_us(2 * 3600, 0.6)))
    by = staff(world, sender, draws)
    tell("pos", "Transfer picked", (job,), world.now_us, by=by)
    packed_us = there.add(world.now_us, draws.duration_us(12 * 60, 0.5))
    parcel = Thing("parcel", f"T{carrier[0].upper()}T{number}", carrier=carrier)
    world.recorder.link(job, parcel, "parcel")
    tell("pos", "Transfer packed", (job, parcel), packed_us, by=by)
    handed_us = there.add(packed_us, draws.duration_us(3 * 3600, 0.5))
    tell(carrier, "Carrier handover", (parcel,), handed_us, by=f"driver-{draws.whole(1, 60):03d}")
    scanned_us = handed_us + draws.duration_us(9 * 3600, 0.3, 16 * 3600)
    tell(carrier, "In transit scan", (parcel,), scanned_us)
    if draws.chance(DELAYED):
        tell(carrier, "Shipment delayed", (parcel,), scanned_us + HOUR, outcome="retry")
        scanned_us += draws.duration_us(1.5 * DAY / SECOND, 0.4)
    yield world.until(here.add(scanned_us + 4 * HOUR, draws.duration_us(2 * 3600, 0.6)))
    tell("pos", "Transfer arrived", (job, parcel), world.now_us)
    yield world.until(here.add(world.now_us, draws.duration_us(75 * 60, 0.7)))
    by = staff(world, to, draws)
    tell("pos", "Transfer received", (job,), world.now_us, by=by, details=details)
    world.stock.move((sku, to.id), pieces)
    if draws.chance(DIFFERS):
        tell("pos", "Discrepancy reported", (job,), world.now_us + MINUTE, by=by, outcome="rejected")
        yield world.until(here.add(world.now_us, draws.duration_us(9 * 3600, 0.6)))
        tell("erp", "Discrepancy resolved", (job,), world.now_us, by=work.by)
    confirmed_us = here.add(world.now_us, draws.duration_us(40 * 60, 0.6))
    tell("pos", "Receipt confirmed", (job,), confirmed_us, by=by)
    posted_us = erp_batch_us(world, job, confirmed_us) + draws.whole(5, 240) * SECOND
    if sender.brand != to.brand:
        tell("erp", "Intercompany invoice posted", (job,), posted_us, cents=round(cents * 0.6))
    tell("erp", "Transfer closed", (job,), posted_us + MINUTE)
