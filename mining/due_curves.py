"""Business calendars as curves that ClickHouse can look due instants up on, exact to the microsecond.

An amount on a calendar is added in three steps: from the start to its position on the calendar (open microseconds, or
open days, since some beginning), plus the amount, and from that position back to an instant. Both ways are curves of
straight pieces. A curve has a number from 1 on; a piece begins at x, and its value at x' is y + (x' - x), at most
`upto`. Where a calendar does not open for ten years the positions leave a gap that no amount crosses: what would be
due behind it has no due instant, as `BusinessCalendar` says by an error. Instants are microseconds since 1970.

A pause postpones by what lies between the positions of its begin and its end. The clock of working days ticks at the
last closing of an open day, so there these are positions on a third curve, from instants to the last closing up to and
with them. Before its first closing it knows none, or one of years before: both are less than any position of a start,
and a pause counts from the start on.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone

import polars as pl

from kernel.calendar import SEARCH_LIMIT, BusinessCalendar
from kernel.calendar_definition import FIRST_YEAR, LAST_YEAR
from kernel.process import ProcessDefinition
from kernel.promise import LONGEST, Within, parse_within

CURVE = 1 << 55
"""Keys from one curve to the next: more than any instant or position."""

_US = timedelta(microseconds=1)
_DAY = timedelta(days=1)
_DAY_US = _DAY // _US
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_COVERED = datetime(LAST_YEAR, 12, 31, tzinfo=timezone.utc)
_NOWHERE = -1
_GAP = {"time": LONGEST // _US + 1, "days": LONGEST // _DAY + 1}
"""Between positions that no amount may connect."""

Piece = tuple[int, int, int]
Block = tuple[int, int]
"""UTC years, both included."""


@dataclass(frozen=True, slots=True)
class Clock:
    """How the due instant of one promise is found. `unit`: elapsed, time, days or attribute; `amount`: microseconds or
    days; curves: their numbers, 0 where none is needed. `pause_curve`: leads to the positions of pauses."""

    unit: str
    amount: int
    position_curve: int = 0
    due_curve: int = 0
    pause_curve: int = 0


@dataclass(slots=True)
class Curves:
    """The curves that the promises of a process need; `clocks`: one per promise, in their order."""

    years: Collection[int]
    clocks: list[Clock] = field(default_factory=list)
    _numbers: dict[tuple[str, str], int] = field(default_factory=dict)
    _pieces: list[list[Piece]] = field(default_factory=list)

    def add(self, calendar: BusinessCalendar, within: Within | None, *, paused: bool = False) -> None:
        """The clock of the next promise; without `within` its due instants are dates of the calendar's zone. `paused`:
        whether it may stand."""
        if within is None:
            self.clocks.append(Clock("attribute", 0, due_curve=self._dates(calendar)))
        elif within.unit == "elapsed":
            self.clocks.append(Clock("elapsed", within.amount // _US))
        else:
            one = _DAY if within.unit == "days" else _US
            # Amounts of one calendar need the years that the longest of them reaches: each has curves of its own.
            name = (calendar.fingerprint, f"{within.unit} {within.amount}")
            ticks = (calendar.fingerprint, f"closings {within.amount}")
            if name not in self._numbers:
                blocks = _blocks(calendar, within, self.years)
                there, back = (_time if within.unit == "time" else _days)(calendar, blocks)
                self._numbers[name] = self._append(there)
                self._append(back)
            first = self._numbers[name]
            if paused and within.unit == "days" and ticks not in self._numbers:
                closings = [(at, position, position) for position, at, _ in self._pieces[first] if at != _NOWHERE]
                self._numbers[ticks] = self._append(closings)
            standing = first if within.unit == "time" else self._numbers.get(ticks, 0)
            self.clocks.append(Clock(within.unit, within.amount // one, first, first + 1, standing if paused else 0))

    def frame(self) -> pl.DataFrame:
        """The rows of a table shaped like due_curves."""
        found = {
            number * CURVE + x: (y, upto)  # of two pieces that begin together the later one counts
            for number, pieces in enumerate(self._pieces, start=1)
            for x, y, upto in ((0, _NOWHERE, _NOWHERE), *pieces)
        }
        rows = [(begins, *piece) for begins, piece in found.items()]
        return pl.DataFrame(rows, schema={"begins": pl.Int64, "y": pl.Int64, "upto": pl.Int64}, orient="row")

    def _append(self, pieces: list[Piece]) -> int:
        self._pieces.append(pieces)
        return len(self._pieces)

    def _dates(self, calendar: BusinessCalendar) -> int:
        zone = calendar.definition.timezone
        if zone == "UTC":
            return 0
        if ("", zone) not in self._numbers:
            self._numbers["", zone] = self._append(_ends_of_dates(calendar))
        return self._numbers["", zone]


def curves_of(definition: ProcessDefinition, years: Collection[int]) -> Curves:
    """The curves of a process whose clocks start in these UTC years."""
    curves = Curves(years)
    for promise in definition.promises:
        within = parse_within(promise.within) if promise.within is not None else None
        curves.add(definition.calendar_of(promise), within, paused=bool(promise.pauses))
    return curves


def _blocks(calendar: BusinessCalendar, within: Within, years: Collection[int]) -> list[Block]:
    """The stretches of years from a start in one of `years` to what is due after it, apart from each other."""
    blocks: list[Block] = []
    for year in sorted(years):
        last = _last_year(calendar, within, year)
        if blocks and year <= blocks[-1][1] + 1:
            blocks[-1] = (blocks[-1][0], last)
        else:
            blocks.append((year, last))
    return blocks


def _last_year(calendar: BusinessCalendar, within: Within, year: int) -> int:
    """The year by which all is due that starts in `year`."""
    end = _new_year(year + 1) - _US
    try:
        if within.unit == "time":
            return calendar.add_working_time(end, within.amount).year
        return calendar.add_working_days(end, within.amount // _DAY).year
    except ValueError:  # never open again, or not for so long: whatever opens until then
        closed = 0
        while year < LAST_YEAR and closed < SEARCH_LIMIT // timedelta(days=365) + 1:
            year += 1
            closed = 0 if any(calendar.open_spans(_new_year(year), _new_year(year + 1) - _US)) else closed + 1
        return year


def _time(calendar: BusinessCalendar, blocks: list[Block]) -> tuple[list[Piece], list[Piece]]:
    """Instants to open microseconds, and back: to the earliest instant with so many."""
    there: list[Piece] = []
    back: list[Piece] = []
    position = 0
    for first, last in blocks:
        begin, end = _new_year(first), _new_year(last + 1) - _US
        position += _GAP["time"]
        there.append((_us(begin), position, position))
        closed_since = begin
        for opens, closes in calendar.open_spans(begin, end):
            if opens - closed_since > SEARCH_LIMIT:
                back.append((position + 1, _NOWHERE, _NOWHERE))
                position += _GAP["time"]
                there.append((_us(opens - SEARCH_LIMIT), position, position))
            length = (closes - opens) // _US
            there.append((_us(opens), position, position + length))
            back.append((position + 1, _us(opens) + 1, _us(closes)))
            position += length
            closed_since = closes
        back.append((position + 1, _NOWHERE, _NOWHERE))
    return there, back


def _days(calendar: BusinessCalendar, blocks: list[Block]) -> tuple[list[Piece], list[Piece]]:
    """Instants to open dates up to their local date, and back: to the last closing of a date."""
    there: list[Piece] = []
    back: list[Piece] = []
    limit, position = SEARCH_LIMIT // _DAY, 0
    for first, last in blocks:
        position += _GAP["days"]
        closed_since = _day_number(date(first, 1, 1)) - 2  # before any local date on which the UTC year may begin
        steps = [(closed_since, position)]
        for year in range(max(first - 1, FIRST_YEAR), min(last + 1, LAST_YEAR) + 1):
            for opens, closing in calendar.open_dates(year):
                day = _day_number(opens)
                if day <= closed_since:
                    continue
                if day - closed_since > limit:
                    back.append((position + 1, _NOWHERE, _NOWHERE))
                    position += _GAP["days"]
                    steps.append((day - limit, position))
                position += 1
                back.append((position, _us(closing), _us(closing)))
                steps.append((day, position))
                closed_since = day
        back.append((position + 1, _NOWHERE, _NOWHERE))
        there += _by_local_date(calendar, (first, last), steps)
    return there, back


def _by_local_date(calendar: BusinessCalendar, block: Block, steps: list[tuple[int, int]]) -> Iterator[Piece]:
    """What holds from a local date on, as pieces over instants: where a clock goes back over midnight, twice."""
    days = [day for day, _ in steps]
    for begin, end, offset in calendar.offsets(_new_year(block[0]), min(_new_year(block[1] + 1), _COVERED)):
        begins, ends = _us(begin + offset), _us(end + offset)
        first = bisect_right(days, begins // _DAY_US) - 1
        for day, position in steps[first : bisect_left(days, -(-ends // _DAY_US))]:
            yield max(day * _DAY_US, begins) - offset // _US, position, position


def _ends_of_dates(calendar: BusinessCalendar) -> list[Piece]:
    """Wall clock times to instants, the later one where a time comes twice; of the last microsecond of a date the
    instant after which the date is over."""
    return [
        (max(_us(begin + offset), 1), max(_us(begin), 1 - offset // _US), _us(end) - 1)
        for begin, end, offset in calendar.offsets(_new_year(FIRST_YEAR), _COVERED)
    ]


def _new_year(year: int) -> datetime:
    return datetime(year, 1, 1, tzinfo=timezone.utc)


def _us(at: datetime) -> int:
    return (at - _EPOCH) // _US


def _day_number(day: date) -> int:
    return (day - _EPOCH.date()).days
