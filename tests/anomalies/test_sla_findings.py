"""Promises as detectors: who is late or about to be, after which step, and what becomes of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from logs import START, Told, frame, happened, object_frame, process, stored

from anomalies.finding_store import FindingStore
from anomalies.incidents import Incidents
from anomalies.recording import Detected, Recorded, Recorder
from anomalies.rule_models import SlaRule
from anomalies.sla_findings import sla_findings
from anomalies.watching import circumstances
from kernel.clock import FixedClock
from kernel.errors import NotFound
from kernel.findings import Kind, Severity
from kernel.owners import Owner, OwnerBook
from kernel.promise import Promise
from kernel.warehouse import Warehouse
from mining.projection import refresh
from mining.view import ProcessView

RULE = SlaRule(id="refunds", process="p", kind="sla", promise="refund in time")
DEFINITION = process(
    order=("Received", "Authorised", "Sent", "Paid"),
    end=("Paid", "Rejected"),
    store="store",
    value={"attribute": "amount", "currency": "EUR"},
    promises=(
        Promise.model_validate(
            {
                "name": "refund in time",
                "from": "Received",
                "to": "Paid",
                "within": "10h",
                "at_risk": "2h",
                "late_cost": {"per_day": "2.4%"},
            }
        ),
    ),
)
OWNERS = OwnerBook(
    {
        "returns": Owner.model_validate({"id": "returns", "owns": [{"process": "p"}]}),
        "erp": Owner.model_validate({"id": "erp", "depends": [{"process": "p", "step": "Sent"}]}),
    }
)
USUAL = [
    happened(activity, f"{hours}h", str(number))
    for number in range(90, 94)
    for activity, hours in (("Received", 0), ("Authorised", 1), ("Sent", 2), ("Paid", 3))
]
STUCK = [
    *(happened("Received", f"{hour}h", name) for name, hour in (("1", 0), ("2", 1), ("3", 9), ("4", 30))),
    *(happened("Authorised", f"{hour}h", name) for name, hour in (("1", 2), ("2", 3), ("3", 10))),
    happened("Received", "0h", "5"),
    happened("Rejected", "1h", "5"),
    happened("Received", "0h", "6"),
]
VALUES = [
    *(Told(name, "store", "K-114") for name in ("1", "2", "3", "6")),
    Told("1", "amount", "100"),
    Told("2", "amount", "50.5"),
    Told("6", "amount", "?"),
]


@pytest.fixture
def view(warehouse: Warehouse, clock: FixedClock, tenant: str) -> ProcessView:
    return stored(
        warehouse, clock, tenant, frame([*USUAL, *STUCK]), definition=DEFINITION, objects=object_frame(VALUES)
    )


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def look(view: ProcessView, rule: SlaRule, hours: float) -> Detected:
    return sla_findings(view, rule, circumstances(view, at(hours), OWNERS))


def test_who_is_late_or_soon_will_be_is_found_with_the_step_it_waits_at(view: ProcessView) -> None:
    found = {one.case_id: one for one in look(view, RULE, 17.5).findings}
    assert {name: (one.kind, one.severity) for name, one in found.items()} == {
        "1": (Kind.SLA_BREACH, Severity.HIGH),
        "2": (Kind.SLA_BREACH, Severity.HIGH),
        "3": (Kind.SLA_AT_RISK, Severity.MEDIUM),
        "6": (Kind.SLA_BREACH, Severity.HIGH),
    }
    first, risky, early = found["1"], found["3"], found["6"]
    assert first.title == "1 is late by 7h 30m, waiting after Authorised"
    assert (first.since, first.deadline) == (at(10), None)
    assert (first.suspect, first.owner, first.dependency_owner) == ("Authorised → Sent", "returns", "erp")
    assert (first.value, first.currency, first.lost_per_hour) == (Decimal(100), "EUR", Decimal("0.1"))
    assert first.store == "K-114"
    assert first.evidence.watermark == at(30)  # of its one source, which has told of the future of this question
    assert first.evidence.definitions == {"process:p": DEFINITION.hash.hex(), "rule:refunds": RULE.version}
    assert risky.title == "3 is due in 1h 30m, waiting after Authorised"
    assert (risky.deadline, risky.value, risky.lost_per_hour) == (at(19), None, None)
    assert (early.suspect, early.dependency_owner, early.value) == ("Received → Authorised", "", None)
    assert first.cause == found["2"].cause == risky.cause != early.cause
    assert first.cause_title == "refund in time: late, waiting after Authorised"


def test_a_watch_may_leave_out_what_is_only_at_risk(view: ProcessView) -> None:
    rule = RULE.model_copy(update={"breached": Severity.CRITICAL, "at_risk": None})
    found = look(view, rule, 17.5).findings
    assert {(one.case_id, one.severity) for one in found} == {(name, Severity.CRITICAL) for name in ("1", "2", "6")}


def test_the_trouble_grows_is_cured_and_is_withdrawn(
    warehouse: Warehouse, clock: FixedClock, tenant: str, view: ProcessView, store: FindingStore, incidents: Incidents
) -> None:
    recorder = Recorder(store, incidents)

    def record(hours: float) -> Recorded:
        return recorder.record(look(view, RULE, hours), at(hours))

    def later(*events: tuple[str, float, str]) -> None:
        told = frame(happened(activity, at(hours), name) for activity, hours, name in events)
        stored(warehouse, clock, tenant, told, definition=DEFINITION)

    first = record(17.5)
    assert (len(first.added), len(set(first.incidents.values()))) == (4, 2)
    risen = record(19.5)
    assert [(one.case_id, one.kind) for one in risen.added] == [("3", Kind.SLA_BREACH)]
    assert [end.how for end in risen.ended] == ["grown"]
    assert not risen.resolved
    later(("Paid", 20, "1"), ("Rejected", 20, "2"), ("Sent", 20, "3"))
    moved = record(21)
    assert sorted(end.how for end in moved.ended) == ["cured", "grown", "withdrawn"]
    assert [(one.case_id, one.suspect) for one in moved.added] == [("3", "Sent → Paid")]
    assert [incidents.get(name).title for name in moved.resolved] == ["refund in time: late, waiting after Authorised"]
    later(("Paid", 22, "3"), ("Paid", 22, "6"))
    last = record(23)
    assert sorted(end.how for end in last.ended) == ["cured", "cured"]
    assert len(last.resolved) == 2
    assert {one.state for one in incidents.all()} == {"resolved"}


def test_what_nobody_has_promised_is_no_detector(view: ProcessView) -> None:
    with pytest.raises(NotFound, match="promises nothing called 'refunds in time'"):
        look(view, RULE.model_copy(update={"promise": "refunds in time"}), 1)


def test_a_refresh_changes_no_finding(warehouse: Warehouse, clock: FixedClock, tenant: str, view: ProcessView) -> None:
    before = look(view, RULE, 17.5).findings
    refresh(warehouse, clock, tenant, DEFINITION, full=True)
    after = look(view, RULE, 17.5).findings
    assert [one.id for one in before] == [one.id for one in after]
