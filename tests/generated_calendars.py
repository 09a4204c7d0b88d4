"""Random business calendars where it is hard: clock changes, nights, holidays, closures; and instants around them."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from kernel.calendar import BusinessCalendar
from kernel.calendar_definition import CalendarDefinition
from kernel.promise import Within

WEEK = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
MINUTE = timedelta(minutes=1)
US = timedelta(microseconds=1)
OFFICE = {day: ["08:00-12:30", "13:00-17:00"] for day in WEEK[:5]}
ROUND_THE_CLOCK = {day: ["00:00-24:00"] for day in WEEK}

# A local midnight near which something happens to the clock, or to the year.
PLACES = [
    ("Europe/Berlin", date(2026, 3, 29)),
    ("Europe/Berlin", date(2026, 10, 25)),
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("Australia/Lord_Howe", date(2026, 10, 4)),  # 30 minutes forward
    ("Australia/Lord_Howe", date(2026, 4, 5)),  # 30 minutes back
    ("Asia/Kolkata", date(2026, 1, 1)),
    ("UTC", date(2026, 12, 31)),
    ("America/Sao_Paulo", date(2018, 11, 4)),  # midnight does not exist
    ("America/Sao_Paulo", date(2018, 2, 18)),  # the hour before midnight comes twice
    ("America/St_Johns", date(2010, 11, 7)),  # at 00:01 the clock goes back into the day before
    ("Pacific/Apia", date(2011, 12, 30)),  # the date does not exist
]


def calendar(timezone: str = "Europe/Berlin", hours: object = None, **fields: object) -> BusinessCalendar:
    raw = {"id": "test", "timezone": timezone, "hours": OFFICE if hours is None else hours, **fields}
    return BusinessCalendar(CalendarDefinition.model_validate(raw))


def local(text: str, zone: str = "Europe/Berlin") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(timezone.utc)


@st.composite
def day_spans(draw: st.DrawFn, most: int = 3) -> list[str]:
    quarters = sorted(draw(st.sets(st.integers(0, 96), max_size=2 * most)))
    texts = [f"{q // 4:02}:{q % 4 * 15:02}" for q in quarters]
    return [f"{begin}-{end}" for begin, end in zip(texts[::2], texts[1::2], strict=False)]


@st.composite
def definitions(draw: st.DrawFn) -> tuple[dict[str, Any], datetime]:
    """A random calendar and the local midnight that makes it interesting."""
    zone, day = draw(st.sampled_from(PLACES))
    midnight = datetime.combine(day, datetime.min.time(), ZoneInfo(zone)).astimezone(timezone.utc)
    near = st.integers(-2, 3).map(lambda days: (day + timedelta(days=days)).isoformat())
    instants = st.integers(-2 * 24 * 4, 3 * 24 * 4).map(lambda n: (midnight + 15 * n * MINUTE).isoformat())
    pairs = st.one_of(st.tuples(near, near), st.tuples(instants, instants).filter(lambda pair: pair[0] != pair[1]))
    mixed = st.tuples(near, st.integers(4 * 24 * 4, 5 * 24 * 4)).map(
        lambda pair: (pair[0], (midnight + 15 * pair[1] * MINUTE).isoformat())
    )
    closures = [
        {"from": begin, "to": end, "reason": "freeze"}
        for begin, end in draw(st.lists(st.one_of(pairs.map(sorted), mixed), max_size=2))
    ]
    weekly = st.one_of(day_spans(), st.just(["00:00-24:00"]))
    return {
        "id": "random",
        "timezone": zone,
        "hours": draw(st.dictionaries(st.sampled_from(WEEK), weekly, min_size=1)),
        "holidays": dict.fromkeys(draw(st.sets(near, max_size=2)), "holiday"),
        "extra_openings": draw(st.dictionaries(near, day_spans().filter(bool), max_size=2)),
        "closures": closures,
    }, midnight


@st.composite
def with_instants(draw: st.DrawFn, count: int) -> tuple[BusinessCalendar, list[datetime]]:
    """A random calendar with ordered instants, to the microsecond, around its clock change or a year away."""
    raw, midnight = draw(definitions())
    near = st.timedeltas(timedelta(days=-2), timedelta(days=3))
    far = st.timedeltas(timedelta(days=-500), timedelta(days=500))
    shifts = draw(st.lists(st.one_of(near, far), min_size=count, max_size=count))
    return calendar(**raw), sorted(midnight + shift for shift in shifts)


AMOUNTS = st.one_of(
    st.builds(Within, st.just("time"), st.timedeltas(US, timedelta(days=9))),
    st.builds(Within, st.just("time"), st.integers(1, 900).map(lambda n: n * timedelta(minutes=15))),
    st.builds(Within, st.just("days"), st.integers(1, 40).map(lambda n: timedelta(days=n))),
)


def due_by(tested: BusinessCalendar, within: Within, start: datetime) -> datetime | None:
    """The due instant as the calendar has it; None where it never opens for so long."""
    try:
        if within.unit == "days":
            return tested.add_working_days(start, within.amount // timedelta(days=1))
        return tested.add_working_time(start, within.amount)
    except ValueError:
        return None
