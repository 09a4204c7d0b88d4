"""All rules of a tenant at once: what they find is recorded, and what cannot run is told and stops no other."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from found import finding
from logs import START, Told, frame, happened, object_frame, process, stored

from anomalies.detection import Detection
from anomalies.finding_store import FindingStore
from anomalies.incidents import Incidents
from anomalies.recording import Recorder
from anomalies.rules import Rules
from kernel.clock import FixedClock
from kernel.owners import Owners
from kernel.process import Processes, write_process
from kernel.promise import Promise
from kernel.warehouse import Warehouse
from mining.projection import refresh
from mining.view import Views

DEFINITION = process(
    activities=("Authorised", "Sent", "Paid", "Rejected"),
    order=("Authorised", "Sent", "Paid"),
    end=("Paid", "Rejected"),
    value={"attribute": "amount", "currency": "EUR"},
    promises=(Promise.model_validate({"name": "paid in time", "from": "Authorised", "to": "Paid", "within": "2h"}),),
    owner="ops",
)
RULES = {
    "late": "id: late\nkind: sla\nprocess: p\npromise: paid in time\nbreached: high\n",
    "unpaid": "id: unpaid\nkind: missing_event\nprocess: p\nafter: Authorised\nexpect: Paid\nsource: bank\n"
    "within: 3h\n",
    "odd": "id: odd\nkind: unusual_case\nprocess: p\n",
}


@pytest.fixture
def detection(
    warehouse: Warehouse, moving: FixedClock, tenant: str, tmp_path: Path, store: FindingStore, incidents: Incidents
) -> Detection:
    processes = Processes(tmp_path, tenant)
    write_process(processes.folder, DEFINITION)
    rules = Rules(tmp_path, tenant, processes.all)
    rules.folder.mkdir(parents=True)
    for name, text in RULES.items():
        (rules.folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    views = Views(warehouse, tenant, processes)
    owners = Owners(tmp_path, tenant)
    return Detection(views, moving, owners, rules, Recorder(store, incidents))


@pytest.fixture
def tell(warehouse: Warehouse, clock: FixedClock, tenant: str) -> Callable[..., None]:
    """Store events (activity, hours, case, source) and bring the paths up to date."""

    def store_(*events: tuple[str, float, str, str]) -> None:
        told = [happened(one, START + timedelta(hours=at), name, source=source) for one, at, name, source in events]
        values = [Told(name, "amount", "10.50") for _, _, name, _ in events]
        stored(warehouse, clock, tenant, frame(told), definition=DEFINITION, objects=object_frame(values))
        refresh(warehouse, clock, tenant, DEFINITION)

    return store_


def test_every_rule_runs_and_what_it_lacks_is_told(
    detection: Detection,
    incidents: Incidents,
    store: FindingStore,
    moving: FixedClock,
    tenant: str,
    tell: Callable[..., None],
) -> None:
    tell(("Authorised", 0, "1", "crm"), ("Authorised", 0, "2", "crm"), ("Paid", 6, "2", "bank"))
    found = detection.run()
    assert found.problem == ""
    told = {one.rule: one for one in found.looked}
    assert {name: (one.lasting, one.added, one.problem) for name, one in told.items()} == {
        "late": (1, 1, ""),
        "unpaid": (1, 1, ""),
        "odd": (0, 0, ""),
    }
    assert told["odd"].not_learned  # two cases are no peers
    assert {one.title for one in incidents.all()} == {
        "paid in time: late, waiting after Authorised",
        "No Paid after Authorised",
    }
    assert {one.owner for one in incidents.all()} == {"ops"}
    assert sorted(len(group) for group in found.added.values()) == [1, 1]
    assert detection.run().added == {}
    assert told["odd"].not_learned[0].startswith("odd: 1 cases of p that began since")
    store.add([finding(tenant, "2", rule="odd", process="p")], {finding(tenant, "2").cause: "1" * 32})
    moving.at += timedelta(minutes=1)
    [odd] = detection.look(detection.rules.get("odd")).not_learned
    assert odd.startswith("odd: 0 cases of p that began since")  # what is flagged does not teach


def test_what_came_and_what_ended_another_way_is_over_when_it_did(
    detection: Detection, incidents: Incidents, store: FindingStore, tell: Callable[..., None]
) -> None:
    tell(*(("Authorised", 0, name, "crm") for name in "123"), ("Paid", 6, "9", "bank"))
    first = detection.run()
    name = next(incident for incident in first.added if incidents.get(incident).rule == "unpaid")
    tell(("Paid", 7, "1", "bank"), ("Rejected", 7, "2", "crm"))
    detection.run()
    assert dict(store.of_incident(name).select("case_id", "ended").iter_rows()) == {
        "1": "cured",
        "2": "cured",
        "3": "",
    }
    ended = dict(store.of_incident(name).select("case_id", "ended_at").iter_rows())
    assert (ended["1"], ended["3"]) == (START + timedelta(hours=7), None)
    tell(("Paid", 2, "3", "bank"))  # late news: it had come in time
    assert name in detection.run().resolved
    assert dict(store.of_incident(name).select("case_id", "ended").iter_rows())["3"] == "withdrawn"


def test_a_source_that_falls_silent_cures_nothing(
    detection: Detection, incidents: Incidents, tell: Callable[..., None]
) -> None:
    tell(("Authorised", 0, "1", "crm"), ("Paid", 6, "9", "bank"))
    name = next(one for one in detection.run().added if incidents.get(one).rule == "unpaid")
    # The rule waits longer now: nothing says that the step happened, so the trouble lasts.
    rule = detection.rules.folder / "unpaid.yaml"
    rule.write_text(RULES["unpaid"].replace("within: 3h", "within: 300h"), encoding="utf-8")
    detection.run()
    assert incidents.get(name).state == "open"


PACK = """id: north
process: p
for: {region: [north]}
owner: ops
reason: they wait for a bank of their own
from: 2026-03-01
until: 2026-04-01
set: {promises: [{name: paid in time, from: Authorised, to: Paid, within: 4h}]}
"""


def test_a_rule_about_a_promise_watches_what_a_pack_promises_in_its_place(
    warehouse: Warehouse,
    clock: FixedClock,
    moving: FixedClock,
    tenant: str,
    detection: Detection,
    incidents: Incidents,
    store: FindingStore,
    tell: Callable[..., None],
) -> None:
    for other in ("unpaid", "odd"):
        detection.rules.folder.joinpath(f"{other}.yaml").unlink()
    packs = detection.views.processes.pack_folder
    packs.mkdir()
    detection.views.processes.clock = moving
    told = [Told("1", "region", "north"), Told("3", "region", "north"), Told("2", "region", "south")]
    stored(warehouse, clock, tenant, frame([]), definition=DEFINITION, objects=object_frame(told))
    tell(*(("Authorised", 0, name, "crm") for name in "12"), ("Authorised", 3, "3", "crm"), ("Paid", 6, "9", "bank"))

    def late() -> dict[str, str]:
        """Of the cases that the rule finds late now, with the promise that is broken."""
        assert [one.problem for one in detection.run().looked] == [""]
        [name] = [one.id for one in incidents.all()]
        found = store.of_incident(name, open_only=True).select("case_id", "evidence").iter_rows()
        return {case: json.loads(evidence)["parameters"]["promise"] for case, evidence in found}

    plain, theirs = "paid in time", "paid in time (region north)"
    assert late() == {"1": plain, "2": plain, "3": plain}
    [name] = [one.id for one in incidents.all()]
    (packs / "north.yaml").write_text(PACK, encoding="utf-8")
    assert late() == {"1": theirs, "2": plain}
    ended = store.of_incident(name).filter(case_id="3")["ended"].to_list()
    assert (ended, incidents.get(name).state) == (["withdrawn"], "open")
    paid = frame([happened("Paid", "7h30m", "1", source="bank"), happened("Paid", "7h30m", "9", source="bank")])
    stored(warehouse, clock, tenant, paid, definition=detection.views.processes.get("p"))
    assert late() == {"2": plain, "3": theirs}
    assert sorted(store.of_incident(name).filter(case_id="1")["ended"].to_list()) == ["cured", "grown"]


def test_a_rule_that_cannot_run_stops_no_other(detection: Detection, tell: Callable[..., None]) -> None:
    tell(("Authorised", 0, "1", "crm"), ("Paid", 6, "9", "bank"))
    detection.rules.folder.joinpath("late.yaml").unlink()
    other = RULES["unpaid"].replace("id: unpaid", "id: other").replace("process: p", "process: q")
    detection.rules.folder.joinpath("other.yaml").write_text(other, encoding="utf-8")
    assert "no process 'q'" in detection.run().problem
    definition = DEFINITION.model_copy(update={"id": "q", "object_type": "case:q"})
    write_process(detection.views.processes.folder, definition)
    told = {one.rule: one.added for one in detection.run().looked}
    assert told == {"odd": 0, "other": 0, "unpaid": 1}
    assert detection.last.problem == ""


def test_rules_that_cannot_be_read_are_told_and_nothing_changes(
    detection: Detection, incidents: Incidents, tell: Callable[..., None]
) -> None:
    tell(("Authorised", 0, "1", "crm"), ("Paid", 6, "9", "bank"))
    before = len(detection.run().looked)
    detection.rules.folder.joinpath("unpaid.yaml").unlink()
    broken = detection.rules.folder / "late.yaml"
    broken.write_text("id: late\nkind: sla\nprocess: p\npromise: paid in tyme\n", encoding="utf-8")
    found = detection.run()
    assert "late.yaml:4: promise: p has no promise 'paid in tyme' (did you mean paid in time?)" in found.problem
    assert (len(found.looked), found.added) == (before, {})
    assert {one.state for one in incidents.all()} == {"open"}


def test_what_a_rule_found_that_is_gone_is_withdrawn(
    detection: Detection, incidents: Incidents, store: FindingStore, tell: Callable[..., None]
) -> None:
    """One rule gets another name, and one another process."""
    folder = detection.rules.folder
    folder.joinpath("odd.yaml").unlink()
    tell(("Authorised", 0, "1", "crm"), ("Paid", 6, "9", "bank"))
    detection.run()
    before = {one.rule: one.id for one in incidents.all()}
    other = DEFINITION.model_copy(update={"id": "q", "object_type": "case:q"})
    write_process(detection.views.processes.folder, other)
    folder.joinpath("unpaid.yaml").write_text(RULES["unpaid"].replace("process: p", "process: q"), encoding="utf-8")
    folder.joinpath("late.yaml").unlink()
    folder.joinpath("later.yaml").write_text(RULES["late"].replace("id: late", "id: later"), encoding="utf-8")
    away = folder.rename(folder.with_name("away"))
    assert detection.run().resolved == ()  # without the folder nobody knows
    away.rename(folder)
    assert detection.run().resolved == (before["unpaid"],)
    unpaid, late = incidents.get(before["unpaid"]), incidents.get(before["late"])
    assert (unpaid.state, unpaid.resolution) == ("resolved", "withdrawn")
    assert store.of_incident(unpaid.id)["ended"].to_list() == ["withdrawn"]
    assert (late.state, late.rule) == ("open", "later")  # the trouble is the same
    assert store.of_incident(late.id).select("rule", "ended").rows() == [("later", ""), ("late", "withdrawn")]


def test_to_look_writes_nothing(detection: Detection, incidents: Incidents, tell: Callable[..., None]) -> None:
    tell(("Authorised", 0, "1", "crm"), ("Paid", 6, "9", "bank"))
    watched = detection.look(detection.rules.get("unpaid"))
    assert [one.case_id for one in watched.detected.findings] == ["1"]
    assert incidents.all() == []
