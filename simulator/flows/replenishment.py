"""Store replenishment: the distribution centre fills the stores by truck, each on its days."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from simulator.flows.till import staff
from simulator.world.draws import Draws
from simulator.world.facts import Thing, amount
from simulator.world.integration import erp_batch_us
from simulator.world.retailer import ARTICLE, ARTICLES, CENTER, STORES, Store
from simulator.world.times import DAY, HOUR, MINUTE, SECOND, as_datetime

if TYPE_CHECKING:
    from simulator.world.crew import Crew
    from simulator.world.world import Process, World

TRUCK_DAYS = ((0, 2, 4), (1, 3, 5))
"""Days of the week on which a truck goes to every other store, Monday being 0."""
COVER_DAYS, MORE_PICKUPS = 9, 1.35
"""For how many days a store is filled, counting what customers pick up there on top of the sales."""
SAFETY, LEAST = 2.0, 2
PROMOTED = 3
"""Times as much is sent to the stores of what is promoted."""
ADJUSTED, TRUCK_LATE, DIFFERS = 0.12, 0.05, 0.03

Lines = dict[str, int]


class Deliveries:
    """Pieces on their way to each store, by article."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.on_way: dict[tuple[str, str], int] = defaultdict(int)

    def needs(self, store: str) -> Lines:
        """What a store lacks, as far as the ERP knows."""
        believed, usual, promoted = self.world.stock.believed["erp"], self.world.stock.usual, self.world.promoted
        wanted = {}
        for article in ARTICLES:
            place = article.id, store
            demand = usual[place] * COVER_DAYS * MORE_PICKUPS * (PROMOTED if article.id in promoted else 1)
            full = max(LEAST, round(demand + SAFETY * demand**0.5))
            lacks = full - max(believed[place], 0) - self.on_way[place]
            if lacks >= max(1, full // 4):
                wanted[article.id] = lacks
        return wanted


def start(world: World) -> None:
    deliveries = Deliveries(world)
    for number, store in enumerate(STORES.values()):
        world.begin(_days(world, deliveries, store, TRUCK_DAYS[number % 2]))


def _days(world: World, deliveries: Deliveries, store: Store, truck_days: tuple[int, ...]) -> Process:
    for day in range(1, world.days + 1):
        at_us = world.day_us(day, "06:10")
        if as_datetime(at_us).weekday() in truck_days and world.faults.at("quiet_shop", at_us, store=store.id) is None:
            yield world.until(at_us)
            lines = deliveries.needs(store.id)
            if lines:
                world.begin(_replenish(world, deliveries, store, lines, day))


def _pickers(world: World) -> Crew:
    return world.crew("loader", lambda: [(world.warehouse, world.sized(8, 6))])


def _replenish(world: World, deliveries: Deliveries, store: Store, lines: Lines, day: int) -> Process:
    """From the proposal of the ERP to the shelf of the store."""
    tell, draws = world.recorder.tell, Draws(world.seed, "replenishment", store.id, day)
    cents = sum(ARTICLE[sku].cents * pieces for sku, pieces in lines.items())
    job = Thing(
        "replenishment", f"RP-{store.id}-{day:03d}", store=store.id, region=store.region, brand=store.brand,
        trigger="reorder point", replenishment_value=amount(cents), currency="EUR",
        quantity=str(sum(lines.values())),
    )  # fmt: skip
    for sku, pieces in lines.items():
        deliveries.on_way[sku, store.id] += pieces
    tell("erp", "Replenishment proposed", (job,), world.now_us, cents=cents, details={"articles": len(lines)})
    yield world.until(world.office.add(world.now_us, draws.duration_us(2400, 0.7)))
    work = world.crew("planner", lambda: [(world.office, 6)]).do(world.now_us, draws.duration_us(5 * 60, 0.5))
    yield world.until(work.end_us)
    if draws.chance(ADJUSTED):
        tell("erp", "Quantity adjusted", (job,), work.end_us - MINUTE, by=work.by)
    tell("erp", "Replenishment approved", (job,), work.end_us, by=work.by)
    yield world.until(erp_batch_us(world, job, work.end_us) + draws.whole(5, 240) * SECOND)
    tell("erp", "Replenishment released", (job,), world.now_us)
    delivery = Thing("delivery", f"D-{job.id[3:]}", location=CENTER, store=store.id)
    world.recorder.link(job, delivery, "delivery")
    sent = world.integration.send("erp-to-wms", (delivery, job), world.now_us + MINUTE)
    if sent.at_us is None:
        return
    yield world.until(sent.at_us)
    loaded = _allocate(world, deliveries, store, job, lines)
    pick = _pickers(world).do(world.now_us, draws.duration_us(1200 + 25 * sum(loaded.values()), 0.3, 2.5 * 3600))
    tell("wms", "Pick started", (job, delivery), pick.start_us, by=pick.by)
    tell("wms", "Pick completed", (job, delivery), pick.end_us, by=pick.by)
    yield world.until(pick.end_us)
    yield from _drive(world, deliveries, store, (job, delivery), loaded, draws)


def _allocate(world: World, deliveries: Deliveries, store: Store, job: Thing, lines: Lines) -> Lines:
    """Take what is there; the distribution centre keeps a third of what it has for its own orders."""
    tell, stock, loaded = world.recorder.tell, world.stock, {}
    for sku, pieces in lines.items():
        given = min(pieces, stock.real[sku, CENTER] * 2 // 3)
        if given > 0:
            stock.move((sku, CENTER), -given)
            loaded[sku] = given
        deliveries.on_way[sku, store.id] -= pieces - given
    missing = sum(lines.values()) - sum(loaded.values())
    tell("wms", "Stock allocated", (job,), world.now_us, details={"pieces": sum(loaded.values())})
    if missing:
        tell("wms", "Shortage reported", (job,), world.now_us + SECOND, outcome="rejected", details={"pieces": missing})
    return loaded


def _drive(
    world: World, deliveries: Deliveries, store: Store, things: tuple[Thing, Thing], loaded: Lines, draws: Draws
) -> Process:
    """The truck leaves in the next morning and is there before noon; the store puts away what it has received."""
    tell, hours = world.recorder.tell, world.store_hours[store.id]
    left_us = world.warehouse.at_work((world.now_us - world.start_us) // DAY * DAY + world.start_us + DAY + 6 * HOUR)
    left_us += draws.duration_us(50 * 60, 0.4)
    driver = f"truck-{draws.whole(1, 9):02d}"
    tell("wms", "Truck loaded", things, left_us - draws.whole(15, 40) * MINUTE, by=f"dock-{draws.whole(1, 9):02d}")
    tell("wms", "Truck departed", things, left_us, by=driver)
    way_us = draws.duration_us(3.2 * 3600, 0.3)
    if draws.chance(TRUCK_LATE):
        tell("wms", "Truck delayed", things, left_us + way_us // 2 // SECOND * SECOND, by=driver, outcome="retry")
        way_us += draws.duration_us(3 * 3600, 0.5)
    yield world.until(hours.at_work(left_us + way_us))
    arrived_us = world.now_us + draws.whole(1, 15) * MINUTE
    tell("pos", "Arrived at store", things, arrived_us, by=driver)
    received_us = hours.add(arrived_us, draws.duration_us(50 * 60, 0.5))
    by = staff(world, store, draws)
    if draws.chance(DIFFERS):
        tell("pos", "Receipt discrepancy reported", things, received_us - MINUTE, by=by, outcome="rejected")
    yield world.until(received_us)
    tell("pos", "Received by store", things, received_us, by=by, details={"pieces": sum(loaded.values())})
    for sku, pieces in loaded.items():
        deliveries.on_way[sku, store.id] -= pieces
        world.stock.move((sku, store.id), pieces)
    tell("pos", "Put on shelf", things, hours.add(received_us, draws.duration_us(80 * 60, 0.5)), by=by)
