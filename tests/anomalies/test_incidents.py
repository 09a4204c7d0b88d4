"""Incidents: one of a cause is open at a time, whoever finds it, and its history tells what was done."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from found import NOON, finding

from anomalies.incidents import Incidents
from kernel.clock import FixedClock
from kernel.errors import InputError, NotFound
from kernel.findings import Kind, Severity
from kernel.state.database import State

CAUSE = "refund in time after Refund authorised"


def test_findings_of_one_cause_are_one_incident(incidents: Incidents, tenant: str) -> None:
    found = [finding(tenant, f"R-{number}") for number in range(50)] + [finding(tenant, "R-1", cause="another")]
    opened = incidents.join(found)
    assert incidents.join(found) == opened
    assert {one.cause for one in incidents.all()} == {CAUSE, "another"}
    assert [note.kind for note in incidents.notes(opened[CAUSE])] == ["opened"]


def test_an_incident_grows_worse_and_never_better(incidents: Incidents, moving: FixedClock, tenant: str) -> None:
    mild = finding(tenant, "R-1", kind=Kind.SLA_AT_RISK, severity=Severity.MEDIUM, cause_title="due soon", since=NOON)
    name = incidents.join([mild])[CAUSE]
    moving.at += timedelta(hours=1)
    incidents.join([finding(tenant, "R-2", severity=Severity.CRITICAL, cause_title="late")])
    moving.at += timedelta(hours=1)
    incidents.join([mild])
    found = incidents.get(name)
    assert (found.severity, found.kind, found.title) == (Severity.CRITICAL, Kind.SLA_BREACH, "late")
    assert found.since == finding(tenant, "R-2").since
    assert (found.opened_at, found.last_found_at) == (NOON, NOON + timedelta(hours=2))


def test_many_who_find_the_same_at_once_open_one(state: State, incidents: Incidents, tenant: str) -> None:
    def find(number: int) -> str:
        return incidents.join([finding(tenant, f"R-{number}")])[CAUSE]

    with ThreadPoolExecutor(8) as pool:
        names = Counter(pool.map(find, range(200)))
    assert len(names) == 1
    assert names.total() == 200
    assert len(incidents.all()) == 1
    assert [note.kind for note in incidents.notes(names.most_common(1)[0][0])] == ["opened"]


def test_when_all_of_it_has_ended_it_is_resolved_and_the_next_is_another(
    incidents: Incidents, moving: FixedClock, tenant: str
) -> None:
    name = incidents.join([finding(tenant, "R-1")])[CAUSE]
    assert incidents.settle({name: (0, 0)}) == []  # opened, and killed before its findings were stored
    assert incidents.settle({name: (3, 1)}) == []
    assert (incidents.get(name).findings, incidents.get(name).state) == (3, "open")
    moving.at += timedelta(hours=5)
    assert incidents.settle({name: (3, 0)}) == [name]
    assert incidents.settle({name: (3, 0)}) == []
    found = incidents.get(name)
    assert (found.state, found.resolution, found.resolved_at) == ("resolved", "cured", NOON + timedelta(hours=5))
    again = incidents.join([finding(tenant, "R-9")])[CAUSE]
    assert again != name
    assert incidents.notes(again)[0].text == (
        "This cause was an incident 1 times before, the last time until 2026-03-01 17:00 UTC."
    )
    assert [one.id for one in incidents.all(states=["open"])] == [again]
    assert {one.id for one in incidents.all()} == {name, again}


def test_what_people_do_is_noted_in_order_with_their_names(
    incidents: Incidents, moving: FixedClock, tenant: str
) -> None:
    name = incidents.join([finding(tenant, "R-1")])[CAUSE]
    incidents.acknowledge(name, by="u1", by_name="ana")
    moving.at += timedelta(minutes=1)
    incidents.acknowledge(name, by="u2", by_name="ben")  # she has it already
    incidents.comment(name, "  the batch of Thursday is missing \n", by_name="ana")
    incidents.assign(name, "erp-team", by_name="ana")
    incidents.assign(name, "erp-team", by_name="ana")
    found = incidents.close(name, "paid by hand", by_name="ben")
    assert (found.state, found.owner, found.acknowledged_by) == ("resolved", "erp-team", "u1")
    assert (found.acknowledged_at, found.resolution) == (NOON, "closed by a person")
    assert [(note.number, note.kind, note.author, note.text) for note in incidents.notes(name)] == [
        (1, "opened", "gembascope", ""),
        (2, "acknowledged", "ana", ""),
        (3, "comment", "ana", "the batch of Thursday is missing"),
        (4, "owner", "ana", "from returns-ops to erp-team"),
        (5, "resolved", "ben", "paid by hand"),
    ]


def test_notes_of_many_at_once_have_numbers_of_their_own(incidents: Incidents, tenant: str) -> None:
    name = incidents.join([finding(tenant, "R-1")])[CAUSE]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: incidents.comment(name, f"note {number}", by_name="ana"), range(60)))
    notes = incidents.notes(name)
    assert [note.number for note in notes] == list(range(1, 62))
    assert {note.text for note in notes[1:]} == {f"note {number}" for number in range(60)}


def test_what_cannot_be_is_refused(incidents: Incidents, tenant: str) -> None:
    name = incidents.join([finding(tenant, "R-1")])[CAUSE]
    with pytest.raises(NotFound, match="no incident 'nowhere'"):
        incidents.get("nowhere")
    with pytest.raises(NotFound):
        incidents.comment("nowhere", "hello", by_name="ana")
    for text in ("", "  ", "x" * 4001):
        with pytest.raises(InputError, match="expected 1 to 4000 characters"):
            incidents.comment(name, text, by_name="ana")
        with pytest.raises(InputError, match="expected 1 to 4000 characters"):
            incidents.close(name, text, by_name="ana")
    incidents.close(name, "no trouble", by_name="ana")
    with pytest.raises(InputError, match="is resolved"):
        incidents.acknowledge(name, by="u1", by_name="ana")
    with pytest.raises(InputError, match="is resolved already"):
        incidents.close(name, "again", by_name="ana")


def test_another_tenant_has_incidents_of_its_own(
    state: State, incidents: Incidents, moving: FixedClock, tenant: str
) -> None:
    name = incidents.join([finding(tenant, "R-1")])[CAUSE]
    other = Incidents(state, moving, f"{tenant}x")
    assert other.all() == []
    with pytest.raises(NotFound):
        other.get(name)
    with pytest.raises(NotFound):
        other.close(name, "not mine", by_name="eve")
    assert other.join([finding(f"{tenant}x", "R-1")])[CAUSE] != name
    assert incidents.get(name).state == "open"
