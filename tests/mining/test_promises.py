"""Promises from their definition to what is said of cases: due instants, what kept them, and how late."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from examples import examples
from generated_calendars import AMOUNTS, OFFICE, ROUND_THE_CLOCK, calendar, definitions, due_by, local
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from logs import CASE_TYPE, File, Happened, Told, frame, happened, object_frame, process, stored

from kernel.calendar import BusinessCalendar
from kernel.clock import Clock, FixedClock
from kernel.errors import DefinitionError, InputError
from kernel.process import CaseAttribute, ProcessDefinition, Processes, write_process
from kernel.promise import Promise, Within, parse_within
from kernel.warehouse import Query, Warehouse
from mining.cases import case, cases
from mining.filters import CaseFilter
from mining.projection import refresh
from mining.summary import log_summary
from mining.view import ProcessView, Views

CURVE_TABLES = Query("curve_tables", "SELECT name FROM system.tables WHERE startsWith(name, 'due_curves_')")
OFFICE_CALENDAR = calendar(hours=OFFICE, holidays={"2026-03-30": "inventory"})


def promising(*promises: dict[str, Any], on: BusinessCalendar = OFFICE_CALENDAR, **more: Any) -> ProcessDefinition:
    made = tuple(Promise.model_validate({"name": f"promise {n}"} | promise) for n, promise in enumerate(promises))
    return process(calendar="test", promises=made, **more).with_calendars({"test": on.definition})


def told(view: ProcessView, name: str = "1") -> list[tuple[datetime | None, datetime | None, float | None]]:
    return case(view, name).promises.select("due", "kept", "late_s").rows()


def at(text: str, activity: str = "A", name: str = "1", **more: Any) -> Happened:
    """An event at a time of Berlin, or on a date."""
    return happened(activity, local(text) if "T" in text else date.fromisoformat(text), name, **more)


@settings(
    max_examples=examples(4),
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    made=definitions(),
    withins=st.lists(AMOUNTS, min_size=2, max_size=3),
    shifts=st.lists(
        st.one_of(st.timedeltas(timedelta(days=-2), timedelta(days=3)), st.timedeltas(timedelta(-800), timedelta(800))),
        min_size=8,
        max_size=16,
    ),
)
def test_the_warehouse_finds_the_due_instants_of_the_calendar(
    warehouse: Warehouse,
    clock: Clock,
    made: tuple[dict[str, Any], datetime],
    withins: list[Within],
    shifts: list[timedelta],
) -> None:
    raw, midnight = made
    tested = calendar(**{**raw, "id": "test"})
    rounded = [Within(w.unit, max(w.amount - w.amount % timedelta(minutes=1), timedelta(minutes=1))) for w in withins]
    texts = [
        f"{w.amount.days} working days" if w.unit == "days" else f"{w.amount // timedelta(minutes=1)} working minutes"
        for w in rounded
    ]
    assert [parse_within(text) for text in texts] == rounded
    definition = promising(*({"within": text, "to": "B"} for text in texts), on=tested)
    starts = {str(number): midnight + shift for number, shift in enumerate(shifts)}
    rows = [happened("A", start, name) for name, start in starts.items()]
    view = stored(warehouse, clock, _fresh(), frame(rows), definition=definition)
    for name, start in starts.items():
        assert case(view, name).promises["due"].to_list() == [due_by(tested, within, start) for within in rounded]


def _fresh() -> str:
    return f"t{uuid4().hex[:20]}"


@pytest.mark.parametrize(
    ("promise", "events", "expected"),
    [
        # Friday before the clock changes; Monday is a holiday: the second working day is Wednesday, to its closing.
        ({"within": "2 working days", "to": "B"}, [at("2026-03-27T10:00")], [("2026-04-01T17:00", None, None)]),
        # Seven hours of Friday are left after 09:30, half an hour of them over lunch is none.
        ({"within": "8 working hours", "to": "B"}, [at("2026-03-27T09:30")], [("2026-03-31T09:00", None, None)]),
        ({"within": "48h", "to": "B"}, [at("2026-03-28T10:00")], [("2026-03-30T11:00", None, None)]),  # a day of 23 h
        (
            {"within": "1h", "from": "A", "to": "B"},
            [at("2026-06-01T08:00", "B"), at("2026-06-01T09:00"), at("2026-06-01T10:00", "B")],
            [("2026-06-01T10:00", "2026-06-01T10:00", 0)],  # not by the B before; the due instant itself is in time
        ),
        (
            {"within": "1h", "from": "A", "to": "B"},
            [at("2026-06-01T09:00"), at("2026-06-01T10:00:00.000001", "B"), at("2026-06-01T12:00", "B")],
            [("2026-06-01T10:00", "2026-06-01T10:00:00.000001", 1e-6)],
        ),
        (
            {"within": "1h", "from": "A", "from_take": "last", "to": "B", "to_take": "last"},
            [at("2026-06-01T09:00"), at("2026-06-01T10:00"), at("2026-06-01T10:30", "B"), at("2026-06-01T11:30", "B")],
            [("2026-06-01T11:00", "2026-06-01T11:30", 1800)],
        ),
        ({"within": "1h", "from": "C", "to": "B"}, [at("2026-06-01T09:00", "B")], [(None, None, None)]),
        (
            {"within": "1h", "to": "B", "where": {"region": ["north", "east"], "brand": ["Aster"]}},
            [at("2026-06-01T09:00", attributes={"region": "east", "brand": "Aster"})],
            [("2026-06-01T10:00", None, None)],
        ),
        (
            {"within": "1h", "to": "B", "where": {"region": ["north"], "brand": ["Aster"]}},
            [at("2026-06-01T09:00", attributes={"region": "north"})],
            [(None, None, None)],
        ),
        (
            {"within": "1h", "to": "B", "unless": [{"region": ["north"]}, {"region": ["east"], "brand": ["Aster"]}]},
            [at("2026-06-01T09:00", attributes={"region": "east", "brand": "Aster"})],
            [(None, None, None)],
        ),
        (
            {"within": "1h", "to": "B", "unless": [{"region": ["north"]}, {"region": ["east"], "brand": ["Aster"]}]},
            [at("2026-06-01T09:00", attributes={"region": "east"})],
            [("2026-06-01T10:00", None, None)],
        ),
        # An end activity, as the process names two.
        ({"within": "1h"}, [at("2026-06-01T09:00"), at("2026-06-01T09:30", "Y")], None),
    ],
)
def test_a_promise_to_one_case(
    warehouse: Warehouse,
    clock: Clock,
    promise: dict[str, Any],
    events: list[Happened],
    expected: list[tuple[str | None, str | None, float | None]] | None,
) -> None:
    attributes = tuple(CaseAttribute(name=name) for name in ("region", "brand"))
    definition = promising(promise, end=("X", "Y"), case_attributes=attributes)
    view = stored(warehouse, clock, _fresh(), frame(events), definition=definition)
    wanted = expected or [("2026-06-01T10:00", "2026-06-01T09:30", 0)]
    assert told(view) == [(due and local(due), kept and local(kept), late) for due, kept, late in wanted]


def test_each_promise_is_made_to_the_cases_that_it_is_for(warehouse: Warehouse, clock: Clock) -> None:
    """Any value of an attribute will do, every attribute counts, and any of the exceptions; a case without an attribute
    has none of its values."""
    attributes = tuple(CaseAttribute(name=name) for name in ("region", "brand"))
    exceptions = [{"brand": ["Aster"]}, {"region": ["east"], "brand": ["Birch"]}]
    definition = promising(
        {"within": "1h", "to": "B", "where": {"region": ["north", "east"]}, "unless": exceptions},
        {"within": "2h", "to": "B"},
        {"within": "3h", "to": "B", "unless": [{"region": ["north"]}]},
        case_attributes=attributes,
    )
    cases = {
        f"{region} {brand}": {name: value for name, value in (("region", region), ("brand", brand)) if value}
        for region in ("north", "east", "south", "")
        for brand in ("Aster", "Birch", "")
    }
    rows = [at("2026-06-01T09:00", name=name, attributes=described) for name, described in cases.items()]
    view = stored(warehouse, clock, _fresh(), frame(rows), definition=definition)
    made = {name: [due is not None for due, _, _ in told(view, name)] for name in cases}
    first, every, others = ({name for name in cases if made[name][number]} for number in range(3))
    assert first == {"north Birch", "north ", "east "}
    assert every == set(cases)
    assert others == {name for name in cases if not name.startswith("north")}


@pytest.mark.parametrize(
    ("start", "kept", "due", "late_s"),
    [
        # The clock of a date starts at the end of the day, and working days count from that date.
        ("2026-06-01", None, "2026-06-02T17:00", None),
        ("2026-06-01", "2026-06-02T17:00", "2026-06-02T17:00", 0),
        # Of the day of the start nobody can tell what came first.
        ("2026-06-01", "2026-06-01T08:00", "2026-06-02T17:00", 0),
        # A date is late when all of it is.
        ("2026-06-01T10:00", "2026-06-02", "2026-06-02T17:00", 0),
        ("2026-06-01T10:00", "2026-06-03", "2026-06-02T17:00", 24 * 3600 + 9 * 3600 - 1e-6),
    ],
)
def test_dates(
    warehouse: Warehouse, clock: Clock, start: str, kept: str | None, due: str, late_s: float | None
) -> None:
    events = [at(start)] + ([at(kept, "B")] if kept else [])
    definition = promising({"within": "1 working day", "from": "A", "to": "B"})
    [(found, _, late)] = told(stored(warehouse, clock, _fresh(), frame(events), definition=definition))
    assert found == local(due)
    assert late == (late_s if late_s is None else pytest.approx(late_s, abs=1e-7))  # the dates are those of UTC


@pytest.mark.parametrize(
    ("written", "due"),
    [
        ("2026-03-29", "2026-03-29T23:59:59.999999"),
        ("2026-10-25", "2026-10-25T23:59:59.999999"),
        ("2026-10-25T02:30:00+01:00", "2026-10-25T01:30:00+00:00"),
        ("2026-10-25T02:30:00", None),  # twice on that night, so never guessed
        ("next week", None),
    ],
)
def test_an_attribute_holds_the_due_instant(warehouse: Warehouse, clock: Clock, written: str, due: str | None) -> None:
    definition = promising({"by_attribute": "promised_at", "to": "B"})
    view = stored(
        warehouse,
        clock,
        _fresh(),
        frame([at("2026-03-01T10:00"), at("2026-12-01T10:00", "B")]),
        definition=definition,
        objects=object_frame([Told("1", "promised_at", written)]),
    )
    [(found, kept, late)] = told(view)
    wanted = None if due is None else local(due) if "+" not in due else datetime.fromisoformat(due)
    assert (found, kept) == (wanted, local("2026-12-01T10:00"))
    assert late == (None if wanted is None else (local("2026-12-01T10:00") - wanted).total_seconds())


def test_the_case_is_due_by_the_first_promise_that_nothing_kept_else_by_the_last(
    warehouse: Warehouse, clock: Clock, tenant: str
) -> None:
    definition = promising({"within": "1h", "to": "B"}, {"within": "3h", "to": "C"}, {"within": "2h", "to": "D"})
    view = stored(
        warehouse,
        clock,
        tenant,
        frame(
            [
                at("2026-06-01T10:00", name="none kept"),
                *(at("2026-06-01T10:00", activity, "first kept") for activity in "AB"),
                *(at("2026-06-01T10:00", activity, "all kept") for activity in "ABCD"),
            ]
        ),
        definition=definition,
    )
    listed = cases(view, order_by="due").cases
    assert listed.select("case", "due").rows() == [
        ("none kept", local("2026-06-01T11:00")),
        ("first kept", local("2026-06-01T12:00")),
        ("all kept", local("2026-06-01T13:00")),
    ]
    window = CaseFilter(since=local("2026-06-01T12:00"), until=local("2026-06-01T13:00"), anchor="due")
    assert cases(view, window).cases["case"].to_list() == ["first kept"]


def test_cases_that_nothing_is_due_of_come_last_and_in_no_window(
    warehouse: Warehouse, clock: Clock, tenant: str
) -> None:
    definition = promising({"within": "1h", "from": "B", "to": "C"})
    rows = [at("2026-06-01T10:00", name="1"), at("2026-06-01T10:00", "B", "2")]
    view = stored(warehouse, clock, tenant, frame(rows), definition=definition)
    first = cases(view, order_by="due", page=1)
    assert first.cases["case"].to_list() == ["2"]
    assert cases(view, order_by="due", page=1, after=first.next).cases.select("case", "due").rows() == [("1", None)]
    assert log_summary(view, CaseFilter(until=local("2099-01-01"), anchor="due")).cases == 1
    with pytest.raises(InputError, match=r"p has no promise.* add promises to its definition"):
        log_summary(ProcessView(warehouse, tenant, process()), CaseFilter(until=local("2099-01-01"), anchor="due"))


def test_a_calendar_that_never_opens_makes_nothing_due(warehouse: Warehouse, clock: Clock, tenant: str) -> None:
    closed = calendar(hours={})
    definition = promising({"within": "1 working day"}, {"within": "1 working hour"}, on=closed, end=("B",))
    view = stored(warehouse, clock, tenant, frame([at("2026-06-01T10:00")]), definition=definition)
    assert told(view) == [(None, None, None)] * 2
    assert cases(view).cases["due"].to_list() == [None]


def test_a_clock_that_started_years_before_the_new_event_runs_on_its_own_calendar(
    warehouse: Warehouse, clock: Clock, tenant: str
) -> None:
    definition = promising({"within": "2 working days", "to": "B"})
    view = stored(warehouse, clock, tenant, frame([at("2022-06-01T10:00")]), definition=definition)
    before = told(view)
    assert before[0][0] is not None
    File(warehouse, clock, tenant).step(frame([at("2026-06-01T10:00", "C")]))
    assert refresh(warehouse, clock, tenant, definition).kind == "touched"
    assert told(view) == before


def test_no_table_of_curves_outlives_its_refresh(warehouse: Warehouse, clock: Clock, tenant: str) -> None:
    stored(
        warehouse,
        clock,
        tenant,
        frame([at("2026-06-01T10:00")]),
        definition=promising({"within": "1 working day", "to": "B"}),
    )
    assert warehouse.read_for_write(CURVE_TABLES).is_empty()


def test_tables_of_an_interrupted_refresh_are_dropped_a_day_later(
    warehouse: Warehouse, clock: FixedClock, tenant: str
) -> None:
    warehouse.command(Query("left_behind", "CREATE TABLE due_curves_left AS due_curves ENGINE = Memory"))
    definition = promising({"within": "1 working day", "to": "B"})
    stored(
        warehouse,
        FixedClock(datetime.now(timezone.utc)),
        tenant,
        frame([at("2026-06-01T10:00")]),
        definition=definition,
    )
    assert warehouse.read_for_write(CURVE_TABLES)["name"].to_list() == ["due_curves_left"]
    later = FixedClock(datetime.now(timezone.utc) + timedelta(days=2))
    refresh(warehouse, later, tenant, definition, full=True)
    assert warehouse.read_for_write(CURVE_TABLES).is_empty()


CALENDAR = "id: dc\ntimezone: Europe/Berlin\nhours: {mon: [08:00-17:00], tue: [08:00-17:00]}\n"


def test_a_changed_calendar_rebuilds(warehouse: Warehouse, clock: FixedClock, tenant: str, tmp_path: Path) -> None:
    stored(warehouse, clock, tenant, frame([at("2026-06-01T10:00")]))
    processes = Processes(tmp_path, tenant)
    processes.calendar_folder.mkdir(parents=True)
    path = processes.calendar_folder / "dc.yaml"
    path.write_text(CALENDAR)
    promise = Promise.model_validate({"name": "soon", "to": "B", "within": "1 working day"})
    write_process(
        processes.folder, ProcessDefinition(id="mine", object_type=CASE_TYPE, calendar="dc", promises=(promise,))
    )
    views = Views(warehouse, tenant, processes, clock)
    assert told(views.view("mine"))[0][0] == local("2026-06-02T17:00")
    path.write_text(CALENDAR.replace("tue: [08:00-17:00]", "tue: [08:00-12:00]"))
    assert told(views.view("mine"))[0][0] == local("2026-06-02T12:00")
    path.write_text(CALENDAR + "holidays: {2026-06-02: no reason}\n")
    assert told(Views(warehouse, tenant, processes, clock).view("mine"))[0][0] == local("2026-06-08T17:00")
    path.unlink()
    with pytest.raises(DefinitionError, match="no calendar 'dc'"):
        views.view("mine")


def test_other_hours_of_the_same_meaning_give_equal_curves(warehouse: Warehouse, clock: Clock, tenant: str) -> None:
    promises = ({"within": "30h", "to": "B"}, {"within": "30 working hours", "to": "B"})
    rows = [at("2026-10-24T10:00")]
    view = stored(
        warehouse, clock, tenant, frame(rows), definition=promising(*promises, on=calendar(hours=ROUND_THE_CLOCK))
    )
    assert told(view)[0] == told(view)[1] == (local("2026-10-25T15:00"), None, None)
