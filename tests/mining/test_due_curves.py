"""Curves find the due instants that the calendar finds, to the microsecond."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from generated_calendars import AMOUNTS, US, calendar, definitions, due_by, local
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.calendar import ALWAYS_OPEN, SEARCH_LIMIT
from kernel.promise import LONGEST, Within
from mining.due_curves import CURVE, Curves

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def due_on(curves: Curves, number: int, start: datetime) -> datetime | None:
    """What build_promised_paths.sql does: one value of the curve that leads to positions, one of the curve back."""
    clock = curves.clocks[number]
    rows = sorted(curves.frame().rows())

    def value(curve: int, x: int) -> int | None:
        begins, y, upto = rows[bisect_right(rows, (curve * CURVE + x, 1 << 62)) - 1]
        assert begins // CURVE == curve
        return None if y < 0 else min(y + curve * CURVE + x - begins, upto)

    position = value(clock.position_curve, (start - EPOCH) // US)
    due = None if position is None else value(clock.due_curve, position + clock.amount)
    return None if due is None else EPOCH + due * US


@settings(deadline=None, max_examples=60)
@given(
    case=definitions(),
    withins=st.lists(AMOUNTS, min_size=1, max_size=2),
    shifts=st.lists(
        st.one_of(
            st.timedeltas(timedelta(days=-2), timedelta(days=3)),
            st.integers(-200, 300).map(lambda n: n * timedelta(minutes=15)),
            st.timedeltas(timedelta(days=-800), timedelta(days=800)),
        ),
        min_size=1,
        max_size=8,
    ),
)
def test_curves_find_what_the_calendar_finds(
    case: tuple[dict[str, Any], datetime], withins: list[Within], shifts: list[timedelta]
) -> None:
    raw, midnight = case
    tested = calendar(**raw)
    starts = [midnight + shift for shift in shifts]
    curves = Curves(sorted({start.year for start in starts}))
    for within in withins:
        curves.add(tested, within)
    for start in starts:
        for number, within in enumerate(withins):
            assert due_on(curves, number, start) == due_by(tested, within, start)


@settings(deadline=None, max_examples=40)
@given(
    years=st.lists(st.integers(1975, 2040), min_size=1, max_size=4, unique=True).map(sorted),
    starts=st.lists(st.datetimes(datetime(1971, 1, 1), datetime(2045, 1, 1)), min_size=1, max_size=6),  # noqa: DTZ001
    within=AMOUNTS,
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Pacific/Auckland"]),
)
def test_single_openings_years_apart(years: list[int], starts: list[datetime], within: Within, zone: str) -> None:
    tested = calendar(zone, {}, extra_openings={f"{year}-12-31": ["00:00-24:00"] for year in years})
    instants = [start.replace(tzinfo=timezone.utc) for start in starts]
    curves = Curves({start.year for start in instants})
    curves.add(tested, within)
    for start in instants:
        assert due_on(curves, 0, start) == due_by(tested, within, start)


@pytest.mark.parametrize("unit", ["time", "days"])
def test_the_search_ends_after_ten_years_to_the_microsecond(unit: Any) -> None:
    opens = local("2036-06-01T00:00", "UTC")
    tested = calendar("UTC", {}, extra_openings={"2036-06-01": ["00:00-24:00"], "2050-01-01": ["00:00-24:00"]})
    curves = Curves([2026, 2036])
    curves.add(tested, Within(unit, timedelta(days=1)))
    curves.add(tested, Within(unit, timedelta(days=2)))
    first, step = opens - SEARCH_LIMIT, US if unit == "time" else timedelta(days=1)
    assert due_on(curves, 0, first) == opens + timedelta(days=1)
    assert due_on(curves, 0, first - step) is None
    assert due_on(curves, 1, first) is None


@pytest.mark.parametrize("unit", ["time", "days"])
def test_an_amount_passes_a_gap_of_ten_years_and_no_longer_one(unit: Any) -> None:
    first = date(2026, 6, 1)
    for closed, passes in ((SEARCH_LIMIT, True), (SEARCH_LIMIT + timedelta(days=1), False)):
        # From closing to opening the one counts, from date to date the other.
        second = first + closed + timedelta(days=unit == "time")
        tested = calendar("UTC", {}, extra_openings={day.isoformat(): ["00:00-24:00"] for day in (first, second)})
        curves = Curves([2026])
        curves.add(tested, Within(unit, timedelta(days=1) if unit == "days" else timedelta(hours=25)))
        start = local("2026-06-01T00:00", "UTC")
        expected = datetime.combine(second, time(1), timezone.utc)
        if unit == "days":
            expected = datetime.combine(second + timedelta(days=1), time(), timezone.utc)
        assert due_on(curves, 0, start) == (expected if passes else None)


def test_years_between_far_events_are_not_compiled() -> None:
    curves = Curves([1970, 2024, 2200])
    curves.add(calendar(), Within("days", timedelta(days=5)))
    curves.add(calendar(), Within("time", timedelta(hours=30)))
    curves.add(ALWAYS_OPEN, Within("elapsed", LONGEST))
    assert curves.frame().height < 20_000  # of all 231 years it were 350,000
    for year in (1970, 2024, 2200):
        start = datetime(year, 1, 1, tzinfo=timezone.utc)
        assert due_on(curves, 0, start) == calendar().add_working_days(start, 5)
        assert due_on(curves, 1, start) == calendar().add_working_time(start, timedelta(hours=30))
    assert (curves.clocks[2].position_curve, curves.clocks[2].due_curve) == (0, 0)


def the_end(day: date, zone: ZoneInfo) -> datetime:
    """The last microsecond at which the wall clock shows the date or one before it."""
    noon = datetime.combine(day, time(12), timezone.utc)
    shown: Callable[[datetime], bool] = lambda at: at.astimezone(zone).date() <= day  # noqa: E731
    minutes = [noon + n * timedelta(minutes=1) for n in range(-2160, 2160)]
    return [at for at in minutes if shown(at)][-1] + timedelta(minutes=1) - US


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("Europe/Berlin", "2026-03-28"),
        ("Europe/Berlin", "2026-10-25"),
        ("America/Sao_Paulo", "2018-11-03"),  # its midnight does not exist
        ("America/Sao_Paulo", "2018-02-17"),  # its last hour comes twice
        ("America/St_Johns", "2010-11-06"),  # comes back for an hour after midnight
        ("America/St_Johns", "2010-11-07"),
        ("Pacific/Apia", "2011-12-29"),
        ("Pacific/Apia", "2011-12-30"),  # the date does not exist
        ("Asia/Tokyo", "1970-01-01"),
        ("America/New_York", "1970-01-01"),
        ("America/New_York", "2299-12-31"),
    ],
)
def test_a_date_is_due_when_it_is_over(zone: str, day: str) -> None:
    curves = Curves([])
    curves.add(calendar(zone), None)
    rows = sorted(curves.frame().rows())
    x = curves.clocks[0].due_curve * CURVE + ((date.fromisoformat(day) - EPOCH.date()).days + 1) * 86_400_000_000 - 1
    begins, y, upto = rows[bisect_right(rows, (x, 1 << 62)) - 1]
    assert EPOCH + min(y + x - begins, upto) * US == the_end(date.fromisoformat(day), ZoneInfo(zone))
