"""Business calendars against a reference that asks the wall clock minute by minute, and by their laws."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta, timezone
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from generated_calendars import MINUTE, OFFICE, ROUND_THE_CLOCK, WEEK, calendar, definitions, local, with_instants
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from kernel.calendar import ALWAYS_OPEN, SEARCH_LIMIT, BusinessCalendar
from kernel.calendar_definition import CalendarDefinition, Closure, PublicHolidays

# The reference: it reads the YAML-like dictionary itself and compares texts of the wall clock.


def reference_open(raw: dict[str, Any], at: datetime) -> bool:
    wall = at.astimezone(ZoneInfo(raw["timezone"]))
    today, clock = wall.date().isoformat(), f"{wall.hour:02}:{wall.minute:02}"
    for closure in raw["closures"]:
        begin, end = closure["from"], closure["to"]
        begun = begin <= today if len(begin) == 10 else datetime.fromisoformat(begin) <= at
        over = end < today if len(end) == 10 else datetime.fromisoformat(end) <= at
        if begun and not over:
            return False
    spans = raw["hours"].get(WEEK[wall.weekday()], [])
    if today in raw["holidays"]:
        spans = []
    spans = raw["extra_openings"].get(today, spans)
    return any(span[:5] <= clock < span[6:] for span in spans)


def reference_minutes(raw: dict[str, Any], start: datetime, minutes: int) -> list[bool]:
    return [reference_open(raw, start + i * MINUTE) for i in range(minutes)]


def runs(start: datetime, minutes: list[bool]) -> Iterator[tuple[datetime, datetime]]:
    """The open stretches of a list of minutes."""
    at = start
    for is_open, group in groupby(minutes):
        end = at + len(list(group)) * MINUTE
        if is_open:
            yield at, end
        at = end


@settings(deadline=None, max_examples=80)
@given(case=definitions(), first=st.integers(-2 * 1440, 1440), minutes=st.integers(1, 3 * 1440))
def test_openings_are_what_the_wall_clock_says(case: tuple[dict[str, Any], datetime], first: int, minutes: int) -> None:
    raw, midnight = case
    start = midnight + first * MINUTE
    expected = reference_minutes(raw, start, minutes)
    end = start + minutes * MINUTE
    tested = calendar(**raw)
    assert [tested.is_open(start + i * MINUTE) for i in range(minutes)] == expected
    assert list(tested.open_spans(start, end)) == list(runs(start, expected))
    assert tested.working_time(start, end) == sum(expected) * MINUTE
    if any(expected):
        assert tested.next_open(start) == start + expected.index(True) * MINUTE


@settings(deadline=None, max_examples=60)
@given(case=definitions(), first=st.integers(-2 * 1440, 1440), share=st.floats(0, 1))
def test_adding_working_time_counts_open_minutes(
    case: tuple[dict[str, Any], datetime], first: int, share: float
) -> None:
    raw, midnight = case
    start = midnight + first * MINUTE
    expected = reference_minutes(raw, start, 3 * 1440)
    amount = round(share * sum(expected))
    at, left = start, amount
    for is_open in expected:
        if not left:
            break
        at, left = at + MINUTE, left - is_open
    assert calendar(**raw).add_working_time(start, amount * MINUTE) == at


@settings(deadline=None, max_examples=60)
@given(case=definitions(), first=st.integers(-2 * 1440, 1440), days=st.integers(1, 4))
def test_adding_working_days_ends_with_the_last_opening_of_a_date(
    case: tuple[dict[str, Any], datetime], first: int, days: int
) -> None:
    raw, midnight = case
    zone = ZoneInfo(raw["timezone"])
    start = midnight + first * MINUTE
    closings: dict[date, datetime] = {}
    for i, is_open in enumerate(reference_minutes(raw, start, 7 * 1440)):
        at = start + i * MINUTE
        if is_open and (day := at.astimezone(zone).date()) > start.astimezone(zone).date():
            closings[day] = at + MINUTE
    whole = (start + timedelta(days=7)).astimezone(zone).date()  # the window may cut this date short
    days_open = [day for day in sorted(closings) if day < whole - timedelta(days=1)]
    if days <= len(days_open):
        assert calendar(**raw).add_working_days(start, days) == closings[days_open[days - 1]]


@settings(deadline=None)
@given(case=with_instants(3))
def test_working_time_adds_up(case: tuple[BusinessCalendar, list[datetime]]) -> None:
    tested, (a, b, c) = case
    whole = tested.working_time(a, c)
    assert whole == tested.working_time(a, b) + tested.working_time(b, c)
    assert timedelta() <= whole <= c - a


@settings(deadline=None)
@given(case=with_instants(2))
def test_spans_are_disjoint_and_sum_to_the_working_time(
    case: tuple[BusinessCalendar, list[datetime]],
) -> None:
    tested, (a, b) = case
    spans = list(tested.open_spans(a, b))
    bounds = [bound for span in spans for bound in span]
    assert bounds == sorted(set(bounds))
    assert all(a <= bound <= b and bound.tzinfo is timezone.utc for bound in bounds)
    assert sum((end - begin for begin, end in spans), timedelta()) == tested.working_time(a, b)


@settings(deadline=None)
@given(case=with_instants(2))
def test_adding_inverts_measuring(case: tuple[BusinessCalendar, list[datetime]]) -> None:
    tested, (a, b) = case
    amount = tested.working_time(a, b)
    reached = tested.add_working_time(a, amount)
    assert a <= reached <= b
    assert tested.working_time(a, reached) == amount
    # It is the earliest such instant: a microsecond less is not enough.
    if reached > a:
        assert tested.working_time(a, reached - timedelta(microseconds=1)) < amount


@settings(deadline=None)
@given(
    case=with_instants(2),
    one=st.timedeltas(timedelta(), timedelta(days=9)),
    two=st.timedeltas(timedelta(), timedelta(days=9)),
)
def test_adding_is_monotonic_and_goes_in_steps(
    case: tuple[BusinessCalendar, list[datetime]], one: timedelta, two: timedelta
) -> None:
    tested, (a, b) = case
    try:
        both = tested.add_working_time(b, one + two)
    except ValueError:  # this calendar is never open, or only on single dates
        return
    assert tested.add_working_time(a, one + two) <= both
    assert tested.add_working_time(b, one) <= both
    assert tested.add_working_time(tested.add_working_time(b, one), two) == both
    assert tested.working_time(b, both) == one + two


@settings(deadline=None)
@given(case=with_instants(1))
def test_next_open_is_the_start_of_work(case: tuple[BusinessCalendar, list[datetime]]) -> None:
    tested, (at,) = case
    try:
        found = tested.next_open(at)
    except ValueError:
        assert not tested.working_time(at, at + SEARCH_LIMIT)
        return
    assert tested.is_open(found)
    assert not tested.working_time(at, found)
    assert tested.add_working_time(at, timedelta(microseconds=1)) == found + timedelta(microseconds=1)


# Cases worth reading.


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", "2026-10-25", 25),
        ("Europe/Berlin", "2026-03-29", 23),
        ("America/New_York", "2026-11-01", 25),
        ("Australia/Lord_Howe", "2026-04-05", 24.5),
        ("Australia/Lord_Howe", "2026-10-04", 23.5),
        ("Asia/Kolkata", "2026-10-25", 24),
    ],
)
def test_a_whole_day_lasts_as_long_as_it_really_does(zone: str, day: str, hours: float) -> None:
    start = local(day, zone)
    end = local((date.fromisoformat(day) + timedelta(days=1)).isoformat(), zone)
    assert calendar(zone, ROUND_THE_CLOCK).working_time(start, end) == timedelta(hours=hours)


def test_the_repeated_hour_is_worked_twice_and_the_skipped_one_never() -> None:
    night = calendar(hours={"sun": ["02:00-03:00"]})
    assert night.working_time(local("2026-10-25"), local("2026-10-26")) == timedelta(hours=2)
    assert night.working_time(local("2026-03-29"), local("2026-03-30")) == timedelta()


def test_a_span_that_ends_inside_the_repeated_hour_is_open_both_times_the_clock_shows_it() -> None:
    spans = list(calendar(hours={"sun": ["01:00-02:30"]}).open_spans(local("2026-10-25"), local("2026-10-26")))
    assert [(begin.hour, begin.minute, end.hour, end.minute) for begin, end in spans] == [
        (23, 0, 0, 30),
        (1, 0, 1, 30),
    ]


def test_openings_are_half_open() -> None:
    office = calendar()
    assert office.is_open(local("2026-06-01T08:00"))
    assert not office.is_open(local("2026-06-01T12:30"))
    assert not office.is_open(local("2026-06-01T07:59:59.999999"))


def test_touching_spans_are_one_opening_also_over_midnight_and_the_year() -> None:
    tested = calendar(hours={"thu": ["12:00-24:00", "08:00-12:00"], "fri": ["00:00-06:00"]})
    evening, morning = local("2026-12-31T08:00"), local("2027-01-01T06:00")
    assert list(tested.open_spans(local("2026-12-30"), local("2027-01-03"))) == [(evening, morning)]
    assert list(tested.open_spans(evening, evening)) == []
    assert tested.add_working_days(local("2026-12-30"), 1) == local("2027-01-01T00:00")


def test_an_amount_that_fills_the_day_ends_at_closing_and_zero_ends_at_the_start() -> None:
    office = calendar()
    friday = local("2026-06-05T16:00")
    assert office.add_working_time(friday, timedelta(hours=1)) == local("2026-06-05T17:00")
    assert office.add_working_time(friday, timedelta(hours=1, seconds=1)) == local("2026-06-08T08:00:01")
    saturday = local("2026-06-06T10:00")
    assert office.add_working_time(saturday, timedelta()) == saturday
    assert office.next_open(saturday) == local("2026-06-08T08:00")


def test_within_five_working_days_of_receipt() -> None:
    office = calendar(public_holidays={"country": "DE", "subdivision": "BY"})
    # Monday 2026-01-05: Epiphany on Tuesday is closed in Bavaria.
    for hour in ("00:00", "09:00", "23:59"):
        assert office.add_working_days(local(f"2026-01-05T{hour}"), 5) == local("2026-01-13T17:00")
    assert office.add_working_days(local("2026-01-10T12:00"), 1) == local("2026-01-12T17:00")
    # 23:30 UTC on Monday is Tuesday in Berlin.
    assert office.add_working_days(datetime(2026, 6, 8, 23, 30, tzinfo=timezone.utc), 1) == local("2026-06-10T17:00")


def test_working_days_pass_the_year() -> None:
    office = calendar(holidays={"2027-01-01": "New Year"})
    assert office.add_working_days(local("2026-12-30T10:00"), 2) == local("2027-01-04T17:00")
    # 200 weeks of five days from Thursday the 31st on end on a Wednesday; the holiday adds the Thursday.
    assert office.add_working_days(local("2026-12-30T10:00"), 1000) == local("2030-10-31T17:00")


@pytest.mark.parametrize(
    ("zone", "span", "from_", "day"),
    [
        ("Asia/Kolkata", "00:00-05:00", "2026-12-31T12:00", "2027-01-01T05:00"),  # still 2026 in UTC
        ("America/New_York", "20:00-23:00", "2026-12-30T12:00", "2026-12-31T23:00"),  # already 2027 in UTC
    ],
)
def test_working_days_are_local_at_the_turn_of_the_year(zone: str, span: str, from_: str, day: str) -> None:
    tested = calendar(zone, {weekday: [span] for weekday in WEEK})
    assert tested.add_working_days(local(from_, zone), 1) == local(day, zone)


def test_ten_years_count_from_the_last_opening() -> None:
    days = ["2034-06-01", "2042-06-01"]
    tested = calendar("UTC", {}, extra_openings={day: ["00:00-01:00"] for day in days})
    start, end = local("2026-06-01", "UTC"), local("2042-06-01T01:00", "UTC")
    assert tested.add_working_time(start, timedelta(hours=2)) == end
    assert tested.add_working_days(start, 2) == end


def test_a_public_holiday_is_closed_where_it_is_one() -> None:
    epiphany = local("2026-01-06T10:00")
    assert not calendar(public_holidays={"country": "DE", "subdivision": "BY"}).is_open(epiphany)
    assert calendar(public_holidays={"country": "DE"}).is_open(epiphany)


def test_who_wins() -> None:
    christmas_eve, boxing_day = local("2026-12-24T10:00"), local("2026-12-25T10:00")
    tested = calendar(
        holidays={"2026-12-24": "Christmas Eve"},
        public_holidays={"country": "DE"},
        extra_openings={"2026-12-24": ["09:00-11:00"], "2026-12-25": ["09:00-11:00"]},
        closures=[{"from": "2026-12-25", "to": "2026-12-31", "reason": "freeze"}],
    )
    assert tested.is_open(christmas_eve)  # an extra opening wins over a holiday
    assert not tested.is_open(local("2026-12-24T14:00"))  # and replaces the weekday's hours
    assert not tested.is_open(boxing_day)  # a closure wins over an extra opening
    assert not tested.is_open(local("2026-12-31T16:59"))
    assert tested.is_open(local("2027-01-04T08:00"))


def test_a_closure_may_end_within_a_day() -> None:
    closures = [{"from": "2026-06-01", "to": "2026-06-02T10:00:00+02:00", "reason": "move"}]
    tested = calendar(closures=closures)
    assert tested.next_open(local("2026-06-01T08:00")) == local("2026-06-02T10:00")


def test_always_open_is_elapsed_time_in_one_span() -> None:
    start, end = local("2023-05-01T10:00"), local("2026-01-01T10:00")
    assert ALWAYS_OPEN.working_time(start, end) == end - start
    assert list(ALWAYS_OPEN.open_spans(start, end)) == [(start, end)]
    assert ALWAYS_OPEN.add_working_time(start, end - start) == end


def test_equal_definitions_are_one_calendar() -> None:
    one, other = calendar(hours=OFFICE), calendar(hours=dict(reversed(OFFICE.items())))
    assert one == other
    assert hash(one) == hash(other)
    assert one != calendar(hours=ROUND_THE_CLOCK)
    assert pickle.loads(pickle.dumps(one)) == one  # noqa: S301 - bytes made on this line


def test_the_search_ends_after_ten_years() -> None:
    start = datetime(2026, 6, 1, tzinfo=timezone.utc)
    opens = start + SEARCH_LIMIT
    tested = calendar("UTC", {}, extra_openings={opens.date().isoformat(): ["00:00-01:00"]})
    assert tested.next_open(start) == opens
    assert tested.add_working_time(start, timedelta(hours=1)) == opens + timedelta(hours=1)
    assert tested.add_working_days(start, 1) == opens + timedelta(hours=1)
    earlier = start - timedelta(days=1)
    searches: list[Callable[[], datetime]] = [
        lambda: tested.next_open(earlier),
        lambda: tested.add_working_time(earlier, timedelta(hours=1)),
        lambda: tested.add_working_time(start, timedelta(hours=2)),
        lambda: tested.add_working_days(earlier, 1),
        lambda: tested.add_working_days(start, 2),
    ]
    for search in searches:
        with pytest.raises(ValueError, match=r"^calendar 'test': after .* ten years without an opening"):
            search()


def test_wrong_arguments() -> None:
    office, at = calendar(), local("2026-06-01")
    with pytest.raises(ValueError, match="naive"):
        office.is_open(datetime(2026, 6, 1))  # noqa: DTZ001 - the naive datetime is the point
    with pytest.raises(ValueError, match="before the start"):
        office.working_time(at, at - MINUTE)
    with pytest.raises(ValueError, match="before the start"):
        office.open_spans(at, at - MINUTE)
    with pytest.raises(ValueError, match="negative"):
        office.add_working_time(at, -MINUTE)
    with pytest.raises(ValueError, match="at least 1"):
        office.add_working_days(at, 0)
    for year in (1, 1969, 2301, 9999):
        with pytest.raises(ValueError, match="outside the years 1970 to 2300"):
            office.is_open(datetime(year, 7, 1, tzinfo=timezone.utc))
    with pytest.raises(ValueError, match="the year 2300"):
        office.add_working_time(datetime(2300, 12, 1, tzinfo=timezone.utc), timedelta(days=60))
    with pytest.raises(ValueError, match="the year 2300"):
        office.add_working_days(datetime(2300, 12, 31, 23, 30, tzinfo=timezone.utc), 1)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"timezone": "Europe/Berln"}, "did you mean Europe/Berlin"),
        ({"timezone": "Europe"}, "not a time zone"),
        ({"timezone": "../etc/passwd"}, "not a time zone"),
        ({"id": "With Space"}, "id"),
        ({"hours": {"monday": ["08:00-12:00"]}}, "'mon', 'tue'"),
        ({"hours": {"mon": ["08:00-12:00", "11:59-13:00"]}}, "'08:00-12:00' and '11:59-13:00' overlap"),
        ({"hours": {"mon": ["22:00-06:00"]}}, "written as two"),
        ({"hours": {"mon": ["08:00-08:00"]}}, "written as two"),
        ({"hours": {"mon": ["08:00-24:30"]}}, "not a span"),
        ({"hours": {"mon": ["24:00-24:00"]}}, "not a span"),
        ({"hours": {"mon": ["8-12"]}}, "not a span"),
        ({"hours": {"mon": "08:00-12:00"}}, "valid tuple"),
        ({"holidays": {"24.12.2026": "Christmas"}}, "Invalid isoformat"),
        ({"holidays": {86400: "Day two"}}, "expected a date"),
        ({"extra_openings": {"2026-12-24": []}}, "at least 1 item"),
        ({"public_holidays": {"country": "XX"}}, "no public holidays are known for country 'XX'"),
        ({"public_holidays": {"country": "DE", "subdivision": "XX"}}, "expected one of BB, BE"),
        ({"public_holidays": {"country": False}}, "bare NO as false"),
        ({"closures": [{"from": "2026-02-01", "to": "2026-01-01", "reason": "x"}]}, "does not end after"),
        (
            {"closures": [{"from": "2026-02-01T10:00", "to": "2026-03-01", "reason": "x"}]},
            "has no offset: write one",
        ),
        (
            {"closures": [{"from": "2026-02-02", "to": "2026-02-01T10:00Z", "reason": "x"}]},
            "'x' does not end after",
        ),
        ({"closures": [{"from": "2026-02-01", "to": "2026-02-01", "reason": ""}]}, "at least 1 character"),
        ({"hollidays": {}}, "Extra inputs are not permitted"),
    ],
)
def test_bad_definitions(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        calendar(**fields)


@pytest.mark.parametrize("model", [CalendarDefinition, Closure, PublicHolidays])
def test_every_field_is_described_and_nothing_can_be_changed(model: type[BaseModel]) -> None:
    assert all(field.description for field in model.model_fields.values())
    assert model.model_config["frozen"]
    assert model.model_config["extra"] == "forbid"
