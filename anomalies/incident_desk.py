"""Incidents as people see and handle them: limited to what they may read, and done only by who may act.

Whoever asks is the present principal (`kernel.access.present`); outside of a request it is a command on this machine.
An incident is readable to who may read its process. To who may read some of its stores only, it is what is found
in these: an incident without a finding there is not there.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import polars as pl

from anomalies.finding_store import MOST, FindingStore
from anomalies.incident import Incident, Note
from anomalies.incidents import Incidents
from kernel.access import Permission, Principal, local_principal, present, reach, require
from kernel.definitions import suggestion
from kernel.errors import InputError, NotAllowed, NotFound
from kernel.owners import Owners

LASTING = ("open", "acknowledged")


@dataclass(frozen=True, slots=True)
class IncidentLine:
    """One incident with what it comes to now: of its findings that last and that the reader may see, `cases`, money per
    currency (`value`, `lost_per_hour`), how many of them are `unpriced`, `since` and `deadline` (the first; None for
    none)."""

    incident: Incident
    open: int = 0
    cases: int = 0
    value: Mapping[str, Decimal] = field(default_factory=dict)
    lost_per_hour: Mapping[str, Decimal] = field(default_factory=dict)
    unpriced: int = 0
    since: datetime | None = None
    deadline: datetime | None = None


@dataclass(frozen=True, slots=True)
class IncidentDesk:
    """The incidents of one tenant."""

    tenant: str
    incidents: Incidents
    findings: FindingStore
    owners: Owners

    def lines(self, *, states: Sequence[str] = LASTING, process: str = "", most: int = 200) -> list[IncidentLine]:
        """Incidents that whoever asks may read: the severest first, then what loses most per hour, then what has lasted
        longest, then by id. Amounts of several currencies are ordered by their sum of numbers."""
        principal = self.principal
        by_stores: dict[frozenset[str] | None, list[Incident]] = {}
        for incident in self.incidents.all(states=states, process=process):
            reached = reach(principal, Permission.READ, incident.process)
            if reached is not None:
                by_stores.setdefault(reached.stores, []).append(incident)
        lines = [line for stores, found in by_stores.items() for line in self._lines(found, stores)]
        lines.sort(key=_rank)
        return lines[:most]

    def line(self, incident: str) -> IncidentLine:
        """One incident; `NotFound` where there is none, or none that whoever asks may read."""
        found, stores = self._readable(incident)
        lines = self._lines([found], stores)
        if not lines:
            raise _none_such(incident)
        return lines[0]

    def found(self, incident: str, *, open_only: bool = False, skip: int = 0, most: int = MOST) -> pl.DataFrame:
        """The findings of one incident that whoever asks may read, as `FindingStore.of_incident`."""
        stores = self._readable(incident)[1]
        if skip < 0 or not 1 <= most <= MOST:
            raise InputError(f"limit: expected 1 to {MOST} findings from 0 on, got {most} from {skip} on")
        return self.findings.of_incident(incident, stores=stores, open_only=open_only, skip=skip, most=most)

    def notes(self, incident: str) -> list[Note]:
        """What was said and done, in order; comments are about all of an incident, so who may read some stores only
        reads none."""
        _, stores = self._readable(incident)
        return self.incidents.notes(incident) if stores is None else []

    def acknowledge(self, incident: str) -> Incident:
        """As `Incidents.acknowledge`, by whoever asks; `NotAllowed` when they may not act."""
        principal = self._actor(incident)
        return self.incidents.acknowledge(incident, by=principal.id, by_name=principal.name)

    def comment(self, incident: str, text: str) -> Note:
        """As `Incidents.comment`; `NotAllowed` when they may not act."""
        return self.incidents.comment(incident, text, by_name=self._actor(incident).name)

    def assign(self, incident: str, owner: str) -> Incident:
        """As `Incidents.assign`.

        Raises
        ------
        NotAllowed
            They may not act.
        InputError
            No owner is called that.
        """
        principal, known = self._actor(incident), self.owners.book().owners
        if owner not in known:
            raise InputError(f"owner: no owner {owner[:60]!r}{suggestion(owner, known)}; there are: {_listed(known)}")
        return self.incidents.assign(incident, owner, by_name=principal.name)

    def close(self, incident: str, reason: str) -> Incident:
        """As `Incidents.close`; `NotAllowed` when they may not act."""
        return self.incidents.close(incident, reason, by_name=self._actor(incident).name)

    @property
    def principal(self) -> Principal:
        return present() or local_principal(self.tenant)

    def may_act(self, line: IncidentLine) -> bool:
        """Whether whoever asks may act on this incident."""
        try:
            self._require_act(line.incident)
        except NotAllowed:
            return False
        return True

    def check_act(self, line: IncidentLine) -> None:
        """`NotAllowed` when whoever asks may not act on this incident."""
        self._require_act(line.incident)

    def _readable(self, incident: str) -> tuple[Incident, frozenset[str] | None]:
        found = self.incidents.get(incident)
        reached = reach(self.principal, Permission.READ, found.process)
        if reached is None:
            raise _none_such(incident)
        return found, reached.stores

    def _actor(self, incident: str) -> Principal:
        """Who asks, when they may act on an incident that they may read."""
        self._require_act(self.line(incident).incident)
        return self.principal

    def _require_act(self, incident: Incident) -> None:
        """An incident may be of every store: a grant to act in some only is for what is of these alone."""
        reached = reach(self.principal, Permission.ACT, incident.process)
        if reached is None or reached.stores is None or not self._only_of(incident, reached.stores):
            require(self.principal, Permission.ACT, incident.process)

    def _only_of(self, incident: Incident, stores: Collection[str]) -> bool:
        every, theirs = (_figures(self.findings.figures([incident.id], limit)) for limit in (None, stores))
        return bool(every.get(incident.id, _NONE)["found"] == theirs.get(incident.id, _NONE)["found"])

    def _lines(self, incidents: Sequence[Incident], stores: frozenset[str] | None) -> list[IncidentLine]:
        figures = _figures(self.findings.figures([one.id for one in incidents], stores)) if incidents else {}
        lines = []
        for incident in incidents:
            told = figures.get(incident.id)
            if told is not None:
                rest = {name: value for name, value in told.items() if name != "found"}
                lines.append(IncidentLine(incident, **rest))
            elif stores is None:
                lines.append(IncidentLine(incident))  # opened just now: its findings are on their way
        return lines


_NONE: dict[str, Any] = {"found": 0}


def _figures(rows: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """The rows of incident_figures.sql, one entry per incident."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows.to_dicts():
        told = found.setdefault(
            row["incident_id"],
            {
                "found": 0,
                "open": 0,
                "cases": 0,
                "value": {},
                "lost_per_hour": {},
                "unpriced": 0,
                "since": None,
                "deadline": None,
            },
        )
        told["found"] += row["findings"]
        told["open"] += row["open"]
        told["cases"] += row["cases"]
        if row["currency"] == "":
            told["unpriced"] += row["cases"]
        else:
            told["value"][row["currency"]] = row["value"]
            told["lost_per_hour"][row["currency"]] = row["lost_per_hour"]
        for name in ("since", "deadline"):
            told[name] = min((at for at in (told[name], row[name]) if at is not None), default=None)
    return found


def _rank(line: IncidentLine) -> tuple[Any, ...]:
    lost = sum(line.lost_per_hour.values(), Decimal())
    return (-line.incident.severity.rank, -lost, line.since or line.incident.since, line.incident.id)


def _none_such(incident: str) -> NotFound:
    return NotFound(f"no incident {incident[:40]!r}")


def _listed(known: Mapping[str, object]) -> str:
    return ", ".join(sorted(known)[:20]) or "none"
