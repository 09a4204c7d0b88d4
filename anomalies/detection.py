"""Detection: all rules of a tenant at its present instants, and what they find written down."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field, replace
from datetime import datetime

from anomalies.recording import Recorded, Recorder
from anomalies.rule_models import Rule
from anomalies.rules import Rules
from anomalies.watching import Watch, Watched
from kernel.clock import Clock
from kernel.errors import GembascopeError
from kernel.findings import Finding
from kernel.owners import Owners
from kpis.as_of import as_of
from mining.view import Views

log = logging.getLogger("gembascope.detection")


@dataclass(frozen=True, slots=True)
class Looked:
    """What became of one rule: findings that last, were `added` and `ended` just now, cases `undecided`, findings
    `left_out` past its cap, and why it could not decide more (`not_learned`) or run (`problem`; "" when it did)."""

    rule: str
    process: str
    now: datetime
    lasting: int = 0
    added: int = 0
    ended: int = 0
    undecided: int = 0
    left_out: int = 0
    not_learned: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Detected:
    """One round: what became of every rule, the findings that are new by their incident, and the incidents that are
    resolved now. `problem`: why no rule could be read; "" when they could."""

    looked: tuple[Looked, ...] = ()
    added: dict[str, list[Finding]] = field(default_factory=dict)
    resolved: tuple[str, ...] = ()
    problem: str = ""


@dataclass(slots=True)
class Detection:
    """The rules of one tenant. One round at a time; who comes meanwhile waits."""

    views: Views
    clock: Clock
    owners: Owners
    rules: Rules
    recorder: Recorder
    last: Detected = field(default_factory=Detected)
    """What the last round came to."""
    _turn: threading.Lock = field(default_factory=threading.Lock)
    _watch: Watch = field(default_factory=lambda: Watch(lambda _: ("", "")))

    def run(self, process: str = "") -> Detected:
        """Run all rules, or those of one process, and record what they find. A rule that fails is told and stops no
        other; rules or owners that cannot be read stop all, and are told in `problem`."""
        with self._turn:
            try:
                rules, book = self.rules.all(), self.owners.book()
            except GembascopeError as error:
                log.warning("no rule runs: %s", error)
                self.last = replace(self.last, problem=str(error), added={}, resolved=())
                return self.last
            self._watch.owner_of = book
            added: dict[str, list[Finding]] = {}
            resolved: list[str] = []
            looked = []
            for rule in rules.values():
                if process in ("", rule.process):
                    looked.append(self._run(rule, added, resolved))
            kept = [one for one in self.last.looked if process and one.process != process]
            self.last = Detected(tuple(kept + looked), added, tuple(resolved))
            return self.last

    def _run(self, rule: Rule, added: dict[str, list[Finding]], resolved: list[str]) -> Looked:
        now = self.clock.now()
        try:
            view = self.views.view(rule.process)
            now = as_of(view, self.clock)
            watched = self._watch.look(view, rule, now)
            recorded = self.recorder.record(watched.detected, now)
        except GembascopeError as error:
            log.warning("the rule %s did not run: %s", rule.id, error)
            return Looked(rule.id, rule.process, now, problem=str(error))
        for finding in recorded.added:
            added.setdefault(recorded.incidents[finding.cause], []).append(finding)
        resolved += recorded.resolved
        return _looked(rule, now, watched, recorded)

    def look(self, rule: Rule) -> Watched:
        """What a rule finds at this instant, with nothing written down: the trigger of a run is asked anew by this."""
        view = self.views.view(rule.process)
        watch = Watch(self.owners.book())
        watch.learned = self._watch.learned
        return watch.look(view, rule, as_of(view, self.clock))


def _looked(rule: Rule, now: datetime, watched: Watched, recorded: Recorded) -> Looked:
    return Looked(
        rule.id,
        rule.process,
        now,
        lasting=len(watched.detected.findings),
        added=len(recorded.added),
        ended=len(recorded.ended),
        undecided=watched.undecided,
        left_out=watched.left_out,
        not_learned=watched.not_learned,
    )
