"""One rule at one instant: what it finds of its process, and how what it found before has ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from anomalies.circumstances import Circumstances, unpriced
from anomalies.ended_waits import OpenWait, ended_waits
from anomalies.finding_store import OpenFinding
from anomalies.missing_event import missing_events
from anomalies.recording import CURED, WITHDRAWN, Detected
from anomalies.rule_models import MissingEventRule, Rule, SlaRule, UnusualCaseRule
from anomalies.silence import Silence, telling_minutes, usual_silence
from anomalies.sla_findings import sla_findings
from anomalies.unusual_cases import UsualCases, learn_usual_cases, unusual_cases
from anomalies.usual_wait import Expected, NotLearned, usual_wait
from ingest.watermarks import watermarks
from kernel.owners import OwnerOf
from kernel.warehouse import load_query
from mining.view import ProcessView

Learned = dict[tuple[object, ...], Any]
Ways = dict[str, tuple[str, datetime | None]]


@dataclass(frozen=True, slots=True)
class Watched:
    """What a rule found, and what it could not decide: `undecided` cases, `left_out` findings past its cap, and why it
    has `not_learned` enough."""

    detected: Detected
    undecided: int = 0
    left_out: int = 0
    not_learned: tuple[str, ...] = ()


@dataclass(slots=True)
class Watch:
    """Runs rules. What they learn is kept for the day: it changes slowly, and to learn it takes seconds."""

    owner_of: OwnerOf
    learned: Learned = field(default_factory=dict)

    def look(self, view: ProcessView, rule: Rule, now: datetime) -> Watched:
        """Everything that the rule finds at `now`."""
        around = circumstances(view, now, self.owner_of)
        if isinstance(rule, SlaRule):
            return Watched(sla_findings(view, rule, around))
        if isinstance(rule, MissingEventRule):
            return self._missing(view, rule, around)
        return self._unusual(view, rule, around)

    def _missing(self, view: ProcessView, rule: MissingEventRule, around: Circumstances) -> Watched:
        expected: Expected | NotLearned = self._once(
            view, rule, around.now, "wait", lambda: usual_wait(view, rule, around.now)
        )
        silence: Silence | NotLearned = self._once(
            view, rule, around.now, "silence", lambda: _usual_silence(view, rule, around.now)
        )
        found = missing_events(view, rule, expected, silence, around)
        title = f"No {rule.expect} after {rule.after}"
        named = [replace(one, cause_title=title) if one.case_id else one for one in found.findings]
        detected = Detected(view.definition.id, rule.id, named, _Answered(view, rule, around))
        return Watched(detected, found.undecided, 0, found.not_learned)

    def _unusual(self, view: ProcessView, rule: UnusualCaseRule, around: Circumstances) -> Watched:
        learned: UsualCases | NotLearned = self._once(
            view, rule, around.now, "cases", lambda: learn_usual_cases(view, rule, around.now)
        )
        found = unusual_cases(view, rule, learned, around)
        what = rule.title or f"Unusual cases of {view.definition.title or view.definition.id}"
        named = [replace(one, cause_title=f"{what}: {one.suspect}" if one.suspect else what) for one in found.findings]
        detected = Detected(view.definition.id, rule.id, named, _Over(view, around.now - rule.recent))
        return Watched(detected, 0, found.left_out, found.not_learned)

    def _once(self, view: ProcessView, rule: Rule, now: datetime, what: str, learn: Callable[[], Any]) -> Any:
        """What was learned today, else learned now; of other days nothing is kept."""
        key = (rule.id, what, rule.version, view.definition.hash, now.date())
        if key not in self.learned:
            made = learn()
            for old in [kept for kept in self.learned if kept[:2] == key[:2]]:
                del self.learned[old]
            self.learned[key] = made
        return self.learned[key]


def circumstances(view: ProcessView, now: datetime, owner_of: OwnerOf) -> Circumstances:
    """What the detectors have to know of a process at `now`."""
    definition = view.definition
    return Circumstances(
        now=now,
        watermarks=watermarks(view.warehouse, view.tenant),
        owner_of=owner_of,
        price=definition.value.price if definition.value is not None else unpriced,
        store_attribute=definition.store,
    )


def _usual_silence(view: ProcessView, rule: MissingEventRule, now: datetime) -> Silence | NotLearned:
    since = now - rule.silence.learn_from
    minutes = telling_minutes(view.warehouse, view.tenant, rule.source, since, now)
    return usual_silence(minutes, rule.source, rule.silence, now, view.definition.own_calendar)


@dataclass(frozen=True, slots=True)
class _Answered:
    """How cases ended that miss an event no more: it came, or it is awaited no longer; and sources, that told again. Of
    others the trouble lasts: that a source is silent by now, or that longer waits are usual, is no answer."""

    view: ProcessView
    rule: MissingEventRule
    around: Circumstances

    def __call__(self, gone: Sequence[OpenFinding]) -> Ways:
        heard = self.around.told_until(self.rule.source)[1]
        waits = [OpenWait(one.id, one.case_id, _instant(one.anchor), one.since) for one in gone if one.case_id]
        ended = ended_waits(self.view, self.rule, waits, self.around.now)
        sources: Ways = {
            one.id: (CURED, None)
            for one in gone
            if not one.case_id and heard is not None and heard > _instant(one.anchor)
        }
        return sources | {one.finding_id: (one.how, one.ended_at) for one in ended}


def _instant(anchor: str) -> datetime:
    """When the wait of a finding began; what stands behind it tells occurrences apart."""
    return datetime.fromisoformat(anchor.partition(" ")[0])


@dataclass(frozen=True, slots=True)
class _Over:
    """An unusual case is one until it has been over for a while, whatever else is stranger meanwhile."""

    view: ProcessView
    since: datetime

    def __call__(self, gone: Sequence[OpenFinding]) -> Ways:
        scope = self.view.scope | {"cases": sorted({one.case_id for one in gone})}
        rows = self.view.warehouse.query(load_query(__file__, "case_outcomes"), scope).to_dicts()
        told = {row["case_id"]: row for row in rows}
        ways: Ways = {}
        for one in gone:
            row = told.get(one.case_id)
            if row is None:
                ways[one.id] = (WITHDRAWN, None)
            elif row["state"] != "open" and row["ended_at"] < self.since:
                ways[one.id] = (CURED, row["ended_at"])
        return ways
