"""Instants of the simulated world, and when people work.

Instants are microseconds since 1970 in UTC and durations are microseconds, both as plain integers and whole
milliseconds: SimPy's clock counts them exactly.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

MILLISECOND = 1_000
SECOND = 1_000 * MILLISECOND
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LONGEST_WAIT_DAYS = 400
"""How far after the end of a simulation opening hours are known: work may be put off until then."""

Week = Mapping[str, tuple[str, str]]
"""Opening and closing hour of each day of the week that is open, such as {"mon": ("07:00", "19:00")}."""


def instant_us(at: datetime) -> int:
    """An aware instant in microseconds, cut off to whole milliseconds."""
    return (at - EPOCH) // timedelta(milliseconds=1) * MILLISECOND


def as_datetime(at_us: int) -> datetime:
    """The instant in UTC."""
    return EPOCH + timedelta(microseconds=at_us)


def written(at_us: int) -> str:
    """RFC 3339 in UTC with milliseconds, as most systems write it."""
    return as_datetime(at_us).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at_us // MILLISECOND % 1000:03d}Z"


def local_us(day: date, clock: str, zone: ZoneInfo) -> int:
    """The instant at which clocks of the zone show this. `clock` such as 07:00; 24:00 is the next midnight."""
    hour, minute = clock.split(":")
    midnight = datetime.combine(day + timedelta(days=int(hour) // 24), time(int(hour) % 24, int(minute)), zone)
    return instant_us(midnight)


class Hours:
    """The opening hours of a place in its own time zone, clock changes included."""

    def __init__(self, zone: str, week: Week, start_us: int, end_us: int, closed: Sequence[date] = ()) -> None:
        """`closed`: local dates on which nobody works whatever the day of the week."""
        place = ZoneInfo(zone)
        first = (as_datetime(start_us) - timedelta(days=3)).astimezone(place).date()
        days = (end_us - start_us) // DAY + LONGEST_WAIT_DAYS
        shut = frozenset(closed)
        self.zone = place
        self.opens_us: list[int] = []
        self.closes_us: list[int] = []
        for number in range(days):
            day = first + timedelta(days=number)
            hours = week.get(WEEKDAYS[day.weekday()])
            if hours is not None and day not in shut:
                self.opens_us.append(local_us(day, hours[0], place))
                self.closes_us.append(local_us(day, hours[1], place))

    def is_open(self, at_us: int) -> bool:
        place = bisect_right(self.opens_us, at_us) - 1
        return place >= 0 and at_us < self.closes_us[place]

    def at_work(self, at_us: int) -> int:
        """The instant itself, or the next opening."""
        place = bisect_right(self.opens_us, at_us) - 1
        if place >= 0 and at_us < self.closes_us[place]:
            return at_us
        return self.opens_us[place + 1]

    def add(self, at_us: int, work_us: int) -> int:
        """The instant at which so much has been worked since `at_us`: what is not done by closing goes on next day."""
        at_us = self.at_work(at_us)
        place = bisect_right(self.opens_us, at_us) - 1
        left_us = work_us
        while left_us > (today_us := self.closes_us[place] - at_us):
            left_us -= today_us
            place += 1
            at_us = self.opens_us[place]
        return at_us + left_us

    def between(self, from_us: int, to_us: int) -> int:
        """How long it is open from one instant to a later one."""
        place, open_us = max(0, bisect_right(self.opens_us, from_us) - 1), 0
        while place < len(self.opens_us) and self.opens_us[place] < to_us:
            open_us += max(0, min(to_us, self.closes_us[place]) - max(from_us, self.opens_us[place]))
            place += 1
        return open_us
