"""Stock counts: what is found to be missing, and how beliefs are put right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.world.draws import Draws
from simulator.world.facts import Thing
from simulator.world.retailer import BOUGHT, CENTER, LOCATIONS, STORES
from simulator.world.stock import Place
from simulator.world.times import DAY, HOUR, MINUTE

if TYPE_CHECKING:
    from simulator.world.world import Process, World

COUNTS_PER_THOUSAND_ORDERS = 4
MISSING = 0.3
"""Of counts, how many find that something is gone."""


def start(world: World) -> None:
    def negative(place: Place, at_us: int) -> None:
        world.begin(_count(world, place, Draws(world.seed, "count", *place, at_us), shrinks=False))

    world.on("negative stock", negative)
    world.begin(_planned(world))


def _planned(world: World) -> Process:
    draws = Draws(world.seed, "counts")
    mean_us = DAY * 1000 / (COUNTS_PER_THOUSAND_ORDERS * max(world.orders_per_day, 100))
    at_us = world.start_us + 9 * HOUR
    while (at_us := at_us + int(mean_us * draws.between(0.2, 1.8)) // MINUTE * MINUTE) < world.end_us:
        place = draws.pick(BOUGHT), LOCATIONS[draws.whole(0, len(LOCATIONS) - 1)]
        yield world.until(at_us)
        world.begin(_count(world, place, Draws(world.seed, "count", *place, at_us), shrinks=draws.chance(MISSING)))


def _count(world: World, place: Place, draws: Draws, shrinks: bool) -> Process:
    """Somebody counts; where the count is another than what is believed, the ERP corrects it."""
    tell, (sku, location) = world.recorder.tell, place
    store = STORES.get(location)
    number = world.number("stock_count", 10_001)
    movement = Thing(
        "stock_movement", f"M-C{number}", sku=sku, store=location, region=store.region if store else "",
        brand=store.brand if store else "", movement_type="count", currency="EUR",
    )  # fmt: skip
    count = Thing("stock_count", f"SC-{number}", store=location)
    things = movement, count, world.stock.things[place]
    tell("erp", "Cycle count requested", things, world.now_us)
    hours = world.warehouse if store is None else world.store_hours[location]
    counted_us = hours.add(world.now_us, draws.duration_us(2.5 * 3600, 0.5))
    yield world.until(counted_us)
    if shrinks and world.stock.real[place] > 1:
        world.stock.real[place] -= draws.whole(1, min(3, world.stock.real[place]))
    on_hand, system = world.stock.real[place], "wms" if location == CENTER else "pos"
    believed = world.stock.believed[system][place]
    by = f"{location}-staff-01" if store else f"picker-{draws.whole(1, 9):02d}"
    details = {"sku": sku, "location": location, "on_hand": on_hand, "believed": believed}
    tell(system, "Cycle count posted", things, counted_us, by=by, details=details)
    if on_hand == believed:
        tell("erp", "Stock synchronised", things, counted_us + MINUTE)
        return
    found_us = counted_us + draws.duration_us(10 * 60, 0.5)
    tell("erp", "Stock discrepancy found", things, found_us, outcome="rejected", details=details)
    looked_us = world.office.add(found_us, draws.duration_us(3 * 3600, 0.6))
    planners = world.crew("planner", lambda: [(world.office, 6)])
    tell("erp", "Discrepancy investigated", things, looked_us, by=planners.members[draws.whole(0, 5)])
    yield world.until(looked_us)
    work = planners.do(world.now_us, draws.duration_us(8 * 60, 0.6))
    yield world.until(work.end_us)
    tell("erp", "Stock correction approved", things, work.end_us, by=work.by)
    world.stock.move(place, 0)
    world.stock.tell(system, place, world.stock.real[place])
    details = {"sku": sku, "location": location, "on_hand": world.stock.real[place]}
    tell("erp", "Stock corrected", things, work.end_us + MINUTE, details=details)
    tell("erp", "Stock synchronised", things, work.end_us + 2 * MINUTE)
    world.announce("stock corrected", place, "correction", work.end_us)
