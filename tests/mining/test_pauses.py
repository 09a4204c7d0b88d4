"""Pauses of promises: the clock stands from one event to another, and nothing is due while it does."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import reference
from examples import examples
from generated_calendars import OFFICE, calendar, definitions, local
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from logs import Happened, case_ref, frame, happened, process, stored
from projected import content, fresh_tenant

from kernel.calendar import BusinessCalendar
from kernel.clock import Clock
from kernel.process import ProcessDefinition
from kernel.promise import Promise
from kernel.warehouse import Warehouse
from mining.cases import case
from mining.projection import refresh

OFFICE_CALENDAR = calendar(hours=OFFICE)
ASKED = {"from": "Asked", "to": "Answered"}
HELD = {"from": "Held", "to": "Released"}
Told = tuple[datetime | None, float | None, datetime | None]


def waiting(*withins: str, pauses: Any = (ASKED,), on: BusinessCalendar = OFFICE_CALENDAR, **more: Any) -> Any:
    promises = tuple(
        Promise.model_validate({"name": within, "from": "In", "to": "Paid", "within": within, "pauses": pauses} | more)
        for within in withins
    )
    return process(calendar="test", promises=promises).with_calendars({"test": on.definition})


def at(text: str, activity: str, **more: Any) -> Happened:
    """An event at a time of Berlin in June 2026 (`01T10:00`; the 1st is a Monday), or on a date (`01`)."""
    full = f"2026-06-{text}"
    return happened(activity, local(full) if "T" in text else date.fromisoformat(full), "1", **more)


def judged(
    warehouse: Warehouse, clock: Clock, definition: ProcessDefinition, *logs: Sequence[Happened]
) -> list[list[Told]]:
    """Of each log, which is one case, per promise: due, seconds late (None without either), since when it is paused."""
    cases = [event.but(objects=(case_ref(f"{number:03}"),)) for number, log in enumerate(logs) for event in log]
    view = stored(warehouse, clock, fresh_tenant(), frame(cases), definition=definition)
    found = []
    for row in content(warehouse, view.tenant).paths.to_dicts():
        lates = [None if us < 0 else us / 1e6 for us in row["lates_us"]]
        found.append(list(zip(row["dues"], lates, row["paused_since"], strict=True)))
    return found


DAYS, HOURS, WALL = "2 working days", "10 working hours", "48h"


POSTPONED: list[tuple[list[tuple[str, str]], str, str, str]] = [
    ([], "03T17:00", "02T11:30", "03T10:00"),
    # An hour over lunch is half an hour of work, and takes no day away.
    ([("01T12:00", "Asked"), ("01T13:00", "Answered")], "03T17:00", "02T12:00", "03T11:00"),
    # One day, of which 8.5 hours were open; its closing lies in the pause.
    ([("02T09:00", "Asked"), ("03T09:00", "Answered")], "04T17:00", "03T11:30", "04T10:00"),
    # A night takes nothing from a clock that stands at night.
    ([("01T18:00", "Asked"), ("02T07:00", "Answered")], "03T17:00", "02T11:30", "03T23:00"),
    # Answered on a Saturday: the day on which it was due has gone by in the pause.
    ([("03T09:00", "Asked"), ("06T12:00", "Answered")], "08T17:00", "02T11:30", "06T13:00"),
    # The second question comes within the first; the clock stands once.
    (
        [("01T11:00", "Asked"), ("01T11:30", "Asked"), ("01T12:00", "Answered"), ("01T12:30", "Answered")],
        *("03T17:00", "02T12:30", "03T11:00"),
    ),
    # Two pauses of two kinds overlap: from 11 to 12:30.
    (
        [("01T11:00", "Asked"), ("01T12:00", "Held"), ("01T12:15", "Answered"), ("01T12:30", "Released")],
        *("03T17:00", "02T13:30", "03T11:30"),
    ),
    # What begins before the start is no pause, and an answer to nothing is none.
    (
        [("01T09:00", "Asked"), ("01T12:00", "Answered"), ("02T07:00", "Answered")],
        *("03T17:00", "02T11:30", "03T10:00"),
    ),
    # A question after the clock has run out does not bring it back.
    ([("04T10:00", "Asked"), ("05T10:00", "Answered")], "03T17:00", "02T11:30", "03T10:00"),
    ([("04T10:00", "Asked")], "03T17:00", "02T11:30", "03T10:00"),
    # Nor one at the very instant at which it runs out.
    ([("03T17:00", "Asked")], "03T17:00", "02T11:30", "03T10:00"),
]
"""What happens after a start on the 1st of June 2026, a Monday, at ten, and when DAYS, HOURS and WALL are due."""


def test_a_pause_postpones(warehouse: Warehouse, clock: Clock) -> None:
    logs = [[at("01T10:00", "In"), *(at(*event) for event in events)] for events, *_ in POSTPONED]
    expected = [[(local(f"2026-06-{text}"), None, None) for text in dues] for _, *dues in POSTPONED]
    assert judged(warehouse, clock, waiting(DAYS, HOURS, WALL, pauses=(ASKED, HELD)), *logs) == expected


LASTING: list[tuple[list[tuple[str, str]], str]] = [
    ([("01T11:00", "Asked")], "01T11:00"),
    ([("01T11:00", "Asked"), ("01T12:00", "Asked")], "01T11:00"),
    ([("01T11:00", "Asked"), ("01T11:30", "Answered"), ("01T12:00", "Asked")], "01T12:00"),
    # It stands without a break since the first of two pauses began.
    ([("01T11:00", "Asked"), ("01T11:30", "Held"), ("01T12:00", "Answered")], "01T11:00"),
    ([("01T11:00", "Asked"), ("01T11:30", "Answered"), ("01T11:30", "Held")], "01T11:00"),
]
"""What happens after the same start, and since when the clock stands."""


def test_while_a_pause_lasts_nothing_is_due(warehouse: Warehouse, clock: Clock) -> None:
    logs = [
        [at("01T10:00", "In"), *(at(*event, sequence=number) for number, event in enumerate(events))]
        for events, _ in LASTING
    ]
    expected = [[(None, None, local(f"2026-06-{since}"))] * 3 for _, since in LASTING]
    assert judged(warehouse, clock, waiting(DAYS, HOURS, WALL, pauses=(ASKED, HELD)), *logs) == expected


def test_a_case_tells_since_when_it_is_paused(warehouse: Warehouse, clock: Clock) -> None:
    rows = [at("01T10:00", "In"), at("01T11:00", "Asked")]
    view = stored(warehouse, clock, fresh_tenant(), frame(rows), definition=waiting(DAYS))
    assert case(view, "1").promises.rows() == [(DAYS, None, None, None, local("2026-06-01T11:00"))]


def test_what_keeps_the_promise_ends_its_pause(warehouse: Warehouse, clock: Clock) -> None:
    rows = [at("01T10:00", "In"), at("01T11:00", "Asked"), at("04T11:00", "Paid")]
    expected = [(local("2026-06-06T10:00"), 0, None), (local("2026-06-05T11:30"), 0, None)]
    logs = (rows, [*rows, at("05T10:00", "Answered")])
    assert judged(warehouse, clock, waiting(WALL, HOURS), *logs) == [expected, expected]
    [[unpaused]] = judged(warehouse, clock, waiting(WALL, pauses=()), rows)
    assert unpaused == (local("2026-06-03T10:00"), 25 * 3600, None)


def test_a_clock_stands_that_would_run_out_in_a_microsecond(warehouse: Warehouse, clock: Clock) -> None:
    asked = at("03T16:59:59.999999", "Asked")
    [[(due, _, since)]] = judged(warehouse, clock, waiting(DAYS), [at("01T10:00", "In"), asked])
    assert (due, since) == (None, asked.occurred_at)


ASSUMED = [
    # One instant, two systems: the end is put first by the name of its source, and may have come second.
    ([at("01T12:00", "Asked", source="shop"), at("01T12:00", "Answered", source="crm")], False),
    ([at("01T12:00", "Answered", source="crm"), at("01T12:30", "Asked", source="shop")], True),
    # One system tells which came first.
    ([at("01T12:00", "Answered", sequence=1), at("01T12:00", "Asked", sequence=2)], True),
    ([at("01T12:00", "Asked", sequence=1), at("01T12:00", "Answered", sequence=2)], False),
    # A date may lie before or after an instant of its day.
    ([at("02", "Asked"), at("02T08:00", "Answered")], False),
    ([at("02", "Asked"), at("01T23:59", "Answered")], True),
    ([at("02T08:00", "Asked"), at("02", "Answered")], False),
    ([at("02", "Asked"), at("02", "Answered")], False),
    # What may have come after the start does pause.
    ([at("01T10:00", "Asked", source="crm")], True),
    ([at("01T09:59", "Asked", source="crm")], False),
]
"""What happens after a start on the 1st at ten in the shop, and whether the clock stands then."""


def test_an_order_that_is_only_assumed(warehouse: Warehouse, clock: Clock) -> None:
    found = judged(warehouse, clock, waiting("96h"), *([at("01T10:00", "In"), *events] for events, _ in ASSUMED))
    assert [(due is None, since is not None) for [(due, _, since)] in found] == [(is_, is_) for _, is_ in ASSUMED]


def test_a_start_known_to_the_day_only(warehouse: Warehouse, clock: Clock) -> None:
    rows = [at("01", "In"), at("01T09:00", "Asked"), at("02T09:00", "Answered")]
    assert judged(warehouse, clock, waiting(DAYS), rows) == [[(local("2026-06-03T17:00"), None, None)]]


ACTIVITIES = ("In", "Asked", "Answered", "Held", "Released", "Paid")


@settings(
    max_examples=examples(4),
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    made=definitions(),
    shifts=st.lists(
        st.tuples(
            st.integers(0, 5),
            st.sampled_from((*ACTIVITIES, *ACTIVITIES[1:5])),
            st.one_of(
                st.integers(-2 * 96, 3 * 96).map(lambda n: n * timedelta(minutes=15)),
                st.timedeltas(timedelta(days=-2), timedelta(days=3)),
                st.timedeltas(timedelta(-600), timedelta(600)),
            ),
            st.sampled_from(("shop", "crm")),
        ),
        min_size=20,
        max_size=60,
    ),
    amounts=st.tuples(st.integers(1, 3), st.integers(1, 3000), st.integers(1, 90)),
    cut=st.integers(0, 60),
)
def test_pauses_equal_the_reference_on_any_calendar(
    warehouse: Warehouse,
    clock: Clock,
    made: tuple[dict[str, Any], datetime],
    shifts: list[tuple[int, str, timedelta, str]],
    amounts: tuple[int, int, int],
    cut: int,
) -> None:
    """Also when they came in two steps, and again when all is built anew."""
    raw, midnight = made
    days, minutes, hours = amounts
    definition = waiting(
        *(f"{days} working days", f"{minutes} working minutes", f"{hours}h"),
        pauses=(ASKED, HELD),
        on=calendar(**{**raw, "id": "test"}),
    )
    rows = [
        happened(activity, midnight + shift, str(case), sequence=number, source=source)
        for number, (case, activity, shift, source) in enumerate(shifts)
    ]
    rows += [happened("In", midnight - timedelta(hours=7 * case), str(case)) for case in range(6)]
    tenant = fresh_tenant()
    stored(warehouse, clock, tenant, frame(rows[cut:]), definition=definition)
    view = stored(warehouse, clock, tenant, frame(rows[:cut]), definition=definition)
    expected = {
        path.case: [(item.due, item.kept, item.paused_since) for item in path.promises]
        for path in reference.paths(tenant, definition, [rows[cut:], rows[:cut]])
    }
    found = content(warehouse, tenant)
    assert {
        row["case_id"]: list(zip(row["dues"], row["kept"], row["paused_since"], strict=True))
        for row in found.paths.to_dicts()
    } == expected
    refresh(warehouse, clock, view.tenant, definition, full=True)
    assert content(warehouse, tenant) == found
