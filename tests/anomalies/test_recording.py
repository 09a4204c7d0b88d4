"""What a rule finds becomes findings and incidents: new ones are added, gone ones end, and again changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from found import NOON, finding

from anomalies.finding_store import FindingStore
from anomalies.incidents import Incidents
from anomalies.recording import Detected, Recorded, Recorder
from kernel.clock import FixedClock
from kernel.findings import Finding, FindingEnd, Kind

RULE, CAUSE = "refund in time", "refund in time after Refund authorised"


@pytest.fixture
def recorder(store: FindingStore, incidents: Incidents) -> Recorder:
    return Recorder(store, incidents)


def detected(findings: Sequence[Finding]) -> Detected:
    return Detected("returns", RULE, findings)


def counts(recorded: Recorded) -> tuple[int, int, int]:
    return len(recorded.added), len(recorded.ended), len(recorded.resolved)


def test_the_same_again_adds_nothing(recorder: Recorder, store: FindingStore, tenant: str) -> None:
    found = [finding(tenant, f"R-{number}") for number in range(5)]
    first = recorder.record(detected(found), NOON)
    assert counts(first) == (5, 0, 0)
    again = recorder.record(detected([replace(one, detected_at=NOON + timedelta(hours=1)) for one in found]), NOON)
    assert counts(again) == (0, 0, 0)
    assert store.figures([first.incidents[CAUSE]])["findings"].to_list() == [5]


def test_what_is_gone_has_ended_and_the_last_one_resolves(
    recorder: Recorder, store: FindingStore, incidents: Incidents, tenant: str
) -> None:
    found = [finding(tenant, f"R-{number}") for number in range(3)]
    name = recorder.record(detected(found), NOON).incidents[CAUSE]
    assert counts(recorder.record(detected(found[1:]), NOON)) == (0, 1, 0)
    assert (incidents.get(name).findings, incidents.get(name).state) == (3, "open")
    assert counts(recorder.record(detected([]), NOON)) == (0, 2, 1)
    assert incidents.get(name).resolution == "cured"
    assert set(store.of_incident(name)["ended"]) == {"cured"}


def test_trouble_that_comes_back_is_another_finding_of_another_incident(
    recorder: Recorder, incidents: Incidents, tenant: str
) -> None:
    found = [finding(tenant, "R-1")]
    for round_ in range(3):
        recorded = recorder.record(detected(found), NOON)
        assert counts(recorded) == (1, 0, 0), round_
        assert counts(recorder.record(detected(found), NOON)) == (0, 0, 0), round_
        assert counts(recorder.record(detected([]), NOON)) == (0, 1, 1), round_
    assert len(incidents.all()) == 3


def test_killed_after_the_incident_was_opened_the_next_time_finishes(
    recorder: Recorder, store: FindingStore, incidents: Incidents, tenant: str
) -> None:
    found = [finding(tenant, "R-1"), finding(tenant, "R-2")]
    name = incidents.join(found)[CAUSE]  # and no further
    recorded = recorder.record(detected(found), NOON)
    assert recorded.incidents == {CAUSE: name}
    assert (incidents.get(name).findings, len(incidents.all())) == (2, 1)
    store.end([FindingEnd(one.id, name, "cured", NOON) for one in found])  # ended, and killed before it was resolved
    assert incidents.get(name).state == "open"
    assert counts(recorder.record(detected([]), NOON)) == (0, 0, 1)
    assert incidents.get(name).state == "resolved"


def test_how_it_ended_is_told_by_the_rule(recorder: Recorder, store: FindingStore, tenant: str) -> None:
    found = [finding(tenant, "R-1"), finding(tenant, "R-2")]
    name = recorder.record(detected(found), NOON).incidents[CAUSE]
    ways = {"R-1": "withdrawn", "R-2": "grown"}
    recorder.record(
        Detected("returns", RULE, [], lambda gone: {one.id: (ways[one.case_id], None) for one in gone}), NOON
    )
    assert dict(store.of_incident(name).select("case_id", "ended").iter_rows()) == ways


def test_trouble_that_nobody_answers_for_is_a_finding_until_somebody_does(
    recorder: Recorder, incidents: Incidents, moving: FixedClock, tenant: str
) -> None:
    found = [finding(tenant, f"R-{number}", owner="") for number in range(3)]
    recorder.record(detected(found), NOON)
    assert {one.kind for one in incidents.all()} == {Kind.SLA_BREACH, Kind.UNOWNED}
    owned = [replace(one, owner="returns-ops") for one in [*found, finding(tenant, "R-9")]]
    assert counts(recorder.record(detected(owned), NOON)) == (1, 1, 1)
    told = {one.kind: (one.state, one.owner) for one in incidents.all()}
    assert told == {Kind.SLA_BREACH: ("open", "returns-ops"), Kind.UNOWNED: ("resolved", "")}
    recorder.record(detected(found), NOON)
    assert recorder.left_over({("returns", "another")}) == [("returns", RULE)]
    assert len(recorder.withdraw("returns", RULE, NOON)) == 2  # nobody looks after it any more
    assert {one.resolution for one in incidents.all() if one.resolution != "cured"} == {"withdrawn"}
    assert recorder.left_over(set()) == []
