"""Business calendars: when a store, partner or team is open, and how much working time lies between instants.

One rule decides everything: an instant is open when the wall clock of the calendar's zone, at that instant,
shows a time inside a span of the date it shows, and no closure covers it. So the hour that spring skips is
never worked, the hour that autumn repeats is worked twice, and a 00:00-24:00 day in October has 25 hours.
Durations are always real elapsed time.

Which hours a date has: those of its extra opening, if it has one; none, if it is a holiday; otherwise those
of its weekday. Closures are cut out last and win over all of these.
"""

from __future__ import annotations

import hashlib
import json
import zoneinfo
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from functools import lru_cache

from kernel.calendar_definition import FIRST_YEAR, LAST_YEAR, WEEK, CalendarDefinition, Closure, Minutes, minutes_of

SEARCH_LIMIT = timedelta(days=3653)
"""Ten years. A calendar that stays closed for longer counts as one that never opens again."""

_BEGIN = datetime(FIRST_YEAR, 1, 1, tzinfo=timezone.utc)
_END = datetime(LAST_YEAR + 1, 1, 1, tzinfo=timezone.utc)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_EPOCH_DAY = _EPOCH.toordinal()
_EPOCH_WEEKDAY = _EPOCH.weekday()
_US = timedelta(microseconds=1)
_MINUTE_US = timedelta(minutes=1) // _US
_DAY_US = timedelta(days=1) // _US
_FOREVER = 1 << 60  # beyond every day number and every instant in microseconds

_Piece = tuple[int, int]


@dataclass(frozen=True)
class BusinessCalendar:
    """The openings of one calendar, and the clock that counts only them.

    Takes aware datetimes of any zone, returns UTC. Calendars of equal definitions are equal and share a
    cache. Every method raises ValueError for a naive datetime, for one outside the years 1970 to 2300 (UTC)
    and, if it looks for an opening, where the calendar does not open for ten years. Cost: a few milliseconds
    for each year touched for the first time, some microseconds after that.
    """

    definition: CalendarDefinition = field(compare=False)
    fingerprint: str = field(init=False, repr=False)
    """SHA-256 of the definition, whatever the order of its keys: the calendar's identity and cache key."""

    def __post_init__(self) -> None:
        text = json.dumps(self.definition.model_dump(mode="json"), sort_keys=True)
        object.__setattr__(self, "fingerprint", hashlib.sha256(text.encode()).hexdigest())

    def is_open(self, at: datetime) -> bool:
        """Whether `at` lies in an opening. Openings are half-open: the instant of closing is closed."""
        at = _utc(at)
        return _openings(self, at.year).is_open(_us(at))

    def next_open(self, at: datetime) -> datetime:
        """The first open instant that is not before `at`: `at` itself while open."""
        at = _utc(at)
        at_us = _us(at)
        for openings in self._years_to_search(at):
            i = bisect_right(openings.ends, at_us)
            if i < len(openings.ends):
                return _instant(max(at_us, openings.starts[i]))
        raise self._never(at)

    def open_spans(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Openings between `start` and `end`, clipped to them: half-open, in order, never empty or touching.

        Spans that touch (also over midnight) are one. Raises ValueError if `end` is before `start`.
        """
        start, end = _window(start, end)
        if start == end:
            return iter(())
        return ((_instant(begin), _instant(stop)) for begin, stop in self._spans(start, end))

    def working_time(self, start: datetime, end: datetime) -> timedelta:
        """Open time between `start` and `end`. Raises ValueError if `end` is before `start`."""
        start, end = _window(start, end)
        worked_us = sum(_openings(self, year).total for year in range(start.year, end.year))
        worked_us += _openings(self, end.year).worked_before(_us(end))
        return (worked_us - _openings(self, start.year).worked_before(_us(start))) * _US

    def add_working_time(self, start: datetime, amount: timedelta) -> datetime:
        """The earliest instant t, not before `start`, with `working_time(start, t) == amount`.

        So an amount that fills an opening ends when it closes, not when the next one opens, and an amount of
        zero ends at `start`, open or not (`next_open` gives the first open instant). Raises ValueError if
        `amount` is negative.
        """
        start = _utc(start)
        if amount < timedelta():
            raise ValueError(f"cannot add a negative working time ({amount})")
        if not amount:
            return start
        missing_us = amount // _US + _openings(self, start.year).worked_before(_us(start))
        for openings in self._years_to_search(start):
            if missing_us <= openings.total:
                return _instant(openings.reaches(missing_us))
            missing_us -= openings.total
        raise self._never(start)

    def add_working_days(self, start: datetime, days: int) -> datetime:
        """The end of the `days`-th open day after the local date of `start`: its last closing.

        "Within 5 working days of receipt" is due at the end of the 5th open day after the date of receipt;
        that date itself never counts, whatever the hour. An open day is a local date with any opening left
        after holidays and closures; one open until 24:00 ends at that midnight, also if the next date opens
        at 00:00. Raises ValueError if `days` is below 1.
        """
        start = _utc(start)
        if days < 1:
            raise ValueError(f"expected at least 1 working day to add, got {days}")
        today = start.astimezone(zoneinfo.ZoneInfo(self.definition.timezone)).date()
        last_open, skipped, left = _day(today), _day(today), days
        for year in range(today.year, LAST_YEAR + 1):
            table = _open_days(self, year)
            i = bisect_right(table.days, skipped)
            upcoming = len(table.days) - i
            first = table.days[i] if upcoming else _day(date(year, 12, 31))
            if first - last_open > SEARCH_LIMIT.days:
                break
            if left <= upcoming:
                return _instant(table.closings_us[i + left - 1])
            left -= upcoming
            last_open = table.days[-1] if upcoming else last_open
        raise self._never(start)

    def open_dates(self, year: int) -> list[tuple[date, datetime]]:
        """The open dates of a year of the calendar's zone in order, each with its last closing."""
        table = _open_days(self, year)
        return [
            (date.fromordinal(day + _EPOCH_DAY), _instant(closing))
            for day, closing in zip(table.days, table.closings_us, strict=True)
        ]

    def offsets(self, start: datetime, end: datetime) -> list[tuple[datetime, datetime, timedelta]]:
        """The time between `start` and `end`, both midnights of UTC, parted where the zone changes its clock.

        One row per stretch (begin, end, offset of the wall clock from UTC), half-open, in order.
        """
        start, end = _window(start, end)
        segments = _offsets(self.definition.timezone, _us(start), _us(end))
        return [(_instant(begin), _instant(stop), offset * _US) for begin, stop, offset in segments]

    def _spans(self, start: datetime, end: datetime) -> Iterator[_Piece]:
        start_us, end_us = _us(start), _us(end)
        held: _Piece | None = None  # may go on in the next year
        for year in range(start.year, end.year + 1):
            openings = _openings(self, year)
            i = bisect_right(openings.ends, start_us)
            j = bisect_left(openings.starts, end_us)
            for begin, stop in zip(openings.starts[i:j], openings.ends[i:j], strict=True):
                begin, stop = max(begin, start_us), min(stop, end_us)
                if held is not None and held[1] == begin:
                    held = (held[0], stop)
                    continue
                if held is not None:
                    yield held
                held = (begin, stop)
        if held is not None:
            yield held

    def _years_to_search(self, start: datetime) -> Iterator[_Openings]:
        """Year after year, until nothing has been open for `SEARCH_LIMIT`."""
        limit_us, last_open_us = SEARCH_LIMIT // _US, _us(start)
        for year in range(start.year, LAST_YEAR + 1):
            openings = _openings(self, year)
            first_us = openings.starts[0] if openings.total else _us(datetime(year, 12, 31, tzinfo=timezone.utc))
            if first_us - last_open_us > limit_us:
                return
            yield openings
            if openings.total:
                last_open_us = max(last_open_us, openings.ends[-1])

    def _never(self, start: datetime) -> ValueError:
        return ValueError(
            f"calendar {self.definition.id!r}: after {start.isoformat()} the search met ten years without an "
            f"opening, or the year {LAST_YEAR}"
        )


@dataclass(frozen=True, slots=True)
class _Openings:
    """Openings of one UTC year, merged and in order, in microseconds since 1970; `worked_us` sums them up."""

    starts: array[int]
    ends: array[int]
    worked_us: array[int]

    @property
    def total(self) -> int:
        return self.worked_us[-1] if self.worked_us else 0

    def is_open(self, at_us: int) -> bool:
        i = bisect_right(self.starts, at_us)
        return i > 0 and at_us < self.ends[i - 1]

    def worked_before(self, at_us: int) -> int:
        i = bisect_right(self.starts, at_us)
        return self.worked_us[i - 1] - max(0, self.ends[i - 1] - at_us) if i else 0

    def reaches(self, worked_us: int) -> int:
        """The earliest instant with so much worked since the year began: at least 1, at most the total."""
        i = bisect_left(self.worked_us, worked_us)
        return self.ends[i] - (self.worked_us[i] - worked_us)


@dataclass(frozen=True, slots=True)
class _OpenDays:
    """Open dates of one local year, as days since 1970 in order, with the last closing of each."""

    days: array[int]
    closings_us: array[int]


@dataclass(frozen=True, slots=True)
class _Cut:
    """A closure, bounded by local days on the sides given as dates and by instants on the others."""

    first_day: int
    last_day: int
    begin_us: int
    end_us: int


# Bounded by memory: a year of two openings a day holds about 20 kB.
@lru_cache(maxsize=1024)
def _openings(calendar: BusinessCalendar, year: int) -> _Openings:
    openings = _Openings(array("q"), array("q"), array("q"))
    worked_us = 0
    for _, begin, end in _pieces(calendar.definition, *_year_us(year)):
        worked_us += end - begin
        if openings.ends and openings.ends[-1] == begin:
            openings.ends[-1], openings.worked_us[-1] = end, worked_us
        else:
            openings.starts.append(begin)
            openings.ends.append(end)
            openings.worked_us.append(worked_us)
    return openings


@lru_cache(maxsize=1024)
def _open_days(calendar: BusinessCalendar, year: int) -> _OpenDays:
    begin_us, end_us = _year_us(year)
    inside = range(begin_us // _DAY_US, end_us // _DAY_US)
    closings: dict[int, int] = {}
    # No zone is a whole day away from UTC. Pieces come in order of time, so the last of a date stays.
    for day, _, end in _pieces(calendar.definition, begin_us - _DAY_US, end_us + _DAY_US):
        if day in inside:
            closings[day] = end
    days = sorted(closings)
    return _OpenDays(array("q", days), array("q", (closings[day] for day in days)))


def _pieces(definition: CalendarDefinition, begin_us: int, end_us: int) -> Iterator[tuple[int, int, int]]:
    """(local day, begin, end) of every opening in a window of UTC, in order of time, not merged."""
    first_day, last_day = begin_us // _DAY_US - 1, end_us // _DAY_US + 1
    cuts = [
        cut
        for cut in map(_cut, definition.closures)
        if cut.first_day <= last_day and first_day <= cut.last_day
        if cut.begin_us < end_us and begin_us < cut.end_us
    ]
    week = [minutes_of(definition.hours.get(weekday, ())) for weekday in WEEK]
    special: dict[int, Minutes] = {_day(day): () for day in definition.holidays}
    if (public := definition.public_holidays) is not None:
        for year in range(_instant(begin_us).year - 1, _instant(end_us).year + 2):
            special.update(dict.fromkeys(_public_holidays(public.country, public.subdivision, year), ()))
    special.update((_day(day), minutes_of(spans)) for day, spans in definition.extra_openings.items())

    for segment_begin, segment_end, offset_us in _offsets(definition.timezone, begin_us, end_us):
        local_begin, local_end = segment_begin + offset_us, segment_end + offset_us
        for day in range(local_begin // _DAY_US, (local_end - 1) // _DAY_US + 1):
            spans = special.get(day)
            for begin, end in week[(day + _EPOCH_WEEKDAY) % 7] if spans is None else spans:
                midnight_us = day * _DAY_US - offset_us
                piece = (
                    max(midnight_us + begin * _MINUTE_US, segment_begin),
                    min(midnight_us + end * _MINUTE_US, segment_end),
                )
                if piece[0] < piece[1]:
                    for open_us, close_us in _without(piece, day, cuts) if cuts else (piece,):
                        yield day, open_us, close_us


def _without(piece: _Piece, day: int, cuts: list[_Cut]) -> list[_Piece]:
    """What the closures leave of one piece of a local day."""
    left = [piece]
    for cut in cuts:
        if cut.first_day <= day <= cut.last_day:
            left = [
                part
                for begin, end in left
                for part in ((begin, min(end, cut.begin_us)), (max(begin, cut.end_us), end))
                if part[0] < part[1]
            ]
    return left


@lru_cache(maxsize=4096)
def _offsets(timezone_name: str, begin_us: int, end_us: int) -> tuple[tuple[int, int, int], ...]:
    """The window as (begin, end, offset of the zone) per stretch between two clock changes.

    Found by looking once a day and halving where the offset differs, as zoneinfo does not list its changes.
    Two opposite changes within a day would be missed; since 1970 no two of a zone are closer than 6 days.
    """
    zone = zoneinfo.ZoneInfo(timezone_name)

    def offset_us(at_us: int) -> int:
        return (_instant(at_us).astimezone(zone).utcoffset() or timedelta()) // _US

    segments = []
    segment_begin, current = begin_us, offset_us(begin_us)
    for probe in range(begin_us + _DAY_US, end_us + 1, _DAY_US):
        if (changed := offset_us(probe)) != current:
            before, after = probe - _DAY_US, probe
            while after - before > 1_000_000:  # changes fall on whole seconds
                middle = (before + after) // 2_000_000 * 1_000_000
                before, after = (middle, after) if offset_us(middle) == current else (before, middle)
            segments.append((segment_begin, after, current))
            segment_begin, current = after, changed
    if segment_begin < end_us:
        segments.append((segment_begin, end_us, current))
    return tuple(segments)


@lru_cache(maxsize=1024)
def _public_holidays(country: str, subdivision: str | None, year: int) -> tuple[int, ...]:
    from holidays import country_holidays  # half a second to load: only for calendars that need it

    return tuple(_day(day) for day in country_holidays(country, subdiv=subdivision, years=year))


def _cut(closure: Closure) -> _Cut:
    begin, end = closure.begin, closure.end
    return _Cut(
        first_day=-_FOREVER if isinstance(begin, datetime) else _day(begin),
        last_day=_FOREVER if isinstance(end, datetime) else _day(end),
        begin_us=_us(begin) if isinstance(begin, datetime) else -_FOREVER,
        end_us=_us(end) if isinstance(end, datetime) else _FOREVER,
    )


def _utc(at: datetime) -> datetime:
    if at.utcoffset() is None:
        raise ValueError(f"expected an instant with an offset, got the naive {at.isoformat()}")
    if not _BEGIN <= at < _END:
        raise ValueError(f"{at.isoformat()} is outside the years {FIRST_YEAR} to {LAST_YEAR} that calendars cover")
    return at.astimezone(timezone.utc)


def _window(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    start, end = _utc(start), _utc(end)
    if end < start:
        raise ValueError(f"the end {end.isoformat()} is before the start {start.isoformat()}")
    return start, end


def _us(at: datetime) -> int:
    return (at - _EPOCH) // _US


def _instant(at_us: int) -> datetime:
    return _EPOCH + at_us * _US


def _day(day: date) -> int:
    return day.toordinal() - _EPOCH_DAY


def _year_us(year: int) -> tuple[int, int]:
    return _day(date(year, 1, 1)) * _DAY_US, _day(date(year + 1, 1, 1)) * _DAY_US


ALWAYS_OPEN = BusinessCalendar(
    CalendarDefinition(id="always-open", timezone="UTC", hours={weekday: ("00:00-24:00",) for weekday in WEEK})
)
"""The calendar that never closes: working time is elapsed time."""
