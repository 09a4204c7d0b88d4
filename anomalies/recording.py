"""From what a rule finds now to findings, ends and incidents: what is new is added, what is gone has ended.

Every step may be done again: killed anywhere in between, the next time does the same work, and nothing is there twice.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from anomalies.finding_store import FindingStore, Known, OpenFinding
from anomalies.incidents import Incidents
from kernel.findings import Finding, FindingEnd, Kind, Severity

CURED, WITHDRAWN = "cured", "withdrawn"
UNOWNED = "unowned: "
"""Before the id of a rule: the rule that finds what nobody answers for of its findings."""
Endings = Callable[[Sequence[OpenFinding]], Mapping[str, tuple[str, datetime | None]]]
"""Of findings that are found no more, by id how their trouble ended and when (None: now); what is left out lasts."""


def all_cured(gone: Sequence[OpenFinding]) -> Mapping[str, tuple[str, datetime | None]]:
    """What is found no more is cured."""
    return {one.id: (CURED, None) for one in gone}


def all_withdrawn(gone: Sequence[OpenFinding]) -> Mapping[str, tuple[str, datetime | None]]:
    """Of what is found no more nobody can tell whether it is cured."""
    return {one.id: (WITHDRAWN, None) for one in gone}


@dataclass(frozen=True, slots=True)
class Detected:
    """What a rule finds of one process at one instant: everything, not only what is new. `how` those ended that
    are gone."""

    process: str
    rule: str
    findings: Sequence[Finding]
    how: Endings = field(default=all_cured)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What recording changed: findings added and ended, incidents of the added by cause, and those resolved now."""

    added: list[Finding]
    ended: list[FindingEnd]
    incidents: Mapping[str, str]
    resolved: list[str]


class Recorder:
    """Writes down what rules find, for one tenant. One process and rule at a time."""

    def __init__(self, store: FindingStore, incidents: Incidents) -> None:
        self._store, self._incidents = store, incidents

    def record(self, detected: Detected, now: datetime) -> Recorded:
        """Bring findings and incidents of a rule up to what it finds now. Findings that nobody answers for are one more
        finding, of the kind `unowned`."""
        of_rule = self._record(detected, now)
        nobodys = Detected(detected.process, UNOWNED + detected.rule, _unowned(detected, now))
        of_owners = self._record(nobodys, now)
        return Recorded(
            of_rule.added + of_owners.added,
            of_rule.ended + of_owners.ended,
            {**of_rule.incidents, **of_owners.incidents},
            of_rule.resolved + of_owners.resolved,
        )

    def lasting_cases(self, process: str, rule: str) -> set[str]:
        """The cases of which a rule found trouble that lasts."""
        return {one.case_id for one in self._store.known(process, rule).open.values()} - {""}

    def left_over(self, present: Collection[tuple[str, str]]) -> list[tuple[str, str]]:
        """Processes and rules, ordered, of which something lasts though they are not among the `present`."""
        lasting = self._store.lasting_rules() | self._incidents.lasting_rules()
        return sorted({(process, rule.removeprefix(UNOWNED)) for process, rule in lasting} - set(present))

    def withdraw(self, process: str, rule: str, now: datetime) -> list[str]:
        """End everything that a rule found of a process, which nobody looks after any more: withdrawn, for nothing says
        that it was cured. An incident in which another rule has findings goes on as that one's. The incidents that this
        resolves."""
        resolved = []
        for name in (rule, UNOWNED + rule):
            resolved += self._record(Detected(process, name, [], all_withdrawn), now, WITHDRAWN).resolved
            for incident in self._incidents.open_of(process, name):
                others = self._store.of_incident(incident, open_only=True, most=1)["rule"].to_list()
                if others:
                    self._incidents.hand_over(incident, others[0])
        return resolved

    def _record(self, detected: Detected, now: datetime, resolution: str = CURED) -> Recorded:
        known = self._store.known(detected.process, detected.rule)
        current = {finding.id: finding for finding in (_occurrence(found, known) for found in detected.findings)}
        added = [finding for name, finding in current.items() if name not in known.open]
        gone = [found for name, found in known.open.items() if name not in current]
        ways = detected.how(gone) if gone else {}
        ended = [
            FindingEnd(one.id, one.incident, ways[one.id][0], ways[one.id][1] or now) for one in gone if one.id in ways
        ]
        incidents = self._incidents.join(added) if added else {}
        self._store.add(added, incidents)
        self._store.end(ended)
        # Open incidents are looked at every time: the last time may have been killed before it wrote its counts.
        lasting = self._incidents.open_of(detected.process, detected.rule)
        resolved = self._settle(
            {*incidents.values(), *(one.incident for one in known.open.values()), *lasting}, resolution
        )
        return Recorded(added, ended, incidents, resolved)

    def _settle(self, touched: set[str], resolution: str) -> list[str]:
        """Write the counts of the incidents that changed, and resolve those of which nothing is left."""
        if not touched:
            return []
        counts: dict[str, tuple[int, int]] = {}
        for incident, found, lasting in (
            self._store.figures(sorted(touched)).select("incident_id", "findings", "open").iter_rows()
        ):
            before = counts.get(incident, (0, 0))
            counts[incident] = (before[0] + found, before[1] + lasting)
        return self._incidents.settle(counts, resolution)


def _occurrence(finding: Finding, known: Known) -> Finding:
    """The finding, or the next occurrence of it where the last has ended: the same trouble can come back."""
    found, number = finding, 1
    while found.id in known.ended:
        number += 1
        found = replace(finding, anchor=f"{finding.anchor} again {number}")
    return found


def _unowned(detected: Detected, now: datetime) -> list[Finding]:
    orphans = [finding for finding in detected.findings if not finding.owner]
    if not orphans:
        return []
    first = orphans[0]
    title = f"Nobody answers for {detected.process}: {detected.rule} finds trouble, and no owner has it"
    return [
        Finding(
            tenant=first.tenant,
            kind=Kind.UNOWNED,
            rule=UNOWNED + detected.rule,
            process=detected.process,
            case_id="",
            store="",
            cause=f"unowned|{detected.process}|{detected.rule}",
            anchor="",
            severity=Severity.MEDIUM,
            title=title,
            suspect="owners",
            owner="",
            dependency_owner="",
            since=min(finding.since for finding in orphans),
            detected_at=now,
        )
    ]
