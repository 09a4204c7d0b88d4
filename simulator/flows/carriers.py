"""Parcels on their way: handed over, scanned, out for delivery, delivered, or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from simulator.world.draws import Draws
from simulator.world.facts import Thing
from simulator.world.times import HOUR, SECOND

if TYPE_CHECKING:
    from simulator.world.world import World

SPEED = {"ridge-express": 0.85, "meadow-post": 1.1, "harbor-parcel": 1.0}
SECOND_SCAN, MISSED_ROUND, FAILED_ATTEMPT, LOST = 0.32, 0.065, 0.06, 0.0015


class Carried(NamedTuple):
    """When a parcel was handed over, and when it was delivered; None when it is lost."""

    handed_us: int
    delivered_us: int | None


def carry(world: World, parcel: Thing, carrier: str, region: str, ready_us: int, draws: Draws) -> Carried:
    """What becomes of the parcel that is ready then. A carrier knows parcels only."""
    tell = world.recorder.tell
    handed_us = _next_truck(world, carrier, ready_us) + draws.duration_us(8 * 60, 0.6)
    tell(carrier, "Carrier handover", (parcel,), handed_us, by=f"dock-{draws.whole(1, 9):02d}")
    at_us = handed_us
    backlog = world.faults.at("carrier_backlog", handed_us, parcel, carrier=carrier, region=region)
    if backlog is not None:
        backlog.hit(parcel, handed_us, carrier=carrier)
        at_us += draws.duration_us(backlog.size * 86_400, 0.3)
    at_us += draws.duration_us(2.5 * 3600 * SPEED[carrier], 0.5)
    tell(carrier, "In transit scan", (parcel,), at_us)
    scans = 1
    while scans < 6 and draws.chance(SECOND_SCAN):
        at_us += draws.duration_us(4 * 3600 * SPEED[carrier], 0.5)
        tell(carrier, "In transit scan", (parcel,), at_us)
        scans += 1
    if draws.chance(LOST):
        tell(carrier, "Parcel lost", (parcel,), at_us + draws.duration_us(4 * 86_400, 0.3), outcome="error")
        return Carried(handed_us, None)
    while True:
        sorted_us = at_us + (30 if draws.chance(MISSED_ROUND) else 6) * HOUR
        out_us = world.rounds.at_work(sorted_us)  # sorted overnight: the next round after that
        out_us += draws.duration_us(40 * 60, 0.6)
        driver = f"driver-{draws.whole(1, 60):03d}"
        tell(carrier, "Out for delivery", (parcel,), out_us, by=driver)
        there_us = out_us + draws.duration_us(2 * 3600, 0.5, 8 * 3600)
        if not draws.chance(FAILED_ATTEMPT):
            tell(carrier, "Delivered", (parcel,), there_us, by=driver)
            return Carried(handed_us, there_us)
        tell(carrier, "Delivery attempt failed", (parcel,), there_us, by=driver, outcome="error", error="nobody_home")
        at_us = there_us


def _next_truck(world: World, carrier: str, ready_us: int) -> int:
    """Parcels leave with the next truck: one an hour while the dock is open."""
    return world.dock.at_work((ready_us // HOUR + 1) * HOUR + (hash_of(carrier) % 30) * 60 * SECOND)


def hash_of(name: str) -> int:
    """A number that follows from a name, the same in every process."""
    return sum(place * ord(letter) for place, letter in enumerate(name, 1))
