"""When a source is silent for longer than it ever is.

Time is measured in what the source usually tells meanwhile. Of every hour of the week (in the zone of the process's
calendar) it is learned in how many minutes the source tells something; only hours in which the calendar is open count.
The measure of a silence is the sum of that over its time: how many telling minutes are missing. So a night or a weekend
in which it never tells much is short, by the clock as it may be long, and a holiday of the calendar is nothing. The
limit is a high quantile of the measures of its silences, times a margin.

It is bad for a source that tells a few times a week, whose hours of the week are not yet known; for one that changed
its hours; and where the weeks that it learned from hold an outage among few silences.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import polars as pl

from anomalies.rule_models import SilenceLimit
from anomalies.usual_wait import NotLearned
from kernel.calendar import BusinessCalendar
from kernel.warehouse import Warehouse, load_query

HOUR_US = 3_600_000_000
WEEK_HOURS = 168
FEWEST_MISSED = 3.0
"""No silence is one in which the source would have told less than this."""

Numbers = npt.NDArray[np.float64]
Instants = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Silence:
    """What silence of one source is usual, learned from what it told in [learn_since, learned_at)."""

    source: str
    calendar: BusinessCalendar
    rates: tuple[float, ...]
    """Telling minutes per open hour, of each hour of the week; Monday midnight first."""
    limit: float
    """Telling minutes that may be missing."""
    silences: int
    learn_since: datetime
    learned_at: datetime

    def missed(self, since: datetime, until: datetime) -> float:
        """In how many minutes of this time it would have told something; 0 when `until` is not after `since`."""
        if until <= since:
            return 0.0
        marks = np.array([_us(since), _us(until)])
        at = _measure(self.calendar, np.array(self.rates), marks)
        return float(at[1] - at[0])

    def is_silent(self, heard: datetime, now: datetime) -> bool:
        """Whether a source last heard then tells nothing for longer than it ever does."""
        return self.missed(heard, now) > self.limit

    def parameters(self) -> dict[str, str]:
        """For the evidence."""
        return {
            "silence_limit_minutes": f"{self.limit:.3f}",
            "silences": str(self.silences),
            "silence_learn_since": self.learn_since.isoformat(),
            "silence_learned_at": self.learned_at.isoformat(),
        }


def telling_minutes(warehouse: Warehouse, tenant: str, source: str, since: datetime, until: datetime) -> pl.DataFrame:
    """When a source told something in [since, until): one row per minute of UTC in which it did, with `first_at` and
    `last_at`, by when it happened, in order of time. Reads two columns of the source's events."""
    window = {"tenant": tenant, "source": source, "since": since, "until": until}
    return warehouse.query(load_query(__file__, "source_minutes"), window)


def usual_silence(
    minutes: pl.DataFrame, source: str, limits: SilenceLimit, now: datetime, calendar: BusinessCalendar
) -> Silence | NotLearned:
    """What silence is usual, learned from the `telling_minutes` in the `learn_from` before `now`; later ones, and
    those before, do not count. It changes slowly, so once a day is enough."""
    since = now - limits.learn_from
    minutes = minutes.filter((pl.col("first_at") >= since) & (pl.col("last_at") < now))
    if minutes.height <= limits.at_least:
        return NotLearned(
            f"source {source}: it told something in {minutes.height} minutes since {since:%Y-%m-%d}; more than "
            f"{limits.at_least} are needed to know when it is silent"
        )
    first = minutes["first_at"].dt.timestamp("us").to_numpy()
    last = minutes["last_at"].dt.timestamp("us").to_numpy()
    rates = _rates(calendar, first, max(since, minutes["first_at"][0]), now)
    at_first, at_last = _measure(calendar, rates, first), _measure(calendar, rates, last)
    measures = np.maximum(at_first[1:] - at_last[:-1], 0.0)
    limit = max(FEWEST_MISSED, limits.margin * float(np.quantile(measures, limits.quantile)))
    return Silence(source, calendar, tuple(float(rate) for rate in rates), limit, measures.size, since, now)


def _rates(calendar: BusinessCalendar, told_us: Instants, since: datetime, until: datetime) -> Numbers:
    """Minutes in which it told something, by open time alone, per open hour of each hour of the week."""
    hours, open_share, slots = _hours(calendar, _us(since), _us(until))
    # Of the first and the last hour only a part was watched.
    watched = (np.minimum(hours + HOUR_US, _us(until)) - np.maximum(hours, _us(since))) / HOUR_US
    open_hours = np.bincount(slots, weights=open_share * watched, minlength=WEEK_HOURS)
    spans = _spans(calendar, since, until)
    begun = np.searchsorted(spans[:, 0], told_us, side="right")
    told_us = told_us[(begun > 0) & (told_us < spans[np.maximum(begun - 1, 0), 1])] if len(spans) else told_us[:0]
    told = np.bincount(slots[np.searchsorted(hours, told_us, side="right") - 1], minlength=WEEK_HOURS)
    rates: Numbers = np.divide(told, open_hours, out=np.zeros(WEEK_HOURS), where=open_hours > 0)
    return rates


def _measure(calendar: BusinessCalendar, rates: Numbers, at_us: Instants) -> Numbers:
    """How many telling minutes lie between the first hour of these instants and each of them; they ascend."""
    hours, open_share, slots = _hours(calendar, int(at_us[0]), int(at_us[-1]))
    passed = np.concatenate(([0.0], np.cumsum(open_share * rates[slots])))
    ends = np.concatenate((hours, [hours[-1] + HOUR_US]))
    measured: Numbers = np.interp(at_us.astype(np.float64), ends.astype(np.float64), passed)
    return measured


def _hours(calendar: BusinessCalendar, since_us: int, until_us: int) -> tuple[Instants, Numbers, npt.NDArray[np.int64]]:
    """The hours of UTC from that of `since` to that of `until`: begin of each, the share of it in which the calendar is
    open, and the hour of the week that the wall clock shows when it begins."""
    begin = since_us // HOUR_US * HOUR_US
    hours = np.arange(begin, until_us // HOUR_US * HOUR_US + 1, HOUR_US, dtype=np.int64)
    start, end = _instant(begin), _instant(int(hours[-1]) + HOUR_US)
    spans = _spans(calendar, start, end)
    # Open time before each full hour: whole spans before it, and the part of the one that it lies in.
    edges = np.concatenate((hours, [hours[-1] + HOUR_US]))
    worked = np.concatenate(([0], np.cumsum(spans[:, 1] - spans[:, 0])))
    begun = np.searchsorted(spans[:, 0], edges, side="right")
    still = np.where(begun > 0, np.maximum(spans[np.maximum(begun - 1, 0), 1] - edges, 0), 0) if len(spans) else 0
    open_share = np.diff(worked[begun] - still) / HOUR_US
    zone = ZoneInfo(calendar.definition.timezone)
    slots = np.array([_hour_of_week(_instant(int(hour)).astimezone(zone)) for hour in hours], dtype=np.int64)
    return hours, open_share, slots


def _spans(calendar: BusinessCalendar, since: datetime, until: datetime) -> Instants:
    """Openings as rows of (begin, end) in microseconds, in order."""
    spans = [(_us(begin), _us(end)) for begin, end in calendar.open_spans(since, until)]
    return np.array(spans, dtype=np.int64).reshape(-1, 2)


def _hour_of_week(at: datetime) -> int:
    return at.weekday() * 24 + at.hour


_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def _us(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


def _instant(at_us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=at_us)
