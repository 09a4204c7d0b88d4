"""When customers come: the rhythm of the day and of the week, and peaks of a scenario."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from simulator.world.draws import Draws, Table
from simulator.world.times import HOUR, MILLISECOND, as_datetime, local_us

if TYPE_CHECKING:
    from simulator.world.world import World

BY_HOUR = (
    *(0.25, 0.15, 0.10, 0.10, 0.12, 0.25, 0.60, 1.10, 1.70, 2.10, 2.30, 2.30),
    *(2.20, 2.00, 1.90, 1.90, 1.80, 1.70, 1.70, 1.90, 2.20, 1.90, 1.20, 0.55),
)
"""Relative demand online in each hour of the head office's day."""
BY_WEEKDAY = (1.12, 1.06, 1.0, 1.0, 1.03, 0.85, 0.94)
"""Relative demand online, Monday first."""
IN_STORES = (0, 0, 0, 0, 0, 0, 0, 0, 0.2, 0.6, 1.0, 1.2, 1.3, 1.1, 1.1, 1.2, 1.4, 1.6, 1.5, 1.0, 0.6, 0.3, 0, 0)
STORES_BY_WEEKDAY = (0.85, 0.85, 0.9, 0.95, 1.15, 1.45, 0.0)


def arrivals(
    world: World,
    name: str,
    per_day: float,
    by_hour: Sequence[float],
    by_weekday: Sequence[float],
    zone: ZoneInfo | None = None,
) -> Iterator[int]:
    """Instants at which somebody comes, in order, until the end; on each day as many as the rhythm has it, give or take
    what chance does (Poisson, by the normal distribution). `zone`: by whose clocks; the head office's unless given."""
    hours = Table({str(hour): weight for hour, weight in enumerate(by_hour)})
    usual = sum(by_weekday) / len(by_weekday)
    for day in range(world.days):
        date = world.first + timedelta(days=day)
        draws = Draws(world.seed, name, day)
        begins_us = local_us(date, "00:00", zone or world.zone)
        peak = world.faults.at("holiday_peak", begins_us + 12 * HOUR)
        expected = per_day * by_weekday[date.weekday()] / usual * (peak.size if peak is not None else 1.0)
        count = max(0, round(expected + expected**0.5 * draws.normal()))
        found = []
        for _ in range(count):
            hour = int(draws.pick(hours))
            found.append(begins_us + hour * HOUR + int(draws.random() * HOUR) // MILLISECOND * MILLISECOND)
        yield from sorted(found)


def local_date(world: World, at_us: int) -> str:
    """The date at the head office, as systems write business dates."""
    return as_datetime(at_us).astimezone(world.zone).date().isoformat()
