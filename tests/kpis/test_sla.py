"""Promises at an instant: every case in the state that a slow reference finds, counted, priced and listed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Any

import generated_logs as generated
import pytest
import reference
from examples import examples
from generated_calendars import OFFICE, calendar, local
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from logs import SOURCE, START, File, Happened, Told, frame, happened, object_frame, process, stored
from projected import fresh_tenant

from kernel.case_value import CaseValue
from kernel.clock import Clock
from kernel.errors import InputError, NotFound
from kernel.process import CaseAttribute, ProcessDefinition
from kernel.promise import Promise, parse_within
from kernel.warehouse import Warehouse
from kpis.sla import SlaState, sla_cases, sla_of_cases, sla_open, sla_summaries, sla_summary
from mining.filters import CaseFilter
from mining.projection import refresh
from mining.view import ProcessView

US = timedelta(microseconds=1)
PRICED = ("12.5", "100", "0", "7.1234567", "-3", "soon", "1e3", "", 19, 2.5, "99999999999999999999.999999")
MONEY = ("EUR", "USD", "eur", "EURO")
COSTS: tuple[dict[str, str] | None, ...] = (None, {"per_hour": "0.5%"}, {"per_day": "7%"}, {"per_day": "5 EUR"})
RISKS = (None, "30h", "1 working day", "90 working minutes")


@dataclass(frozen=True)
class Row:
    """What the reference says of one case."""

    case: str
    state: str
    due: datetime | None
    kept: datetime | None
    paused_since: datetime | None
    late: timedelta
    value: Decimal | None
    currency: str
    lost: Decimal | None

    @property
    def place(self) -> tuple[Any, ...]:
        """Where it is listed."""
        lost, value = (Decimal(-1) if amount is None else amount for amount in (self.lost, self.value))
        return (-lost, -value, -self.late, self.case)

    @property
    def late_now(self) -> bool:
        return self.state == "breached" and self.kept is None


def expected(definition: ProcessDefinition, number: int, path: reference.Path, now: datetime) -> Row:
    """The definitions of the states, one after the other."""
    promise, told = definition.promises[number], path.promises[number]
    text = path.attributes.get("amount", "")
    code = path.attributes.get("currency", "")
    digits = text.split(".")
    plain = 1 <= len(digits) <= 2 and all(part.isascii() and part.isdigit() for part in digits)
    priced = plain and len(code) == 3 and code.isupper()
    value = Decimal(text).quantize(Decimal("0.000001"), ROUND_DOWN) if priced else None
    row = Row(path.case, "", told.due, told.kept, None, timedelta(), value, code if priced else "", None)
    if told.kept is not None:
        if told.due is None or told.late is None:
            return _with(row, state="not_started")
        return _with(row, state="breached" if told.late else "met", late=told.late)
    if told.due is None and told.paused_since is None:
        return _with(row, state="not_started")
    if path.state == "complete":
        return _with(row, state="void")
    if told.due is None:
        return _with(row, state="paused", paused_since=told.paused_since)
    if now > told.due:
        lost, currency = _lost(promise, row)
        return _with(row, state="breached", late=now - told.due, lost=lost, currency=currency)
    return _with(row, state="at_risk" if _risky(definition, promise, now, told.due) else "open")


def _with(row: Row, **changes: Any) -> Row:
    return Row(**({name: getattr(row, name) for name in Row.__dataclass_fields__} | changes))


def _risky(definition: ProcessDefinition, promise: Promise, now: datetime, due: datetime) -> bool:
    clock = definition.calendar_of(promise)
    if promise.at_risk is None:
        return False
    until = {
        "30h": now + timedelta(hours=30),
        "1 working day": clock.add_working_days(now, 1),
        "90 working minutes": clock.add_working_time(now, timedelta(minutes=90)),
    }
    return due <= until[promise.at_risk]


def _lost(promise: Promise, row: Row) -> tuple[Decimal | None, str]:
    cost, micro = promise.late_cost, Decimal("0.000001")
    if cost is None:
        return None, row.currency
    if cost.per_day == "5 EUR":
        lost = (Decimal(5) / 24).quantize(micro, ROUND_DOWN)
        return (lost, "EUR") if row.currency in ("", "EUR") else (None, row.currency)
    if row.value is None:
        return None, row.currency
    share = {"0.5%": Decimal("0.005"), "7%": (Decimal("0.07") / 24).quantize(Decimal("1e-18"), ROUND_DOWN)}
    return (row.value * share[cost.per_hour or cost.per_day or ""]).quantize(micro, ROUND_DOWN), row.currency


@st.composite
def definitions(draw: st.DrawFn) -> ProcessDefinition:
    """The promises of the generated logs, with what is at stake in them."""
    promises = []
    for promise in generated.PROMISES:
        raw = promise.model_dump(by_alias=True, exclude_none=True)
        risk, cost = draw(st.sampled_from(RISKS)), draw(st.sampled_from(COSTS))
        if risk is not None and promise.within is not None:
            soon, within = parse_within(risk), parse_within(promise.within)
            risk = risk if soon.unit != within.unit or soon.amount < within.amount else None
        raw |= {} if risk is None else {"at_risk": risk}
        promises.append(Promise.model_validate(raw | ({"late_cost": cost} if cost is not None else {})))
    return process(
        order=("B", "A"),
        end=("C",),
        case_attributes=(CaseAttribute(name="channel"),),
        value=CaseValue(attribute="amount", currency_attribute="currency"),
        calendar="berlin",
        promises=tuple(promises),
    ).with_calendars(generated.CALENDARS)


def prices() -> st.SearchStrategy[list[Told]]:
    """What cases say of their money."""
    told = st.one_of(
        st.builds(Told, st.sampled_from(generated.CASES), st.just("amount"), st.sampled_from(PRICED)),
        st.builds(Told, st.sampled_from(generated.CASES), st.just("currency"), st.sampled_from(MONEY)),
    )
    return st.lists(told, min_size=4, max_size=10)


def sums(rows: Sequence[Row], column: str) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for row in rows:
        if (amount := getattr(row, column)) is not None:
            found[row.currency] = found.get(row.currency, Decimal()) + amount
    return found


@settings(
    max_examples=examples(3),
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    rows=generated.events(most=16),
    told=generated.told(),
    priced=prices(),
    definition=definitions(),
    data=st.data(),
)
def test_states_counts_and_lists_equal_the_reference(
    warehouse: Warehouse,
    clock: Clock,
    rows: list[Happened],
    told: list[Told],
    priced: list[Told],
    definition: ProcessDefinition,
    data: st.DataObject,
) -> None:
    rows = [row.but(attributes={}) for row in rows]  # only the objects name amounts
    view = stored(
        warehouse, clock, fresh_tenant(), frame(rows), definition=definition, objects=object_frame(told + priced)
    )
    paths = reference.paths(view.tenant, definition, [rows], [(SOURCE, value) for value in told + priced])
    numbers = range(len(definition.promises))
    for number in data.draw(st.lists(st.sampled_from(numbers), min_size=3, max_size=3, unique=True)):
        name = definition.promises[number].name
        dues = [path.promises[number].due for path in paths]
        moments = [due + step for due in dues if due is not None for step in (-US, timedelta(), US)]
        now = data.draw(st.sampled_from([START + timedelta(days=2), START + timedelta(hours=5), *moments]))
        every = [expected(definition, number, path, now) for path in paths]
        listed = sorted((row for row in every if row.state in set(SlaState)), key=lambda row: row.place)

        size = data.draw(st.integers(1, 3))
        pages, after = [], None
        while not pages or after is not None:
            page = sla_cases(view, name, now, limit=size, after=after)
            pages, after = [*pages, page.cases], page.next
            assert len(pages) <= max(len(listed), 1)
        found = [row for page in pages for row in page.to_dicts()]
        assert [page.height for page in pages[:-1]] == [size] * (len(pages) - 1)
        assert [as_row(row) for row in found] == listed
        assert all(row["lost_per_hour"] is None or row["state"] == "breached" for row in found)

        summary, counts = sla_summary(view, name, now), Counter(row.state for row in every)
        late = [row for row in every if row.late_now]
        assert (summary.cases, summary.void, summary.not_started) == (
            {state: counts[state] for state in SlaState},
            counts["void"],
            counts["not_started"],
        )
        assert (summary.late_now, summary.kept_late) == (len(late), counts["breached"] - len(late))
        assert summary.value_late == sums(late, "value")
        assert summary.value_at_risk == sums([row for row in every if row.state == "at_risk"], "value")
        assert summary.lost_per_hour == sums(late, "lost")
        assert summary.unpriced == sum(row.value is None for row in late)
        assert summary.oldest_due == min((row.due for row in late if row.due), default=None)

        open_rows = [row for row in listed if row.late_now or row.state == "at_risk"]
        assert [as_row(row) for row in sla_open(view, name, now).to_dicts()] == open_rows
        asked = ["2", "10", "nobody"]
        named = sla_of_cases(view, name, now, asked).to_dicts()
        assert [as_row(row) for row in named] == sorted(
            (row for row in listed if row.case in asked), key=lambda row: row.case
        )


CHOICES = (CaseFilter(), CaseFilter(states=("open",)), CaseFilter(activities=("B",)))


@settings(
    max_examples=examples(2),
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    rows=generated.events(most=16),
    told=generated.told(),
    priced=prices(),
    definition=definitions(),
    now=st.sampled_from((5, 31, 60)),
    chosen=st.sampled_from(CHOICES),
    data=st.data(),
)
def test_promises_asked_together_stand_as_each_asked_alone(
    warehouse: Warehouse,
    clock: Clock,
    rows: list[Happened],
    told: list[Told],
    priced: list[Told],
    definition: ProcessDefinition,
    now: int,
    chosen: CaseFilter,
    data: st.DataObject,
) -> None:
    """Whom each is made to, what pauses it and what it costs to be late is its own."""
    view = stored(
        warehouse, clock, fresh_tenant(), frame(rows), definition=definition, objects=object_frame(told + priced)
    )
    at = START + timedelta(hours=now)
    names = [promise.name for promise in definition.promises]
    alone = [sla_summary(view, name, at, chosen) for name in names]
    assert sla_summaries(view, at, chosen) == alone
    some = data.draw(st.lists(st.sampled_from(names), max_size=4))
    assert sla_summaries(view, at, chosen, some) == [one for one in alone if one.promise in some]


def as_row(row: dict[str, Any]) -> Row:
    late = timedelta(microseconds=round(row["late_s"] * 1e6))
    return Row(
        *(row[name] for name in ("case_id", "state", "due_at", "kept_at", "paused_since")),
        late,
        *(row[name] for name in ("value", "currency", "lost_per_hour")),
    )


REFUND = "refund within five working days of receipt"


def refunds(**more: Any) -> ProcessDefinition:
    promise = {
        **{"name": REFUND, "from": "Received", "to": "Paid", "within": "5 working days", "at_risk": "1 working day"},
        **{"pauses": [{"from": "Asked", "to": "Answered"}], "late_cost": {"per_day": "2.4%"}},
    }
    return process(
        end=("Paid", "Rejected"),
        store="store",
        value=CaseValue(attribute="amount", currency="EUR"),
        case_attributes=(CaseAttribute(name="store"), CaseAttribute(name="amount")),
        calendar="test",
        promises=(Promise.model_validate(promise | more),),
    ).with_calendars({"test": calendar(hours=OFFICE).definition})


def received(
    case: str, day: int, amount: float | str, store: str = "Leipzig", *more: tuple[int, str]
) -> list[Happened]:
    """A parcel received on a day of June 2026 at ten, and what happened on later days at the same hour."""
    told = {"amount": amount, "store": store}
    steps = [(day, "Received"), *more]
    return [happened(name, local(f"2026-06-{at:02}T10:00"), case, attributes=told) for at, name in steps]


@pytest.fixture(scope="module")
def returns(warehouse: Warehouse, clock: Clock) -> ProcessView:
    """Received on the 1st of June, a Monday, all is due on the 8th at 17:00."""
    cases = [
        *received("stuck", 1, 240),
        *received("small", 1, 24),
        *received("free", 1, "unknown", "Berlin"),
        *received("asked", 1, 50, "Berlin", (2, "Asked")),
        *received("answered", 1, 60, "Berlin", (2, "Asked"), (4, "Answered")),
        *received("rejected", 1, 70, "Berlin", (3, "Rejected")),
        *received("paid", 1, 80, "Berlin", (3, "Paid")),
        *received("late", 1, 90, "Leipzig", (10, "Paid")),
        *received("new", 8, 100),
        happened("Labelled", local("2026-06-01T10:00"), "on its way", attributes={"amount": 5}),
    ]
    return stored(warehouse, clock, fresh_tenant(), frame(cases), definition=refunds())


def at(text: str) -> datetime:
    return local(f"2026-06-{text}")


@pytest.mark.parametrize(
    ("now", "late", "risky", "opened"),
    [
        ("05T16:00", set(), {"stuck", "small", "free"}, {"answered", "new"}),
        ("08T17:00", set(), {"stuck", "small", "free"}, {"answered", "new"}),
        ("08T17:00:00.000001", {"stuck", "small", "free"}, set(), {"answered", "new"}),
        ("09T17:00", {"stuck", "small", "free"}, {"answered"}, {"new"}),
    ],
)
def test_a_day_in_the_returns_center(
    returns: ProcessView, now: str, late: set[str], risky: set[str], opened: set[str]
) -> None:
    """Of a Friday the next working day is Monday. Two days of the answered one's clock fell in its pause."""
    found = sla_cases(returns, REFUND, at(now)).cases
    states = dict(found.select("case_id", "state").iter_rows())
    by_state = {state: {case for case, is_ in states.items() if is_ == state} for state in SlaState}
    assert by_state["breached"] == late | {"late"}
    assert (by_state["at_risk"], by_state["open"]) == (risky, opened)
    assert (by_state["met"], by_state["paused"]) == ({"paid"}, {"asked"})
    summary = sla_summary(returns, REFUND, at(now))
    assert (summary.void, summary.not_started, summary.late_now, summary.kept_late) == (1, 1, len(late), 1)


def test_money_is_summed_over_cases_and_lost_by_the_hour(returns: ProcessView) -> None:
    now = at("09T16:00")
    summary = sla_summary(returns, REFUND, now)
    assert (summary.value_late, summary.unpriced) == ({"EUR": Decimal(264)}, 1)
    assert summary.lost_per_hour == {"EUR": Decimal("0.264")}
    assert summary.oldest_due == at("08T17:00")
    late = sla_cases(returns, REFUND, now, late_now=True).cases
    assert late.select("case_id", "lost_per_hour", "late_s", "store", "last_activity").rows() == [
        ("stuck", Decimal("0.24"), 23 * 3600, "Leipzig", "Received"),
        ("small", Decimal("0.024"), 23 * 3600, "Leipzig", "Received"),
        ("free", None, 23 * 3600, "Berlin", "Received"),
    ]


def test_filters_and_states_narrow(returns: ProcessView) -> None:
    now, berlin = at("09T16:00"), CaseFilter(attributes=(("store", "Berlin"),))
    assert sla_summary(returns, REFUND, now, berlin).late_now == 1
    found = sla_cases(returns, REFUND, now, chosen=berlin, states=[SlaState.PAUSED, SlaState.BREACHED]).cases
    assert found["case_id"].to_list() == ["asked", "free"]
    assert sla_of_cases(returns, REFUND, now, []).is_empty()


def test_a_list_is_of_the_instant_of_its_first_page(returns: ProcessView) -> None:
    first = sla_cases(returns, REFUND, at("09T16:00"), late_now=True, limit=1)
    later = sla_cases(returns, REFUND, at("20T16:00"), late_now=True, limit=9, after=first.next)
    assert later.now == first.now == at("09T16:00")
    assert later.cases["case_id"].to_list() == ["small", "free"]


@pytest.mark.parametrize("after", ["", "x", "WyJ4Il0=", "W10="])
def test_a_cursor_of_nothing_is_refused(returns: ProcessView, after: str) -> None:
    with pytest.raises(InputError, match="next: not a cursor of this list"):
        sla_cases(returns, REFUND, at("09T16:00"), after=after)


def test_what_is_asked_wrongly_is_refused(returns: ProcessView) -> None:
    with pytest.raises(NotFound, match=r"p promises nothing called 'refund'.*; its promises: refund within five"):
        sla_summary(returns, "refund", at("09T16:00"))
    with pytest.raises(NotFound, match="promises nothing called 'refund'"):
        sla_summaries(returns, at("09T16:00"), names=[REFUND, "refund"])
    for limit in (0, 10_001):
        with pytest.raises(InputError, match="is not between 1 and 10000"):
            sla_cases(returns, REFUND, at("09T16:00"), limit=limit)
    with pytest.raises(ValueError, match="the naive"):
        sla_summary(returns, REFUND, datetime(2026, 6, 9))  # noqa: DTZ001
    other = sla_cases(returns, REFUND, at("09T16:00"), limit=1).next
    renamed = ProcessView(returns.warehouse, returns.tenant, refunds(name="another"))
    with pytest.raises(InputError, match="the cursor belongs to the promise 'refund within"):
        sla_cases(renamed, "another", at("09T16:00"), after=other)


def test_a_late_event_takes_a_case_off_the_list(warehouse: Warehouse, clock: Clock) -> None:
    view = stored(warehouse, clock, fresh_tenant(), frame(received("1", 1, 10)), definition=refunds())
    assert sla_open(view, REFUND, at("09T10:00"))["case_id"].to_list() == ["1"]
    File(warehouse, clock, view.tenant).step(frame([happened("Paid", at("08T10:00"), "1")]))
    refresh(warehouse, clock, view.tenant, view.definition)
    assert sla_open(view, REFUND, at("09T10:00")).is_empty()
