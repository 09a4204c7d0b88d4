"""Findings as rows: written once, ended once, counted by incident, and shown to whom they belong."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest
from found import NOON, finding

from anomalies.finding_store import FindingStore
from kernel.findings import Evidence, FindingEnd, Kind, Severity

ONE, TWO = "1" * 32, "2" * 32
CAUSE = "refund in time after Refund authorised"


def test_a_finding_written_again_stays_as_it_was(store: FindingStore, tenant: str) -> None:
    first = finding(tenant, "R-1", value="10.50", currency="EUR")
    later = finding(tenant, "R-1", title="said differently", detected_at=NOON + timedelta(hours=1))
    assert first.id == later.id
    store.add([first], {CAUSE: ONE})
    store.add([later], {CAUSE: TWO})
    rows = store.of_incident(ONE)
    assert rows["title"].to_list() == ["R-1: the refund is late"]
    assert rows["value"].to_list() == [Decimal("10.5")]
    assert store.of_incident(TWO).is_empty()
    known = store.known("returns", "refund in time").open
    assert {name: one.incident for name, one in known.items()} == {first.id: ONE}


def test_what_has_ended_is_known_and_no_longer_counts(store: FindingStore, tenant: str) -> None:
    found = [finding(tenant, f"R-{number}", value="10", currency="EUR") for number in range(3)]
    store.add(found, {CAUSE: ONE})
    ended_at = NOON + timedelta(hours=2)
    store.end([FindingEnd(found[0].id, ONE, "cured", ended_at)])
    store.end([FindingEnd(found[0].id, ONE, "withdrawn", ended_at + timedelta(hours=1))])
    known = store.known("returns", "refund in time")
    assert known.ended == {found[0].id}
    assert {name: one.case_id for name, one in known.open.items()} == {found[1].id: "R-1", found[2].id: "R-2"}
    assert {(one.anchor, one.since) for one in known.open.values()} == {(found[1].anchor, found[1].since)}
    assert store.figures([ONE]).select("findings", "open", "cases", "value").row(0) == (3, 2, 2, Decimal(20))
    told = store.of_incident(ONE).select("case_id", "ended", "ended_at").rows()
    assert told[-1] == ("R-0", "cured", ended_at)
    assert {row[1:] for row in told[:2]} == {("", None)}
    assert store.of_incident(ONE, open_only=True)["case_id"].sort().to_list() == ["R-1", "R-2"]
    assert store.lasting_rules() == {("returns", "refund in time")}
    store.end([FindingEnd(one.id, ONE, "cured", ended_at) for one in found])
    assert store.lasting_rules() == set()


def test_money_is_summed_per_currency_and_never_guessed(store: FindingStore, tenant: str) -> None:
    store.add(
        [
            finding(tenant, "R-1", value="10.10", currency="EUR", lost_per_hour=Decimal("0.5")),
            finding(tenant, "R-2", value="0.20", currency="EUR", deadline=NOON + timedelta(hours=3)),
            finding(tenant, "R-3", value="7", currency="SEK", deadline=NOON + timedelta(hours=1)),
            finding(tenant, "R-4"),
            finding(tenant, "R-4", kind=Kind.UNUSUAL_CASE, since=NOON - timedelta(days=30)),
        ],
        {CAUSE: ONE},
    )
    figures = store.figures([ONE, TWO])
    columns = figures.select("currency", "open", "cases", "value", "lost_per_hour")
    assert columns.rows() == [
        ("", 2, 1, Decimal(0), Decimal(0)),
        ("EUR", 2, 2, Decimal("10.3"), Decimal("0.5")),
        ("SEK", 1, 1, Decimal(7), Decimal(0)),
    ]
    assert figures["deadline"].to_list() == [None, NOON + timedelta(hours=3), NOON + timedelta(hours=1)]
    assert figures["since"][0] == NOON - timedelta(days=30)


def test_the_dearest_comes_first_and_pages_leave_nothing_out(store: FindingStore, tenant: str) -> None:
    store.add(
        [
            finding(tenant, "unpriced"),
            finding(tenant, "cheap", value="1", currency="EUR", lost_per_hour=Decimal("0.1")),
            finding(tenant, "dear", value="900", currency="EUR", lost_per_hour=Decimal("0.1")),
            finding(tenant, "urgent", value="2", currency="EUR", lost_per_hour=Decimal("9")),
        ],
        {CAUSE: ONE},
    )
    pages = [store.of_incident(ONE, skip=skip, most=1)["case_id"].item() for skip in range(4)]
    assert pages == ["urgent", "dear", "cheap", "unpriced"]


def test_other_stores_and_other_tenants_see_nothing_of_it(store: FindingStore, tenant: str) -> None:
    store.add(
        [finding(tenant, "R-1", store="Köln"), finding(tenant, "R-2", store="Bonn"), finding(tenant, "R-3", store="")],
        {CAUSE: ONE},
    )
    assert store.of_incident(ONE, stores={"Köln"})["case_id"].to_list() == ["R-1"]
    assert store.figures([ONE], stores={"Köln", "Bonn"})["cases"].to_list() == [2]
    assert store.figures([ONE], stores=set()).is_empty()
    other = FindingStore(store._warehouse, f"{tenant}x")
    assert other.of_incident(ONE).is_empty()
    assert other.figures([ONE]).is_empty()
    assert not other.known("returns", "refund in time").open


@pytest.mark.parametrize("incident", ["1" * 30 + "00", "0" * 32, "00" + "1" * 30, "41" * 15 + "00"])
def test_an_id_may_end_with_a_zero_byte(store: FindingStore, tenant: str, incident: str) -> None:
    found = finding(tenant, "R-1", anchor=incident)
    store.add([found], {CAUSE: incident})
    assert store.figures([TWO, incident])["findings"].to_list() == [1]
    assert store.of_incident(incident)["case_id"].to_list() == ["R-1"]
    store.end([FindingEnd(found.id, incident, "cured", NOON)])
    assert store.of_incident(incident)["ended"].to_list() == ["cured"]
    assert store.figures([incident])["open"].to_list() == [0]


def test_evidence_comes_back_whole(store: FindingStore, tenant: str) -> None:
    evidence = Evidence("sla_open", {"promise": "refund"}, ("ab" * 16,), NOON, {"process:returns": "cd"})
    store.add([finding(tenant, "R\n'1", severity=Severity.LOW, score=0.25, evidence=evidence)], {CAUSE: ONE})
    row = store.of_incident(ONE).row(0, named=True)
    assert (row["case_id"], row["severity"], row["score"]) == ("R\n'1", "low", 0.25)
    assert msgspec.json.decode(row["evidence"]) == {
        "query": "sla_open",
        "parameters": {"promise": "refund"},
        "event_ids": ["ab" * 16],
        "watermark": "2026-03-01T12:00:00Z",
        "definitions": {"process:returns": "cd"},
    }
