"""How the trouble of an incident stands now: its rule is asked anew, and what it still finds is what is at stake."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from anomalies.detection import Detection
from anomalies.finding_store import FindingStore
from anomalies.incidents import Incidents
from kernel.errors import NotFound
from kernel.findings import Kind
from kernel.warehouse import load_query
from mining.view import Views
from orchestration_hooks.situation import CaseAtStake, Situation, Subject, Verdict

AT_ONCE = 5_000
"""Cases of one query."""


@dataclass(frozen=True, slots=True)
class IncidentEvaluator:
    """`Evaluator` on the rules and the log of one tenant."""

    detection: Detection
    incidents: Incidents
    findings: FindingStore
    views: Views

    def evaluate(self, subject: Subject) -> Situation:
        """The cases that the rule of the subject finds now, of the cause of its incident. Unreadable where the rule
        could not decide: a source is silent, too little is learned, or it finds a case no more of which nothing says
        that it was cured; then nothing may be taken for cured."""
        incident = self.incidents.get(subject.incident_id)
        try:
            rule = self.detection.rules.get(incident.rule)
        except NotFound as error:
            return Situation(Verdict.UNREADABLE, note=str(error))
        watched = self.detection.look(rule)
        if watched.not_learned:
            return Situation(Verdict.UNREADABLE, note="; ".join(watched.not_learned))
        silent = next((one for one in watched.detected.findings if one.kind is Kind.SOURCE_SILENT), None)
        if silent is not None and incident.kind is not Kind.SOURCE_SILENT:
            return Situation(Verdict.UNREADABLE, note=silent.title)
        found = [one for one in watched.detected.findings if one.cause == incident.cause]
        if not found and watched.undecided:
            note = f"{watched.undecided} cases are past their deadline, and their source has not told enough yet"
            return Situation(Verdict.UNREADABLE, note=note)
        cases = tuple(CaseAtStake(one.case_id, one.value, one.currency, one.store) for one in found if one.case_id)
        if cases:
            return Situation(Verdict.HOLDS, cases)
        known = self.findings.known(incident.process, incident.rule)
        before = [one for one in known.open.values() if one.incident == incident.id]
        lasting = len(before) - len(watched.detected.how(before)) if before else 0
        if lasting:
            note = f"the rule finds {lasting} cases no more, and nothing says that they were cured"
            return Situation(Verdict.UNREADABLE, note=note)
        return Situation(Verdict.CURED)

    def happened(self, subject: Subject, case_ids: Collection[str], activity: str, since: datetime) -> set[str]:
        """Those of the cases to which the activity happened at or after `since`."""
        definition = self.views.processes.get(subject.process)
        scope = {"tenant": self.views.tenant, "process": subject.process, "object_type": definition.object_type}
        asked, found = sorted(case_ids), set()
        for start in range(0, len(asked), AT_ONCE):
            parameters = scope | {"cases": asked[start : start + AT_ONCE], "activity": activity, "since": since}
            rows = self.views.warehouse.query(load_query(__file__, "happened"), parameters)
            found |= set(rows["case_id"])
        return found
