"""Incidents for people: what they may read, and who may act."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from found import finding

from anomalies.finding_store import FindingStore
from anomalies.incident_desk import IncidentDesk
from anomalies.incidents import Incidents
from anomalies.recording import Detected, Recorder
from kernel.access import Grant, Principal, Role, acting_as
from kernel.clock import FixedClock
from kernel.errors import InputError, NotAllowed, NotFound
from kernel.owners import Owners
from kernel.state.database import State
from kernel.state.tables import INCIDENTS

RULE = "refund in time"
Everybody = dict[str, str]


@pytest.fixture
def desk(incidents: Incidents, store: FindingStore, tenant: str, tmp_path: Path) -> IncidentDesk:
    owners = Owners(tmp_path, tenant)
    owners.folder.mkdir(parents=True)
    (owners.folder / "erp-team.yaml").write_text("id: erp-team\n", encoding="utf-8")
    return IncidentDesk(tenant, incidents, store, owners)


@pytest.fixture
def ids(desk: IncidentDesk, moving: FixedClock, tenant: str) -> Everybody:
    """Cause to incident: one of two stores, one of Köln alone, one of another process."""
    recorder = Recorder(desk.findings, desk.incidents)
    found = [
        finding(tenant, "R-1", store="Köln", cause="both", value="10", currency="EUR", lost_per_hour=Decimal(1)),
        finding(tenant, "R-2", store="Bonn", cause="both", value="7", currency="EUR"),
        finding(tenant, "R-3", store="Köln", cause="one"),
    ]
    made = dict(recorder.record(Detected("returns", RULE, found), moving.now()).incidents)
    other = [finding(tenant, "O-1", process="orders", cause="orders", store="")]
    return made | dict(recorder.record(Detected("orders", RULE, other), moving.now()).incidents)


def who(tenant: str, *grants: Grant) -> Principal:
    return Principal(tenant, "user", "u1", "ana", frozenset(grants))


def seen(desk: IncidentDesk) -> dict[str, tuple[int, dict[str, Decimal]]]:
    return {line.incident.cause: (line.cases, dict(line.value)) for line in desk.lines()}


def test_each_sees_what_is_of_their_processes_and_stores(desk: IncidentDesk, ids: Everybody, tenant: str) -> None:
    everything = {"both": (2, {"EUR": Decimal(17)}), "one": (1, {}), "orders": (1, {})}
    assert seen(desk) == everything  # a command on this machine
    with acting_as(who(tenant, Grant(Role.VIEWER))):
        assert seen(desk) == everything
    with acting_as(who(tenant, Grant(Role.VIEWER, "orders"))):
        assert seen(desk) == {"orders": (1, {})}
    with acting_as(who(tenant, Grant(Role.VIEWER, "returns", "Bonn"))):
        assert seen(desk) == {"both": (1, {"EUR": Decimal(7)})}
        assert desk.found(ids["both"])["case_id"].to_list() == ["R-2"]
        assert desk.notes(ids["both"]) == []
    with acting_as(who(tenant, Grant(Role.VIEWER, store="Bonn"), Grant(Role.VIEWER, "returns", "Köln"))):
        assert seen(desk) == {"both": (2, {"EUR": Decimal(17)}), "one": (1, {})}
    with acting_as(who(tenant)):
        assert seen(desk) == {}


READING: list[Callable[[IncidentDesk, str], object]] = [
    lambda desk, name: desk.line(name),
    lambda desk, name: desk.found(name),
    lambda desk, name: desk.notes(name),
]
ACTING: list[Callable[[IncidentDesk, str], object]] = [
    lambda desk, name: desk.acknowledge(name),
    lambda desk, name: desk.comment(name, "hello"),
    lambda desk, name: desk.assign(name, "erp-team"),
    lambda desk, name: desk.close(name, "done"),
]


@pytest.mark.parametrize("deed", [*READING, *ACTING])
def test_what_one_may_not_read_is_not_there(
    desk: IncidentDesk, ids: Everybody, tenant: str, deed: Callable[[IncidentDesk, str], object]
) -> None:
    said = []
    with acting_as(who(tenant, Grant(Role.OPERATOR, "orders"))):
        for name in (ids["both"], "0" * 32):
            with pytest.raises(NotFound) as refused:
                deed(desk, name)
            said.append(str(refused.value).replace(name, "ID"))
    assert len(set(said)) == 1
    assert desk.incidents.get(ids["both"]).state == "open"


@pytest.mark.parametrize("deed", ACTING)
@pytest.mark.parametrize("role", [Role.VIEWER, Role.ANALYST, Role.APPROVER, Role.ADMIN])
def test_who_only_reads_does_nothing(
    desk: IncidentDesk, ids: Everybody, tenant: str, deed: Callable[[IncidentDesk, str], object], role: Role
) -> None:
    with acting_as(who(tenant, Grant(role), Grant(Role.OPERATOR, "orders"))):
        assert not desk.may_act(desk.line(ids["both"]))
        with pytest.raises(NotAllowed, match="ana has no grant to act here"):
            deed(desk, ids["both"])
    assert [note.kind for note in desk.notes(ids["both"])] == ["opened"]


def test_who_acts_in_one_store_acts_on_what_is_of_it_alone(desk: IncidentDesk, ids: Everybody, tenant: str) -> None:
    with acting_as(who(tenant, Grant(Role.OPERATOR, "returns", "Köln"))):
        assert desk.acknowledge(ids["one"]).state == "acknowledged"
        assert desk.may_act(desk.line(ids["one"]))
        with pytest.raises(NotAllowed):
            desk.acknowledge(ids["both"])


def test_deeds_carry_the_name_of_who_did_them(desk: IncidentDesk, ids: Everybody, tenant: str) -> None:
    with acting_as(who(tenant, Grant(Role.OPERATOR))):
        desk.acknowledge(ids["both"])
        desk.comment(ids["both"], "seen")
        desk.assign(ids["both"], "erp-team")
        with pytest.raises(InputError, match=r"no owner 'erp-taem' \(did you mean erp-team\?\); there are: erp-team"):
            desk.assign(ids["both"], "erp-taem")
    desk.close(ids["both"], "paid by hand")
    assert [(note.kind, note.author) for note in desk.notes(ids["both"])][1:] == [
        ("acknowledged", "ana"),
        ("comment", "ana"),
        ("owner", "ana"),
        ("resolved", "a command on this machine"),
    ]


def test_the_dearest_comes_first_among_the_equally_severe(desk: IncidentDesk, ids: Everybody) -> None:
    assert next(line.incident.cause for line in desk.lines()) == "both"
    assert desk.lines(most=1)[0].lost_per_hour == {"EUR": Decimal(1)}


def test_what_lasts_is_never_left_out_before_it_is_known_who_asks_and_what_is_severe(
    desk: IncidentDesk, state: State, moving: FixedClock, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The severe one, and the one of orders, began before 600 others."""
    monkeypatch.setattr("anomalies.incidents.MOST_READ", 500)
    usual = dict.fromkeys(("rule", "cause", "title", "suspect", "owner", "dependency_owner", "told"), "")
    now = moving.now()
    rows = [
        {
            **usual,
            "tenant": tenant,
            "incident_id": f"{number:032}",
            "open_key": f"{number}",
            "process": "orders" if number == 1 else "returns",
            "kind": "sla_breach",
            "severity": "low" if number else "critical",
            "state": "open",
            "opened_at": now + timedelta(seconds=number),
            "since": now,
            "last_found_at": now,
            "findings": 0,
        }
        for number in range(602)
    ]
    with state.writing() as connection:
        connection.execute(INCIDENTS.insert(), rows)
    assert [line.incident.severity.value for line in desk.lines(most=2)] == ["critical", "low"]
    with acting_as(who(tenant, Grant(Role.VIEWER, "orders"))):
        assert [line.incident.id for line in desk.lines()] == [f"{1:032}"]
    assert len(desk.incidents.all(states=["open", "resolved"])) == 500  # with what is over, the newest
