"""Whether the trouble of an incident still holds: its rule is asked anew, and silence is no cure."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from logs import START, Told, frame, happened, object_frame, process, stored

from anomalies.detection import Detection
from anomalies.finding_store import FindingStore
from anomalies.incidents import Incidents
from anomalies.recording import Recorder
from anomalies.rules import Rules
from kernel.clock import FixedClock
from kernel.errors import NotFound
from kernel.owners import Owners
from kernel.process import Processes, write_process
from kernel.state.database import State
from kernel.warehouse import Warehouse
from mining.projection import refresh
from mining.view import Views
from orchestration_hooks.evaluating import IncidentEvaluator
from orchestration_hooks.situation import CaseAtStake, Subject, Verdict

DEFINITION = process(
    activities=("Authorised", "Sent", "Paid"), end=("Paid",), value={"attribute": "amount", "currency": "EUR"}
)
RULE = "id: unpaid\nkind: missing_event\nprocess: p\nafter: Authorised\nexpect: Paid\nsource: bank\nwithin: 3h\n"


class Case:
    """A tenant with one rule, an evaluator, and ways to tell it of events."""

    def __init__(self, warehouse: Warehouse, state: State, tenant: str, home: Path) -> None:
        self.warehouse, self.tenant = warehouse, tenant
        self.clock = FixedClock(START + timedelta(hours=10))
        processes = Processes(home, tenant)
        write_process(processes.folder, DEFINITION)
        rules = Rules(home, tenant, processes.all)
        rules.folder.mkdir(parents=True)
        self.rule = rules.folder / "unpaid.yaml"
        self.rule.write_text(RULE, encoding="utf-8")
        views = Views(warehouse, tenant, processes)
        self.incidents = Incidents(state, self.clock, tenant)
        findings = FindingStore(warehouse, tenant)
        recorder = Recorder(findings, self.incidents)
        self.detection = Detection(views, self.clock, Owners(home, tenant), rules, recorder)
        self.evaluator = IncidentEvaluator(self.detection, self.incidents, findings, views)

    def tell(self, *events: tuple[str, float, str, str]) -> None:
        told = [happened(one, START + timedelta(hours=at), name, source=source) for one, at, name, source in events]
        values = object_frame([Told(name, "amount", "10.5") for _, _, name, _ in events])
        stored(self.warehouse, self.clock, self.tenant, frame(told), definition=DEFINITION, objects=values)
        refresh(self.warehouse, self.clock, self.tenant, DEFINITION)

    def subject(self) -> Subject:
        incident = next(iter(self.detection.run().added))
        return Subject(process="p", key=incident, incident_id=incident)


@pytest.fixture
def case(warehouse: Warehouse, state: State, tenant: str, tmp_path: Path) -> Case:
    found = Case(warehouse, state, tenant, tmp_path)
    found.tell(("Authorised", 0, "1", "crm"), ("Authorised", 0, "2", "crm"), ("Paid", 6, "9", "bank"))
    return found


def test_what_the_rule_still_finds_is_at_stake(case: Case) -> None:
    subject = case.subject()
    found = case.evaluator.evaluate(subject)
    assert (found.verdict, [one.case_id for one in found.cases]) == (Verdict.HOLDS, ["1", "2"])
    assert found.cases[0] == CaseAtStake("1", found.cases[0].amount, "EUR", "")
    assert str(found.cases[0].amount) == "10.500000"
    case.tell(("Paid", 7, "1", "bank"))
    assert [one.case_id for one in case.evaluator.evaluate(subject).cases] == ["2"]
    case.tell(("Paid", 8, "2", "bank"))
    assert case.evaluator.evaluate(subject).verdict is Verdict.CURED


def test_a_rule_that_is_gone_or_cannot_decide_is_no_cure(case: Case) -> None:
    subject = case.subject()
    case.rule.write_text(RULE.replace("within: 3h", "at_least: 1000"), encoding="utf-8")  # learned, and too little to
    found = case.evaluator.evaluate(subject)
    assert found.verdict is Verdict.UNREADABLE
    assert "are needed" in found.note
    case.rule.unlink()
    found = case.evaluator.evaluate(subject)
    assert (found.verdict, found.note) == (Verdict.UNREADABLE, "no rule 'unpaid'; there is none")


def test_cases_past_their_deadline_of_a_source_that_has_not_told_enough_are_no_cure(case: Case) -> None:
    subject = case.subject()
    case.rule.write_text(RULE.replace("within: 3h", "within: 7h"), encoding="utf-8")  # the bank told until hour 6
    case.tell(("Authorised", 9, "3", "crm"))
    found = case.evaluator.evaluate(subject)
    assert (found.verdict, found.note) == (
        Verdict.UNREADABLE,
        "source bank: it told something in 1 minutes since 2023-11-10; more than 200 are needed to know when it is "
        "silent",
    )


def test_cases_that_the_rule_finds_no_more_without_an_answer_are_no_cure(case: Case) -> None:
    subject = case.subject()
    case.rule.write_text(RULE.replace("within: 3h", "within: 300h"), encoding="utf-8")
    found = case.evaluator.evaluate(subject)
    assert (found.verdict, found.note) == (
        Verdict.UNREADABLE,
        "the rule finds 2 cases no more, and nothing says that they were cured",
    )


def test_what_happened_is_told_by_the_events_since(case: Case) -> None:
    subject = case.subject()
    case.tell(("Paid", 7, "1", "bank"), ("Sent", 7, "2", "erp"))
    happened_ = case.evaluator.happened
    assert happened_(subject, ["1", "2", "9"], "Paid", START + timedelta(hours=7)) == {"1"}
    assert happened_(subject, ["1", "2", "9"], "Paid", START) == {"1", "9"}
    assert happened_(subject, ["2"], "Paid", START) == set()
    assert happened_(subject, [], "Paid", START) == set()


def test_an_incident_that_is_not_there_is_not_evaluated(case: Case) -> None:
    with pytest.raises(NotFound):
        case.evaluator.evaluate(Subject(process="p", key="x", incident_id="x"))
