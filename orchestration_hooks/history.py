"""What happened in runs, as events of the process `remediation`: handed out in order, until they are acknowledged."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, select, tuple_, update

from kernel.state.database import State
from kernel.state.tables import RUN_CASES, RUN_EVENTS, RUNS

PROCESS = "remediation"
OBJECT_TYPE = "remediation_run"
SOURCE = "gembascope"
MOST_LINKS = 1_000
"""Cases that one event is linked to: as many as an event may have links. The run itself has them all."""


@dataclass(frozen=True, slots=True)
class RunEvent:
    """One event. `objects`: (object type, id) pairs, the run first; `case_ids`: cases of `process` that it is about."""

    run_id: str
    number: int
    activity: str
    at: datetime
    actor: str
    process: str
    incident_id: str
    playbook: str
    attributes: Mapping[str, str]
    case_ids: tuple[str, ...]

    @property
    def id(self) -> str:
        """The same for the same event, however often it is sent."""
        return f"{self.run_id}:{self.number}"

    def canonical(self, case_object_type: str) -> dict[str, Any]:
        """The event as `POST /api/v1/events` takes it. `case_object_type`: of the cases of the process that the run is
        about; it is linked to them, and no step of theirs. `sequence` orders events of one instant."""
        run = {"type": OBJECT_TYPE, "id": self.run_id}
        objects = [run]
        if self.incident_id:
            objects.append({"type": "incident", "id": self.incident_id})
        cases = [{"type": case_object_type, "id": case_id} for case_id in self.case_ids[:MOST_LINKS]]
        return {
            "id": self.id,
            "activity": self.activity,
            "occurred_at": self.at.isoformat(),
            "sequence": self.number,
            "actor": self.actor,
            "actor_kind": "system" if self.actor == SOURCE else "human",
            "objects": objects,
            "links": [{"from": run, "to": case, "qualifier": "about"} for case in cases],
            "attributes": {"process": self.process, "playbook": self.playbook, **self.attributes},
        }


class History:
    """The events of the runs of one tenant."""

    def __init__(self, state: State, tenant: str) -> None:
        self._state, self._tenant = state, tenant

    def of(self, run_id: str) -> list[RunEvent]:
        """Everything that happened in one run, in order, sent or not."""
        return self._read(and_(RUN_EVENTS.c.tenant == self._tenant, RUN_EVENTS.c.run_id == run_id), None)

    def unsent(self, most: int = 500) -> list[RunEvent]:
        """Events that nobody has acknowledged, the oldest first; those of one run are in order."""
        return self._read(and_(RUN_EVENTS.c.tenant == self._tenant, RUN_EVENTS.c.sent_at.is_(None)), most)

    def acknowledge(self, events: Iterable[RunEvent], at: datetime) -> None:
        """They are where they belong: do not hand them out again. Who dies before this sends them twice, with the same
        ids."""
        pairs = [(event.run_id, event.number) for event in events]
        with self._state.writing() as connection:
            for start in range(0, len(pairs), 200):
                these = tuple_(RUN_EVENTS.c.run_id, RUN_EVENTS.c.number).in_(pairs[start : start + 200])
                mine = (RUN_EVENTS.c.tenant == self._tenant, RUN_EVENTS.c.sent_at.is_(None), these)
                connection.execute(update(RUN_EVENTS).where(*mine).values(sent_at=at))

    def _read(self, where: Any, most: int | None) -> list[RunEvent]:
        events, runs = RUN_EVENTS, RUNS
        asked = (
            select(events, runs.c.process, runs.c.incident_id, runs.c.playbook)
            .join(runs, and_(runs.c.tenant == events.c.tenant, runs.c.run_id == events.c.run_id))
            .where(where)
            .order_by(events.c.at, events.c.run_id, events.c.number)
            .limit(most)
        )
        with self._state.reading() as connection:
            rows = connection.execute(asked).all()
            cases = self._cases(connection, {row.run_id for row in rows})
        return [
            RunEvent(
                row.run_id,
                row.number,
                row.activity,
                row.at,
                row.actor,
                row.process,
                row.incident_id,
                row.playbook,
                {name: _text(value) for name, value in json.loads(row.body).items()},
                tuple(cases.get(row.run_id, ())),
            )
            for row in rows
        ]

    def _cases(self, connection: Any, run_ids: set[str]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        ids = sorted(run_ids)
        for start in range(0, len(ids), 500):
            mine = (RUN_CASES.c.tenant == self._tenant, RUN_CASES.c.run_id.in_(ids[start : start + 500]))
            asked = select(RUN_CASES.c.run_id, RUN_CASES.c.case_id).where(*mine).order_by(RUN_CASES.c.case_id)
            for run_id, case_id in connection.execute(asked):
                found.setdefault(run_id, []).append(case_id)
        return found


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
