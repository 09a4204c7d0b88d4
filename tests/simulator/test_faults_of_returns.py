"""Faults of returns and refunds: every return that the truth names shows its fault in what was told, and no other."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from simulated import Told, at, told

from simulator.world.facts import Fact
from simulator.world.retailer import OFFICE
from simulator.world.times import DAY, HOUR, SECOND, WEEKDAYS, as_datetime

Cases = dict[str, list[Fact]]
FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "approval_bottleneck", "from": "day 8 10:00", "until": "day 19"},
    {"kind": "refund_stuck", "from": "day 17", "until": "day 23", "share": 0.7},
    {"kind": "return_not_posted", "from": "day 6", "until": "day 24", "where": {"channel": "store"}},
    {"kind": "suspicious_refunds", "from": "day 4", "until": "day 20", "where": {"clerk": "clerk-07"}},
)
TOLD_BY_US = 3 * HOUR
"""The ERP does what it was given, and tells it, every hour."""


def of_days(*faults: dict[str, Any]) -> Told:
    return told(*faults, days=28, orders_per_day=90)


def cases_of(found: Told) -> Cases:
    return found.cases("return", "refund", "parcel")


@pytest.fixture(scope="module")
def broken() -> Told:
    return of_days(*FAULTS)


@pytest.fixture(scope="module")
def cases(broken: Told) -> Cases:
    return cases_of(broken)


@pytest.fixture(scope="module")
def clean() -> Cases:
    return cases_of(of_days())


def named(broken: Told, kind: str) -> dict[str, dict[str, Any]]:
    """The returns that the truth names, by id; there are some, and nothing but returns."""
    affected = broken.affected(kind)
    assert len(affected) > 4
    assert {key[0] for key, _ in affected} == {"return"}
    return {key[1]: hit for key, hit in affected}


def steps(facts: list[Fact]) -> set[str]:
    return {fact.activity for fact in facts}


def when(facts: list[Fact], activity: str) -> int | None:
    """When it happened first; None when it never did, as far as was told."""
    return next((fact.at_us for fact in facts if fact.activity == activity), None)


def halted(cases: Cases, before: str, after: str, end_us: int) -> set[str]:
    """The returns that should have come from one step to the other long ago, and have not."""
    found = set()
    for id_, facts in cases.items():
        before_us = when(facts, before)
        if before_us is not None and before_us < end_us - TOLD_BY_US and when(facts, after) is None:
            found.add(id_)
    return found


def cents_of(broken: Told, kind: str) -> int:
    return int(Decimal(broken.fault(kind)["money"]["EUR"]) * 100)


def test_stuck_refunds_are_authorised_and_never_sent(broken: Told, cases: Cases, clean: Cases) -> None:
    hit, end_us = named(broken, "refund_stuck"), at(broken.truth["end"])
    between = "Refund authorised", "Refund sent to payments"
    cents = 0
    for id_ in hit:
        assert {"Return received", "Refund authorised"} <= steps(cases[id_])
        assert not steps(cases[id_]) & {"Refund sent to payments", "Payment confirmed", "Customer notified"}
        cents += next(fact.cents or 0 for fact in cases[id_] if fact.activity == "Refund authorised")
    assert halted(cases, *between, end_us) <= set(hit)
    assert not halted(clean, *between, end_us)
    assert cents_of(broken, "refund_stuck") == cents


def test_returns_that_are_not_posted_come_no_further(broken: Told, cases: Cases, clean: Cases) -> None:
    hit, end_us = named(broken, "return_not_posted"), at(broken.truth["end"])
    between = "Disposition decided", "Return posted to ERP"
    for id_ in hit:
        assert {"Return received", "Disposition decided"} <= steps(cases[id_])
        assert not steps(cases[id_]) & {"Return posted to ERP", "Refund authorised"}
        assert broken.things["return", id_].attributes["channel"] == "store"
    assert halted(cases, *between, end_us) <= set(hit)
    assert not halted(clean, *between, end_us)


def waits_us(facts: list[Fact]) -> int | None:
    asked_us, granted_us = when(facts, "Refund approval requested"), when(facts, "Refund authorised")
    return None if asked_us is None or granted_us is None else granted_us - asked_us


def test_in_a_bottleneck_approvals_wait_for_one_clerk(broken: Told, cases: Cases, clean: Cases) -> None:
    hit = named(broken, "approval_bottleneck")
    begins_us, ends_us = broken.window("approval_bottleneck")
    for id_, one in hit.items():
        waited_us, usual_us = waits_us(cases[id_]), waits_us(clean[id_])
        assert one["waits_at_least_s"] * SECOND > DAY // 2
        if waited_us is not None and usual_us is not None:
            assert waited_us >= one["waits_at_least_s"] * SECOND
            assert waited_us > usual_us + DAY // 2
        clerks = {fact.actor for fact in cases[id_] if fact.activity == "Refund authorised"}
        assert clerks <= {one["approver"]}
    for id_, facts in cases.items():
        asked_us = when(facts, "Refund approval requested")
        if asked_us is not None and asked_us < at(broken.truth["end"]) - 2 * DAY:
            assert (id_ in hit) == (begins_us <= asked_us < ends_us)
        waited_us, usual_us = waits_us(facts), waits_us(clean.get(id_, []))
        if id_ not in hit and waited_us is not None and usual_us is not None:
            assert abs(waited_us - usual_us) < HOUR


def for_nothing(cases: Cases) -> set[str]:
    """The returns for which money was granted before anything had come back."""
    found = set()
    for id_, facts in cases.items():
        granted_us, there_us = when(facts, "Refund authorised"), when(facts, "Return received")
        if granted_us is not None and (there_us is None or there_us > granted_us):
            found.add(id_)
    return found


def test_one_clerk_grants_friends_what_nobody_sent_back(broken: Told, cases: Cases, clean: Cases) -> None:
    hit = named(broken, "suspicious_refunds")
    assert set(hit) <= for_nothing(cases)
    assert {id_ for id_ in for_nothing(cases) if when(cases[id_], "Payment confirmed")} <= set(hit)
    assert not for_nothing(clean)
    customers, cents = set(), 0
    for id_, one in hit.items():
        asked, granted = (
            next(fact for fact in cases[id_] if fact.activity == activity)
            for activity in ("Return requested", "Refund authorised")
        )
        assert {asked.actor, granted.actor} == {"clerk-07"}
        assert WEEKDAYS[as_datetime(granted.at_us).weekday()] in OFFICE
        granted_cents = granted.cents or 1
        assert granted_cents % 1000 == 0  # round
        cents += granted_cents
        assert one["customer"] in {thing.id for thing in asked.things}
        customers.add(one["customer"])
    assert len(customers) <= 4
    assert cents_of(broken, "suspicious_refunds") == cents


def test_late_refunds_lead_to_complaints(broken: Told) -> None:
    """Those who wait for their money write, after the promised week."""
    about = [
        facts
        for facts in broken.cases("customer_case").values()
        if any(fact.details.get("category") == "late_refund" for fact in facts)
    ]
    assert about
    for facts in about:
        order = next(thing for thing in facts[0].things if thing.type == "order")
        received = [
            fact.at_us
            for key in broken.belongs[order.key]
            for fact in broken.of.get(key, ())
            if key[0] == "return" and fact.activity == "Return received"
        ]
        assert min(received) + 7 * DAY < facts[0].at_us
