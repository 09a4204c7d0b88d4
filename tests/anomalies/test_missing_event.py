"""The event that did not come, as a timeline: when the rule says so, when it says that the source is silent instead,
and when it says nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from logs import days, frame, stored
from projected import fresh_tenant
from returns import AUTHORISED, CONFIRMED, REJECTED, SENT, returns
from timelines import MONDAY, Timeline, Usual, event, in_shop_hours, learned, round_the_clock, rule

from anomalies.ended_waits import OpenWait, ended_waits
from anomalies.silence import telling_minutes, usual_silence
from anomalies.usual_wait import GivenWait, LearnedWait, NotLearned, usual_wait
from kernel.clock import Clock
from kernel.findings import Finding, Severity
from kernel.warehouse import Warehouse
from mining.cases import case
from mining.projection import refresh
from mining.view import ProcessView

EVERY = timedelta(hours=2)


@pytest.fixture(scope="module")
def usual(warehouse: Warehouse, clock: Clock) -> Usual:
    """Refunds in shop hours; the process has the calendar of the shop."""
    return learned(warehouse, clock, fresh_tenant(), in_shop_hours(EVERY))


@pytest.fixture
def shop(warehouse: Warehouse, clock: Clock, tenant: str, usual: Usual) -> Timeline:
    return Timeline(warehouse, clock, tenant, usual)


def test_what_is_learned(shop: Timeline) -> None:
    assert isinstance(shop.expected, LearnedWait)
    assert shop.expected.limit == timedelta(minutes=24)
    assert timedelta(minutes=14) <= shop.expected.median <= timedelta(minutes=15)
    assert shop.expected.learn_until == MONDAY - days(2)


def test_a_step_that_did_not_happen(shop: Timeline) -> None:
    shop.at("60m", AUTHORISED, "7")
    shop.at("61m", AUTHORISED, "8")
    shop.at("70m", CONFIRMED, "8", source="payments")
    shop.at("84m", CONFIRMED, "9", source="payments")  # at the deadline, not past it
    shop.expect("80m")
    shop.expect("84m")
    shop.at("85m", CONFIRMED, "10", source="payments")
    [finding] = shop.expect("85m", "missing_event 7")
    assert finding.severity == Severity.HIGH
    assert finding.title == "7: no Payment confirmed after Refund authorised within 24m, as 99% of cases take"
    assert finding.since == MONDAY + timedelta(minutes=84)
    assert finding.anchor == (MONDAY + timedelta(minutes=60)).isoformat()
    assert (finding.cause, finding.suspect) == ("missing_event/return-to-refund/Payment confirmed/payments", CONFIRMED)
    assert finding.evidence.event_ids == (case(shop.view, "7").events["event_id"][0],)
    assert finding.evidence.watermark == MONDAY + timedelta(minutes=85)
    assert finding.evidence.definitions == {
        "process:return-to-refund": shop.view.definition.hash.hex(),
        "rule:refund_not_confirmed": shop.rule.version,
    }
    assert finding.evidence.parameters["limit_s"] == "1440.000000"
    assert (finding.value, finding.owner, finding.store, finding.deadline) == (None, "", "", None)
    [again] = shop.expect("5h", "missing_event 7")
    assert again.id == finding.id


def test_a_quiet_weekend_alarms_nobody_and_monday_tells(shop: Timeline) -> None:
    """Friday is four days after MONDAY; the shop closes at 16:00 UTC, ten hours after seven in the morning."""
    shop.telling("4d", "4d 10h")
    shop.at("4d 9h 50m", AUTHORISED, "late on friday")
    for when in ("4d 11h", "5d 12h", "6d 23h", "7d 45m"):  # at last open for three quarters of an hour, and nothing yet
        answer = shop.run(when)
        assert (answer.findings, answer.undecided) == ((), 1), when
    shop.at("7d 46m", CONFIRMED, "on monday", source="payments")
    shop.expect("7d 46m", "missing_event late on friday")


def test_a_holiday_of_the_calendar_is_quiet_too(shop: Timeline) -> None:
    """Easter Monday is four weeks after MONDAY, and the weeks that were learned from had no holiday."""
    shop.telling("25d", "25d 10h")
    shop.at("25d 9h 50m", AUTHORISED, "before easter")
    shop.expect("28d 9h")
    shop.expect("29d 9h", "source_silent payments")


def test_a_source_that_is_dead_overnight_alarms_once(warehouse: Warehouse, clock: Clock, tenant: str) -> None:
    always = learned(warehouse, clock, fresh_tenant(), round_the_clock(EVERY), definition=returns(calendar=None))
    line = Timeline(warehouse, clock, tenant, always)
    line.telling("13h", "16h")  # the last at nine in the evening
    for number in range(5):
        line.at(f"{15 * 60 + 30 + number}m", AUTHORISED, f"{number}")
    line.expect("16h")
    line.expect("20h")
    [finding] = line.expect("30h", "source_silent payments")
    assert finding.since == MONDAY + timedelta(hours=15)
    assert finding.anchor == finding.since.isoformat()
    assert (finding.severity, finding.case_id) == (Severity.CRITICAL, "")
    assert finding.title == "payments tells nothing since 2024-03-04 21:00 UTC; 5 cases wait for Payment confirmed"
    assert finding.evidence.parameters["cases_waiting"] == "5"
    assert finding.cause == f"source_silent/{finding.process}/payments"
    # Another process that awaits it has trouble of its own, with an owner of its own.
    first, second = line.view, replace(line.view, definition=returns(id="second", calendar=None))
    refresh(warehouse, clock, tenant, second.definition)
    line.view = second
    [other] = line.expect("30h", "source_silent payments")
    assert other.cause == "source_silent/second/payments"
    line.view = first
    line.at("31h", AUTHORISED, "at 31h")
    [again] = line.expect("40h", "source_silent payments")
    assert again.id == finding.id
    # It is back, and catches up from the oldest on: what it told by then is not past the deadlines yet.
    for number in range(4):
        line.at("41h", CONFIRMED, f"{number}", source="payments", happened=f"15h 4{number}m")
    line.expect("41h")
    line.at("43h", CONFIRMED, "other", source="payments", happened="42h 50m")
    line.expect("43h", "missing_event 4", "missing_event at 31h")


def test_late_events_end_it(shop: Timeline) -> None:
    shop.at("60m", AUTHORISED, "in time")
    shop.at("60m", AUTHORISED, "too late")
    shop.at("60m", AUTHORISED, "rejected")
    shop.at("60m", AUTHORISED, "never")
    shop.at("2h", CONFIRMED, "other", source="payments")
    names = ("in time", "too late", "rejected", "never")
    findings = {one.case_id: one for one in shop.expect("2h", *(f"missing_event {name}" for name in names))}
    shop.at("3h", CONFIRMED, "in time", source="payments", happened="70m")
    shop.at("3h", CONFIRMED, "too late", source="payments", happened="100m")
    shop.at("3h", REJECTED, "rejected", source="wms", happened="90m")
    shop.expect("3h", "missing_event never")
    ended = ended_waits(shop.view, shop.rule, [_open(one) for one in findings.values()], MONDAY + timedelta(hours=3))
    assert {(one.finding_id, one.how, one.ended_at - MONDAY) for one in ended} == {
        (findings["in time"].id, "withdrawn", timedelta(minutes=70)),
        (findings["too late"].id, "cured", timedelta(minutes=100)),
        (findings["rejected"].id, "cured", timedelta(minutes=90)),
    }


def _open(finding: Finding) -> OpenWait:
    return OpenWait(finding.id, finding.case_id, MONDAY + timedelta(minutes=60), finding.since)


def test_a_wait_that_never_began_is_withdrawn(shop: Timeline) -> None:
    shop.at("60m", AUTHORISED, "7")
    shop.expect("61m")
    wait = OpenWait("id", "7", MONDAY + timedelta(minutes=59), MONDAY + timedelta(minutes=70))
    [ended] = ended_waits(shop.view, shop.rule, [wait], MONDAY + timedelta(hours=3))
    assert (ended.how, ended.ended_at) == ("withdrawn", MONDAY + timedelta(hours=3))
    assert ended_waits(shop.view, shop.rule, [], MONDAY) == ()


def test_which_cases_are_stuck(shop: Timeline) -> None:
    for name in ("rejected", "sent", "accepted after all", "asked twice", "told by erp"):
        shop.at("60m", AUTHORISED, name)
    shop.at("70m", REJECTED, "rejected", source="wms")  # ended otherwise
    shop.at("70m", SENT, "sent", source="erp")
    shop.at("50m", REJECTED, "accepted after all", source="wms")  # before the wait began
    shop.at("80m", AUTHORISED, "asked twice")  # does not begin the wait anew
    shop.at("65m", CONFIRMED, "told by erp", source="erp")  # whoever tells it, it came
    shop.at("10m", AUTHORISED, "paid, and asked again")
    shop.at("20m", CONFIRMED, "paid, and asked again", source="payments")
    shop.at("80m", AUTHORISED, "paid, and asked again")
    shop.at("90m", CONFIRMED, "other", source="payments")
    stuck = [f"missing_event {name}" for name in ("accepted after all", "asked twice", "sent")]
    findings = shop.expect("90m", *stuck)
    assert {one.since for one in findings} == {MONDAY + timedelta(minutes=84)}
    assert len({one.cause for one in findings}) == 1
    assert len({one.id for one in findings}) == 3
    shop.at("2h", CONFIRMED, "another", source="payments")
    *_, again, _ = shop.expect("2h", *stuck, "missing_event paid, and asked again")
    assert again.evidence.event_ids == (case(shop.view, "paid, and asked again").events["event_id"][2],)


def test_a_source_with_a_lag_is_given_time(warehouse: Warehouse, clock: Clock, tenant: str, usual: Usual) -> None:
    line = Timeline(warehouse, clock, tenant, usual, rule(lag="30m", within="24m"))
    line.at("60m", AUTHORISED, "7")
    line.at("110m", CONFIRMED, "other", source="payments")
    line.expect("110m")
    line.at("115m", CONFIRMED, "another", source="payments")
    [finding] = line.expect("115m", "missing_event 7")
    assert finding.title == "7: no Payment confirmed after Refund authorised within 24m"
    assert finding.evidence.parameters["within"] == "24m"


def test_money_owner_store_and_deadline(warehouse: Warehouse, clock: Clock, tenant: str, usual: Usual) -> None:
    asked: list[Mapping[str, str]] = []

    def owner_of(about: Mapping[str, str]) -> tuple[str, str]:
        asked.append(about)
        return "refunds", about["interface"]

    definition = returns(case_attributes=[{"name": "store"}, {"name": "refund_amount"}])
    usual = replace(usual, view=replace(usual.view, definition=definition))
    line = Timeline(
        warehouse,
        clock,
        tenant,
        usual,
        owner_of=owner_of,
        price=lambda attributes: (Decimal(attributes["refund_amount"]), "EUR"),
        store_attribute="store",
    )
    for name, amount in (("7", 20), ("8", 30)):
        attributes = {"store": "Berlin", "refund_amount": amount}
        line.put(event("Return received", MONDAY, name, "wms", attributes=attributes))
        line.at("60m", AUTHORISED, name)
    line.at("85m", CONFIRMED, "other", source="payments")
    [finding, _] = line.expect("85m", "missing_event 7", "missing_event 8")
    assert (finding.value, finding.currency) == (Decimal(20), "EUR")
    assert (finding.owner, finding.dependency_owner, finding.store) == ("refunds", "payments", "Berlin")
    assert asked[-1] == {
        "process": "return-to-refund",
        "step": CONFIRMED,
        "interface": "payments",
        "store": "Berlin",
        "refund_amount": "30",
    }
    assert finding.deadline == MONDAY + timedelta(days=7, hours=12)  # five working days later, at closing


def test_the_money_of_a_silent_source_is_that_of_the_cases_that_wait(
    warehouse: Warehouse, clock: Clock, tenant: str, usual: Usual
) -> None:
    line = Timeline(warehouse, clock, tenant, usual, price=lambda _: (Decimal(25), "EUR"))
    line.at("50m", CONFIRMED, "other", source="payments")
    for name in ("7", "8"):
        line.at("60m", AUTHORISED, name)
    [silent] = line.expect("3d", "source_silent payments")
    assert (silent.value, silent.currency) == (Decimal(50), "EUR")


def test_too_little_to_learn_from_finds_nothing(warehouse: Warehouse, clock: Clock, tenant: str) -> None:
    little = learned(warehouse, clock, fresh_tenant(), in_shop_hours(EVERY)[-120:])
    line = Timeline(warehouse, clock, tenant, little)
    line.at("60m", AUTHORISED, "7")
    line.at("5h", CONFIRMED, "other", source="payments")
    answer = line.run("5h")
    assert (answer.findings, answer.undecided) == ((), 0)
    [reason] = answer.not_learned
    assert reason == (
        "refund_not_confirmed: 60 waits from Refund authorised to Payment confirmed are known that began between "
        "2024-01-08 and 2024-03-02 and were answered within 2d; 100 are needed"
    )


def test_a_source_that_never_told_anything(warehouse: Warehouse, clock: Clock, tenant: str, usual: Usual) -> None:
    line = Timeline(warehouse, clock, tenant, usual, rule(source="bank", within="30m"))
    line.at("60m", AUTHORISED, "7")
    answer = line.run("5h")
    assert (answer.findings, answer.undecided, answer.waiting) == ((), 1, 1)
    assert answer.not_learned == ("refund_not_confirmed: source bank never told anything",)


def test_a_source_whose_silence_is_not_known_is_never_silent(
    warehouse: Warehouse, clock: Clock, tenant: str, usual: Usual
) -> None:
    minutes = telling_minutes(warehouse, usual.view.tenant, "payments", MONDAY - days(3), MONDAY)
    little = usual_silence(minutes, "payments", rule().silence, MONDAY, usual.view.definition.own_calendar)
    assert isinstance(little, NotLearned)
    line = Timeline(warehouse, clock, tenant, replace(usual, silence=little))
    line.at("1m", CONFIRMED, "other", source="payments")
    line.at("60m", AUTHORISED, "7")
    answer = line.run("20d")
    assert (answer.findings, answer.undecided) == ((), 1)
    assert answer.not_learned[0].endswith("more than 100 are needed to know when it is silent")


@pytest.mark.parametrize(
    ("within", "due"),
    [
        ("30m", timedelta(days=4, hours=9, minutes=30)),
        ("2 working hours", timedelta(days=7, hours=1)),  # one hour is left of friday, and one of monday is needed
        ("1 working days", timedelta(days=7, hours=12)),  # the closing of monday
    ],
)
def test_a_given_time_counts_on_the_calendar(warehouse: Warehouse, tenant: str, within: str, due: timedelta) -> None:
    given = usual_wait(ProcessView(warehouse, tenant, returns()), rule(within=within), MONDAY)
    assert isinstance(given, GivenWait)
    friday = MONDAY + days(4) + timedelta(hours=9)  # four in the afternoon in Berlin
    assert given.due(friday) == MONDAY + due
    assert given.words(0.99) == within


def test_waits_that_still_run_do_not_shorten_what_is_usual(warehouse: Warehouse, clock: Clock, tenant: str) -> None:
    """One refund in ten takes three days, and there are ever more refunds: of the young ones only the fast are
    answered. Learned from all that are answered, the quantile would lie below three days."""
    rows, number = [], 0
    for day in range(40):
        for _ in range(2 + day * (2 if day > 36 else 0)):
            asked = MONDAY - days(41 - day) + timedelta(seconds=number)
            wait = days(3) if number % 10 == 0 else timedelta(hours=1)
            rows.append(event(AUTHORISED, asked, str(number)))
            if asked + wait < MONDAY:
                rows.append(event(CONFIRMED, asked + wait, str(number), "payments"))
            number += 1
    view = stored(warehouse, clock, tenant, frame(rows), definition=returns())
    tested = rule(settle="4d", quantile=0.92, at_least=50)
    patient = usual_wait(view, tested, MONDAY)
    assert isinstance(patient, LearnedWait)
    assert patient.limit == days(3)
    hasty = usual_wait(view, rule(settle="2d", quantile=0.92, at_least=50), MONDAY)
    assert isinstance(hasty, NotLearned)
    assert "took longer than settle, 2d; make it longer" in hasty.reason


def test_waits_longer_than_settle_do_not_teach(warehouse: Warehouse, clock: Clock, tenant: str) -> None:
    """They are known of the old only, and would make the quantile depend on how old the waits are."""
    rows = []
    for number in range(24):
        asked, wait = MONDAY - days(30 - number), timedelta(hours=1)
        if number >= 20:
            asked, wait = MONDAY - days(3) + timedelta(minutes=number), timedelta(days=2, hours=12)
        rows.append(event(AUTHORISED, asked, str(number)))
        rows.append(event(CONFIRMED, asked + wait, str(number), "payments"))
    view = stored(warehouse, clock, tenant, frame(rows), definition=returns())
    found = usual_wait(view, rule(at_least=20, quantile=0.92), MONDAY)
    assert isinstance(found, LearnedWait)
    assert (found.limit, found.waits) == (timedelta(hours=1), 20)
