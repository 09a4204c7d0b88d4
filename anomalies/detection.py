"""Detection: all rules of a tenant at its present instants, and what they find written down."""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from anomalies.backtest import DAY, BackTest, back_test
from anomalies.recording import Recorded, Recorder
from anomalies.rule_models import Rule, SlaRule
from anomalies.rules import Rules
from anomalies.watching import Learned, Watch, Watched, circumstances
from kernel.clock import Clock
from kernel.errors import GembascopeError, InputError
from kernel.findings import Finding
from kernel.owners import Owners
from kpis.as_of import as_of
from mining.view import Views

log = logging.getLogger("gembascope.detection")
LEAST_STEP, MOST_INSTANTS = timedelta(minutes=1), 1_000
"""Of a back-test."""


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
    _settled: frozenset[tuple[str, str]] | None = None
    """Process and id of the rules besides which nothing lasted when it was last looked."""
    _learned: Learned = field(default_factory=dict)

    def run(self) -> Detected:
        """Run all rules, and record what they find. A rule that fails is told and stops no other; rules or owners that
        cannot be read stop all, and are told in `problem`. What rules found that are gone, or are about another process
        by now, is withdrawn."""
        with self._turn:
            try:
                rules, book = self.rules.all(), self.owners.book()
            except GembascopeError as error:
                log.warning("no rule runs: %s", error)
                self.last = replace(self.last, problem=str(error), added={}, resolved=())
                return self.last
            watch = Watch(book, self.recorder.lasting_cases, self._learned)
            added: dict[str, list[Finding]] = {}
            resolved: list[str] = []
            looked = tuple(self._run(watch, rule, added, resolved) for rule in rules.values())
            resolved += self._withdrawn(rules)
            self.last = Detected(looked, added, tuple(resolved))
            return self.last

    def _run(self, watch: Watch, rule: Rule, added: dict[str, list[Finding]], resolved: list[str]) -> Looked:
        now = at = self.clock.now()
        try:
            view = self.views.view(rule.process)
            now = as_of(view, self.clock)
            watched = watch.look(view, rule, now, at)
            recorded = self.recorder.record(watched.detected, now)
        except GembascopeError as error:
            log.warning("the rule %s did not run: %s", rule.id, error)
            return Looked(rule.id, rule.process, now, problem=str(error))
        for finding in recorded.added:
            added.setdefault(recorded.incidents[finding.cause], []).append(finding)
        resolved += recorded.resolved
        return _looked(rule, now, watched, recorded)

    def _withdrawn(self, rules: Mapping[str, Rule]) -> list[str]:
        """Withdraw what rules found that are there no more; the incidents that this resolves. It is looked for when the
        rules are others than before, after these have run: so what a rule found that has another name by now goes on in
        its incident."""
        present = _pairs(rules)
        if present == self._settled:
            return []
        resolved: list[str] = []
        try:
            left = self.recorder.left_over(present)
            # A file is missing while it is replaced, and all of them are where the folder is: that says nothing.
            if left and not (_pairs(self.rules.all()) == present and self.rules.there()):
                return []
            for process, rule in left:
                log.info("the rule %s of %s is gone: what it found is withdrawn", rule, process)
                resolved += self.recorder.withdraw(process, rule, self.clock.now())
            self._settled = present
        except GembascopeError as error:
            log.warning("what rules found that are gone was not withdrawn: %s", error)
        return resolved

    def back_test(
        self, rule: Rule, since: datetime, until: datetime, every: timedelta, truth: Collection[str] | None = None
    ) -> BackTest:
        """What a rule would have found from `since` to `until`, asked `every` so often (`anomalies.backtest`): nothing
        is written down. `truth`: ids of the cases that it should find. Takes as long as so many runs of the rule.

        Raises
        ------
        InputError
            The rule is about a promise, the stretch is none, or it is too many instants.
        """
        if isinstance(rule, SlaRule):
            raise InputError(
                f"{rule.id} finds what its promise says, which nothing has to be learned for: `sla` shows it for any "
                "cases"
            )
        if until < since or every < LEAST_STEP:
            raise InputError(f"a back-test goes from since to a later until, in steps of {LEAST_STEP} or more")
        if (until - since) / every >= MOST_INSTANTS:
            raise InputError(f"that is more than {MOST_INSTANTS} instants: choose a longer step or a shorter stretch")
        view = self.views.view(rule.process)
        around = circumstances(view, until, self.owners.book())
        return back_test(view, rule, since, until, around, every=every, relearn=max(DAY, every), truth=truth)

    def look(self, rule: Rule) -> Watched:
        """What a rule finds at this instant, with nothing written down: the trigger of a run is asked anew by this."""
        view = self.views.view(rule.process)
        watch = Watch(self.owners.book(), self.recorder.lasting_cases, self._learned)
        return watch.look(view, rule, as_of(view, self.clock), self.clock.now())


def _pairs(rules: Mapping[str, Rule]) -> frozenset[tuple[str, str]]:
    return frozenset((rule.process, rule.id) for rule in rules.values())


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
