"""One rule at one instant: what it finds of its process, and how what it found before has ended."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
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
from ingest.watermarks import WATERMARKS, watermarks
from kernel.owners import OwnerOf
from kernel.warehouse import load_query
from mining.view import ProcessView

KEPT_UNKNOWN = timedelta(minutes=1)
"""So long it is kept that too little is known: more may arrive at any time, and to find out anew may take seconds."""
Ways = dict[str, tuple[str, datetime | None]]


@dataclass(frozen=True, slots=True)
class Kept:
    """What was learned, when by the clock, and from what: it holds for as long as this is the same."""

    basis: tuple[object, ...]
    at: datetime
    made: Any


Learned = dict[tuple[str, str], Kept]
"""By id of the rule and what was learned for it."""
Flagged = Callable[[str, str], Collection[str]]
"""From a process and a rule to the ids of the cases that it found and of which the trouble lasts."""


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
    """Runs rules. What they learn is kept for the day, of the log and by the clock: it changes slowly, and to learn it
    takes seconds. What is flagged does not teach."""

    owner_of: OwnerOf
    flagged: Flagged
    learned: Learned = field(default_factory=dict)

    def look(self, view: ProcessView, rule: Rule, now: datetime, at: datetime) -> Watched:
        """Everything that the rule finds at `now`. `at`: the instant by the clock, which goes on where loaded history
        stands still."""
        told_by = [rule.source] if isinstance(rule, MissingEventRule) else []
        around = circumstances(view, now, self.owner_of, told_by)
        if isinstance(rule, SlaRule):
            return Watched(sla_findings(view, rule, around))
        if isinstance(rule, MissingEventRule):
            return self._missing(view, rule, around, at)
        return self._unusual(view, rule, around, at)

    def _missing(self, view: ProcessView, rule: MissingEventRule, around: Circumstances, at: datetime) -> Watched:
        now = around.now
        expected: Expected | NotLearned = self._once(view, rule, now, at, "wait", lambda: usual_wait(view, rule, now))
        silence: Silence | NotLearned = self._once(
            view, rule, now, at, "silence", lambda: _usual_silence(view, rule, now)
        )
        found = missing_events(view, rule, expected, silence, around)
        title = f"No {rule.expect} after {rule.after}"
        named = [replace(one, cause_title=title) if one.case_id else one for one in found.findings]
        detected = Detected(view.definition.id, rule.id, named, _Answered(view, rule, around))
        return Watched(detected, found.undecided, 0, found.not_learned)

    def _unusual(self, view: ProcessView, rule: UnusualCaseRule, around: Circumstances, at: datetime) -> Watched:
        now = around.now

        def learn() -> UsualCases | NotLearned:
            return learn_usual_cases(view, rule, now, self.flagged(rule.process, rule.id))

        learned: UsualCases | NotLearned = self._once(view, rule, now, at, "cases", learn)
        found = unusual_cases(view, rule, learned, around)
        what = rule.title or f"Unusual cases of {view.definition.title or view.definition.id}"
        named = [replace(one, cause_title=f"{what}: {one.suspect}" if one.suspect else what) for one in found.findings]
        detected = Detected(view.definition.id, rule.id, named, _Over(view, now - rule.recent))
        return Watched(detected, 0, found.left_out, found.not_learned)

    def _once(
        self, view: ProcessView, rule: Rule, now: datetime, at: datetime, what: str, learn: Callable[[], Any]
    ) -> Any:
        """What was learned today, else learned now; of other days nothing is kept."""
        basis = (rule.version, view.definition.hash, now.date(), at.date())
        kept = self.learned.get((rule.id, what))
        if kept is not None and isinstance(kept.made, NotLearned) and not kept.at <= at < kept.at + KEPT_UNKNOWN:
            kept = None
        if kept is None or kept.basis != basis:
            kept = self.learned[rule.id, what] = Kept(basis, at, learn())
        return kept.made


def circumstances(view: ProcessView, now: datetime, owner_of: OwnerOf, sources: Collection[str] = ()) -> Circumstances:
    """What the detectors have to know of a process at `now`; how far they have told of these sources alone, which reads
    all of their events."""
    definition = view.definition
    return Circumstances(
        now=now,
        watermarks=watermarks(view.warehouse, view.tenant, sources) if sources else WATERMARKS.to_frame(),
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
