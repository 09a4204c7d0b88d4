"""How long a source is usually silent, measured in what it usually tells meanwhile."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import polars as pl
import pytest
from generated_calendars import OFFICE, calendar
from hypothesis import given, settings
from hypothesis import strategies as st

from anomalies.rule_models import SilenceLimit
from anomalies.silence import Silence, usual_silence
from anomalies.usual_wait import NotLearned
from kernel.calendar import ALWAYS_OPEN, BusinessCalendar
from kernel.events import INSTANT

NOW = datetime(2026, 3, 2, tzinfo=timezone.utc)
"""A Monday; four weeks later the clocks of Berlin change."""
WEEKS = 8
HOUR = timedelta(hours=1)
LIMITS = SilenceLimit(at_least=50)
BERLIN = calendar(hours=OFFICE, holidays={"2026-03-10": "inventory"})


def minutes(told: list[datetime]) -> pl.DataFrame:
    return pl.DataFrame({"first_at": told, "last_at": told}, schema={"first_at": INSTANT, "last_at": INSTANT})


def told(at_hours: range, every: timedelta = HOUR / 6, weekdays: int = 7) -> list[datetime]:
    """Every ten minutes in these hours of UTC, for eight weeks."""
    at, found = NOW - timedelta(weeks=WEEKS), []
    while at < NOW:
        if at.hour in at_hours and at.weekday() < weekdays:
            found.append(at)
        at += every
    return found


def learned(events: list[datetime], on: BusinessCalendar = ALWAYS_OPEN, limits: SilenceLimit = LIMITS) -> Silence:
    found = usual_silence(minutes(events), "payments", limits, NOW, on)
    assert isinstance(found, Silence)
    return found


def test_a_source_that_always_tells() -> None:
    silence = learned(told(range(24)))
    assert set(silence.rates) == {6.0}
    assert silence.limit == 3.0  # twice a usual silence would be two telling minutes: too few to tell anything by
    assert silence.missed(NOW, NOW + HOUR) == pytest.approx(6)
    assert not silence.is_silent(NOW, NOW + HOUR / 2)
    assert silence.is_silent(NOW, NOW + HOUR / 2 + timedelta(seconds=1))
    assert silence.missed(NOW, NOW - HOUR) == 0


def test_nights_and_weekends_in_which_it_never_tells_are_no_silence() -> None:
    silence = learned(told(range(8, 18), weekdays=5))
    friday = datetime(2026, 3, 6, 17, 50, tzinfo=timezone.utc)
    monday = datetime(2026, 3, 9, 8, 0, tzinfo=timezone.utc)
    assert silence.missed(friday, monday) == pytest.approx(1)
    assert not silence.is_silent(friday, monday)
    assert silence.is_silent(friday, monday + HOUR / 2)


def test_hours_in_which_the_calendar_is_closed_are_none() -> None:
    """OFFICE is open on working days; the source tells always, and here only open hours count."""
    silence = learned(told(range(24)), BERLIN)
    holiday = datetime(2026, 3, 10, tzinfo=timezone.utc)
    assert silence.missed(holiday, holiday + timedelta(hours=22)) == 0
    day = silence.missed(holiday - timedelta(days=1), holiday)
    open_hours = BERLIN.working_time(holiday - timedelta(days=1), holiday) / HOUR
    assert day == pytest.approx(6 * open_hours, rel=0.05)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 60 * 24 * 40),
    st.integers(0, 60 * 24 * 5),
    st.integers(0, 60 * 24 * 5),
    st.sampled_from((ALWAYS_OPEN, BERLIN)),
)
def test_the_measure_of_a_silence_is_that_of_its_parts(
    start: int, first: int, second: int, on: BusinessCalendar
) -> None:
    """Over clock changes too, and as a slow reference has it: hour by hour, open time times the rate of the hour."""
    silence = SILENCES[on]
    a = NOW + timedelta(minutes=start)
    b = a + timedelta(minutes=first)
    c = b + timedelta(minutes=second)
    assert silence.missed(a, c) == pytest.approx(silence.missed(a, b) + silence.missed(b, c), abs=1e-6)
    whole = a.replace(minute=0), c.replace(minute=0)
    assert silence.missed(*whole) == pytest.approx(slow_measure(silence, *whole), abs=1e-6)


def slow_measure(silence: Silence, since: datetime, until: datetime) -> float:
    from zoneinfo import ZoneInfo

    zone, total, at = ZoneInfo(silence.calendar.definition.timezone), 0.0, since
    while at < until:
        local = at.astimezone(zone)
        open_hours = silence.calendar.working_time(at, at + HOUR) / HOUR
        total += open_hours * silence.rates[local.weekday() * 24 + local.hour]
        at += HOUR
    return total


SILENCES = {on: learned(told(range(6, 20), weekdays=6), on) for on in (ALWAYS_OPEN, BERLIN)}


def test_an_outage_among_many_silences_does_not_become_usual() -> None:
    events = [at for at in told(range(24)) if not NOW - timedelta(days=9) < at < NOW - timedelta(days=8)]
    assert learned(events).limit == learned(told(range(24))).limit


def test_what_it_told_later_or_long_ago_does_not_count() -> None:
    events = told(range(24))
    more = [NOW - timedelta(weeks=20), *events, NOW + HOUR]
    assert learned(more).rates == learned(events).rates


def test_too_few_events_teach_nothing() -> None:
    found = usual_silence(minutes(told(range(24))[-51:]), "payments", LIMITS, NOW, ALWAYS_OPEN)
    assert isinstance(found, Silence)
    assert found.silences == 50
    found = usual_silence(minutes(told(range(24))[-50:]), "payments", LIMITS, NOW, ALWAYS_OPEN)
    assert found == NotLearned(
        "source payments: it told something in 50 minutes since 2026-01-05; more than 50 are needed to know when it is "
        "silent"
    )
    assert isinstance(usual_silence(minutes([]), "payments", LIMITS, NOW, ALWAYS_OPEN), NotLearned)


def test_a_calendar_that_is_never_open_makes_nobody_silent() -> None:
    silence = learned(told(range(24)), calendar(hours={}))
    assert not silence.is_silent(NOW, NOW + timedelta(days=300))
