"""Incidents: what findings of one cause become, who answers for them, and what people say and do about them.

At most one incident of a cause is open. It is resolved when the trouble of all its findings has ended, or when a
person closes it; what is found of the cause after that is an incident of its own, which says when the last one was.
Counts and money are read from the findings whenever they are asked for, so none can be wrong.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Row, String, Update, cast, func, select
from sqlalchemy.dialects import postgresql, sqlite

from anomalies.incident import Incident, Note, incident_of
from kernel.clock import Clock
from kernel.errors import InputError, NotFound
from kernel.findings import Finding, Severity
from kernel.state.database import State
from kernel.state.tables import INCIDENT_NOTES, INCIDENTS

OURSELVES = "gembascope"
"""The author of what nobody did by hand."""
LONGEST_NOTE = 4_000
MOST_READ = 10_000
"""Incidents that one list is made of: the newest."""
_COLUMNS = INCIDENTS.c


class Incidents:
    """The incidents of one tenant."""

    def __init__(self, state: State, clock: Clock, tenant: str) -> None:
        self._state, self._clock, self._tenant = state, clock, tenant

    def join(self, findings: Iterable[Finding]) -> dict[str, str]:
        """Of each cause of these findings the incident that is open, opened now where none was.

        An incident takes the greatest severity of its findings, and with it their kind. Doing it again changes nothing.
        """
        groups: dict[str, list[Finding]] = {}
        for finding in findings:
            groups.setdefault(finding.cause, []).append(finding)
        now = self._clock.now()
        with self._state.writing() as connection:
            return {cause: self._join(connection, cause, group, now) for cause, group in groups.items()}

    def _join(self, connection: Connection, cause: str, group: Sequence[Finding], now: datetime) -> str:
        worst = max(group, key=lambda finding: finding.severity.rank)
        since = min(finding.since for finding in group)
        key = _open_key(cause)
        found = self._open_one(connection, key)
        if found is None:
            incident = uuid4().hex
            insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(INCIDENTS)
            row = {
                "tenant": self._tenant,
                "incident_id": incident,
                "open_key": key,
                "process": worst.process,
                "kind": worst.kind.value,
                "rule": worst.rule,
                "cause": cause,
                "title": worst.cause_title or worst.title,
                "suspect": worst.suspect,
                "severity": worst.severity.value,
                "state": "open",
                "owner": worst.owner,
                "dependency_owner": worst.dependency_owner,
                "opened_at": now,
                "since": since,
                "last_found_at": now,
                "findings": 0,
                "told": "",
            }
            added = insert.values(row).on_conflict_do_nothing().returning(_COLUMNS.incident_id)
            if connection.execute(added).scalar_one_or_none() is not None:
                self._note(connection, incident, "opened", OURSELVES, self._history(connection, cause, incident), now)
                return incident
            found = self._open_one(connection, key)  # another process opened it in between
            if found is None:
                raise RuntimeError("an incident was neither opened nor found")
        changes: dict[str, Any] = {"last_found_at": now, "since": min(since, found.since)}
        if not found.owner and worst.owner:
            changes["owner"] = worst.owner  # somebody answers for it by now
        if worst.severity.rank > Severity(found.severity).rank:
            changes |= {"severity": worst.severity.value, "kind": worst.kind.value}
            changes["title"] = worst.cause_title or worst.title
        connection.execute(self._update(found.incident_id).values(changes))
        return str(found.incident_id)

    def _open_one(self, connection: Connection, key: str) -> Row[Any] | None:
        asked = select(INCIDENTS).where(_COLUMNS.tenant == self._tenant, _COLUMNS.open_key == key).with_for_update()
        return connection.execute(asked).one_or_none()

    def _history(self, connection: Connection, cause: str, incident: str) -> str:
        """How often this cause was an incident before, and when it last ended; "" for the first time."""
        earlier = select(func.count(), func.max(_COLUMNS.resolved_at)).where(
            _COLUMNS.tenant == self._tenant, _COLUMNS.cause == cause, _COLUMNS.incident_id != incident
        )
        count, last = connection.execute(earlier).one()
        if not count:
            return ""
        when = f", the last time until {last:%Y-%m-%d %H:%M} UTC" if last else ""
        return f"This cause was an incident {count} times before{when}."

    def settle(self, counts: Mapping[str, tuple[int, int]], how: str = "cured") -> list[str]:
        """Write down what the findings say: of each incident how many were ever found, and how many are open. One that
        has findings and no open one is resolved, `how`; which those are, ordered."""
        now, resolved = self._clock.now(), []
        with self._state.writing() as connection:
            for incident, (found, lasting) in sorted(counts.items()):
                connection.execute(self._update(incident).values(findings=found))
                if found and not lasting and self._resolve(connection, incident, how, now):
                    self._note(connection, incident, "resolved", OURSELVES, f"All of it has ended: {how}.", now)
                    resolved.append(incident)
        return resolved

    def _resolve(self, connection: Connection, incident: str, how: str, now: datetime) -> bool:
        """Whether it was open until now."""
        done = (
            self._update(incident)
            .where(_COLUMNS.open_key.is_not(None))
            .values(state="resolved", open_key=None, resolved_at=now, resolution=how)
            .returning(_COLUMNS.incident_id)
        )
        return connection.execute(done).scalar_one_or_none() is not None

    def acknowledge(self, incident: str, *, by: str, by_name: str) -> Incident:
        """Somebody takes it up: it is not paged again until it grows worse. Again it changes nothing.

        Raises
        ------
        InputError
            It is resolved.
        """
        now = self._clock.now()
        with self._state.writing() as connection:
            found = self._locked(connection, incident)
            if found.state == "resolved":
                raise InputError("this incident is resolved: there is nothing left to acknowledge")
            if found.state == "open":
                change = {"state": "acknowledged", "acknowledged_at": now, "acknowledged_by": by}
                connection.execute(self._update(incident).values(change))
                self._note(connection, incident, "acknowledged", by_name, "", now)
        return self.get(incident)

    def comment(self, incident: str, text: str, *, by_name: str) -> Note:
        """Add what somebody says.

        Raises
        ------
        InputError
            It is empty, or longer than 4,000 characters.
        """
        said = text.strip()
        if not said or len(said) > LONGEST_NOTE:
            raise InputError(f"comment: expected 1 to {LONGEST_NOTE} characters, got {len(said)}")
        with self._state.writing() as connection:
            self._locked(connection, incident)
            return self._note(connection, incident, "comment", by_name, said, self._clock.now())

    def assign(self, incident: str, owner: str, *, by_name: str) -> Incident:
        """Give it to another owner, by id; whoever calls has checked that there is such a one."""
        with self._state.writing() as connection:
            found = self._locked(connection, incident)
            if found.owner != owner:
                connection.execute(self._update(incident).values(owner=owner))
                said = f"from {found.owner or 'nobody'} to {owner}"
                self._note(connection, incident, "owner", by_name, said, self._clock.now())
        return self.get(incident)

    def close(self, incident: str, reason: str, *, by_name: str) -> Incident:
        """Resolve it by hand, with a reason, while its trouble may last.

        Raises
        ------
        InputError
            No reason is given, or it is resolved already.
        """
        said = reason.strip()
        if not said or len(said) > LONGEST_NOTE:
            raise InputError(f"reason: expected 1 to {LONGEST_NOTE} characters, got {len(said)}")
        now = self._clock.now()
        with self._state.writing() as connection:
            self._locked(connection, incident)
            if not self._resolve(connection, incident, "closed by a person", now):
                raise InputError("this incident is resolved already")
            self._note(connection, incident, "resolved", by_name, said, now)
        return self.get(incident)

    def get(self, incident: str) -> Incident:
        """One incident; `NotFound` where there is none."""
        with self._state.reading() as connection:
            row = connection.execute(self._asked(incident)).one_or_none()
        if row is None:
            raise _none_such(incident)
        return incident_of(row)

    def all(self, *, states: Sequence[str] = (), process: str = "", most: int | None = None) -> list[Incident]:
        """Incidents, the severest first, then the one that has lasted longest, then by id; at most `most`."""
        asked = select(INCIDENTS).where(_COLUMNS.tenant == self._tenant)
        if states:
            asked = asked.where(_COLUMNS.state.in_(states))
        if process:
            asked = asked.where(_COLUMNS.process == process)
        with self._state.reading() as connection:
            newest = asked.order_by(_COLUMNS.opened_at.desc())
            if not states or "resolved" in states:  # what lasts is never left out
                newest = newest.limit(MOST_READ)
            found = [incident_of(row) for row in connection.execute(newest)]
        found.sort(key=lambda one: (-one.severity.rank, one.since, one.id))
        return found[:most]

    def open_of(self, process: str, rule: str) -> list[str]:
        """The ids of those that are not resolved and began with a finding of this rule, ordered."""
        asked = (
            select(_COLUMNS.incident_id)
            .where(
                _COLUMNS.tenant == self._tenant,
                _COLUMNS.state.in_(("open", "acknowledged")),
                _COLUMNS.process == process,
                _COLUMNS.rule == rule,
            )
            .order_by(_COLUMNS.incident_id)
        )
        with self._state.reading() as connection:
            return list(connection.execute(asked).scalars())

    def lasting_rules(self) -> set[tuple[str, str]]:
        """Process and rule of all that are not resolved."""
        asked = (
            select(_COLUMNS.process, _COLUMNS.rule)
            .distinct()
            .where(_COLUMNS.tenant == self._tenant, _COLUMNS.state.in_(("open", "acknowledged")))
        )
        with self._state.reading() as connection:
            return {(row.process, row.rule) for row in connection.execute(asked)}

    def hand_over(self, incident: str, rule: str) -> None:
        """From now on it is an incident of this rule, which finds of the same cause."""
        with self._state.writing() as connection:
            connection.execute(self._update(incident).values(rule=rule))

    def untold(self) -> list[Incident]:
        """Those that changed since people were last told of them, the oldest first. One that was opened just now, and
        whose findings are not counted yet, is not among them."""
        now = _COLUMNS.state + ":" + _COLUMNS.severity + ":" + cast(_COLUMNS.findings, String)
        asked = (
            select(INCIDENTS)
            .where(_COLUMNS.tenant == self._tenant, _COLUMNS.findings > 0, _COLUMNS.told != now)
            .order_by(_COLUMNS.opened_at, _COLUMNS.incident_id)
        )
        with self._state.reading() as connection:
            return [incident_of(row) for row in connection.execute(asked)]

    def told(self, connection: Connection, incident: Incident) -> None:
        """Note, within the transaction in which it is told, that people are told of it as it was read."""
        connection.execute(self._update(incident.id).values(told=incident.signature))

    def notes(self, incident: str) -> list[Note]:
        """What was said and done about an incident, in order; `NotFound` where there is none."""
        self.get(incident)
        asked = (
            select(INCIDENT_NOTES)
            .where(INCIDENT_NOTES.c.tenant == self._tenant, INCIDENT_NOTES.c.incident_id == incident)
            .order_by(INCIDENT_NOTES.c.number)
        )
        with self._state.reading() as connection:
            rows = connection.execute(asked).all()
        return [Note(row.number, row.kind, row.author, row.text, row.at) for row in rows]

    def _asked(self, incident: str) -> Any:
        return select(INCIDENTS).where(_COLUMNS.tenant == self._tenant, _COLUMNS.incident_id == incident)

    def _locked(self, connection: Connection, incident: str) -> Row[Any]:
        found = connection.execute(self._asked(incident).with_for_update()).one_or_none()
        if found is None:
            raise _none_such(incident)
        return found

    def _update(self, incident: str) -> Update:
        return INCIDENTS.update().where(_COLUMNS.tenant == self._tenant, _COLUMNS.incident_id == incident)

    def _note(self, connection: Connection, incident: str, kind: str, author: str, text: str, now: datetime) -> Note:
        """Whoever calls holds the row of the incident, so numbers do not collide."""
        mine = (INCIDENT_NOTES.c.tenant == self._tenant, INCIDENT_NOTES.c.incident_id == incident)
        last = connection.execute(select(func.coalesce(func.max(INCIDENT_NOTES.c.number), 0)).where(*mine)).scalar_one()
        row = {"number": last + 1, "kind": kind, "author": author, "text": text, "at": now}
        connection.execute(INCIDENT_NOTES.insert().values(tenant=self._tenant, incident_id=incident, **row))
        return Note(**row)


def _open_key(cause: str) -> str:
    return hashlib.blake2b(cause.encode(), digest_size=32).hexdigest()


def _none_such(incident: str) -> NotFound:
    return NotFound(f"no incident {incident[:40]!r}")
