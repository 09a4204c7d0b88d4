"""Logs as one writes them on a whiteboard, and a warehouse that holds them.

`log("A B C", "A C", step="1m")` is two cases, "1" and "2". Where more than the sequence matters, `happened` makes
single events and `frame` a frame of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from ingest.occurrences import Occurrences
from ingest.store import EventStore, Origin, Stored
from kernel import attributes
from kernel.clock import Clock
from kernel.events import EVENT_FRAME, LINK_FRAME, OBJECT_FRAME
from kernel.process import ProcessDefinition
from kernel.timeparse import parse_duration
from kernel.warehouse import Warehouse
from mining.projection import refresh
from mining.view import ProcessView

PROCESS = "p"
CASE_TYPE = f"case:{PROCESS}"
SOURCE = "shop"
START = datetime(2024, 1, 5, 9, 0, tzinfo=timezone.utc)
LOAD_ID = "00" * 16

NO_OBJECTS = pl.DataFrame(schema=OBJECT_FRAME)
NO_LINKS = pl.DataFrame(schema=LINK_FRAME)

ObjectRef = tuple[str, str, str]
"""Type, id and qualifier."""


@dataclass(frozen=True, slots=True)
class Happened:
    """One event as a source tells it: what the columns of EVENT_FRAME say, and its source."""

    activity: str
    occurred_at: datetime
    objects: tuple[ObjectRef, ...]
    precision: str = "us"
    source: str = SOURCE
    sequence: int = 0
    source_event_id: str = ""
    revision: int = 0
    lifecycle: str = ""
    started_at: datetime | None = None
    actor: str = ""
    actor_kind: str = ""
    outcome: str = ""
    value: Decimal | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def but(self, **changes: Any) -> Happened:
        """A copy that says something else."""
        return replace(self, **changes)

    def row(self) -> dict[str, Any]:
        """The row of EVENT_FRAME with its source."""
        return {
            "source_event_id": self.source_event_id,
            "activity": self.activity,
            "lifecycle": self.lifecycle,
            "occurred_at": self.occurred_at,
            "precision": self.precision,
            "time_kind": "happened",
            "started_at": self.started_at,
            "seen_at": None,
            "sequence": self.sequence,
            "actor": self.actor,
            "actor_kind": self.actor_kind,
            "outcome": self.outcome,
            "error_code": "",
            "value": self.value,
            "currency": "",
            "objects": [{"type": kind, "id": name, "qualifier": role} for kind, name, role in self.objects],
            "attributes": attributes.encode(self.attributes),
            "trace_id": "",
            "span_id": "",
            "revision": self.revision,
            "source": self.source,
        }


def case_ref(name: str) -> ObjectRef:
    """The object that the case `name` of PROCESS is."""
    return (CASE_TYPE, name, "")


def happened(activity: str, at: str | datetime | date, *cases: str, **more: Any) -> Happened:
    """An event of the cases named. `at`: an instant, minutes and such after START ("90m"), or a date: then it is
    known to the day only."""
    if isinstance(at, str):
        at = START + parse_duration(at)
    if not isinstance(at, datetime):
        at = datetime.combine(at, time(), timezone.utc)
        more["precision"] = "day"
    objects = tuple(case_ref(name) for name in cases)
    return Happened(activity, at, more.pop("objects", objects), **more)


def frame(events: Iterable[Happened]) -> pl.DataFrame:
    """The events as a frame of EVENT_FRAME with the extra column `source`, in the order given."""
    return pl.DataFrame([event.row() for event in events], schema={**EVENT_FRAME, "source": pl.String})


def whiteboard(*cases: str, step: str = "1m", apart: str = "1h") -> list[Happened]:
    """One case per string, its activities parted by blanks and `step` apart; cases begin `apart` from each other."""
    events: list[Happened] = []
    for number, activities in enumerate(cases):
        for position, activity in enumerate(activities.split()):
            at = START + number * parse_duration(apart) + position * parse_duration(step)
            events.append(happened(activity, at, str(number + 1), sequence=len(events)))
    return events


def log(*cases: str, step: str = "1m", apart: str = "1h") -> pl.DataFrame:
    """As `whiteboard`, as a frame."""
    return frame(whiteboard(*cases, step=step, apart=apart))


@dataclass(frozen=True, slots=True)
class Told:
    """A value that an attribute of a case took, as a source tells it; `changed_at` None: from the beginning."""

    case: str
    attribute: str
    value: Any
    changed_at: datetime | None = None


def object_frame(values: Iterable[Told]) -> pl.DataFrame:
    """The values as a frame of OBJECT_FRAME."""
    rows = [
        {
            "type": CASE_TYPE,
            "id": told.case,
            "attribute": told.attribute,
            "value": attributes.encode_value(told.value),
            "changed_at": told.changed_at,
        }
        for told in values
    ]
    return pl.DataFrame(rows, schema=OBJECT_FRAME)


@dataclass(frozen=True, slots=True)
class Linked:
    """A relation between two objects, each by type and id, as a source tells it."""

    one: tuple[str, str]
    other: tuple[str, str]
    qualifier: str = ""


def link_frame(links: Iterable[Linked]) -> pl.DataFrame:
    """The relations as a frame of LINK_FRAME."""
    return pl.DataFrame([(*link.one, *link.other, link.qualifier) for link in links], schema=LINK_FRAME, orient="row")


class File:
    """One file that is loaded in steps: equal rows are counted over all of it."""

    def __init__(
        self, warehouse: Warehouse, clock: Clock, tenant: str, *, source: str = SOURCE, zone: ZoneInfo | None = None
    ) -> None:
        self._store = EventStore(warehouse, clock)
        self._occurrences = Occurrences()
        self._origin = Origin(tenant, source, LOAD_ID, zone=zone)

    def step(self, events: pl.DataFrame, objects: pl.DataFrame = NO_OBJECTS, links: pl.DataFrame = NO_LINKS) -> Stored:
        """Store the next rows of the file."""
        return self._store.store(self._origin, events, self._occurrences.of(events), objects, links)


def process(**more: Any) -> ProcessDefinition:
    """The definition of PROCESS, with what the test adds to it."""
    return ProcessDefinition(id=PROCESS, object_type=CASE_TYPE, **more)


def stored(
    warehouse: Warehouse,
    clock: Clock,
    tenant: str,
    *frames: pl.DataFrame,
    definition: ProcessDefinition | None = None,
    objects: pl.DataFrame = NO_OBJECTS,
) -> ProcessView:
    """The frames stored, each as a file of its own, the object attributes with the first, and the process projected."""
    for position, events in enumerate(frames):
        File(warehouse, clock, tenant).step(events, objects if position == 0 else NO_OBJECTS)
    definition = definition or process()
    refresh(warehouse, clock, tenant, definition)
    return ProcessView(warehouse, tenant, definition)


def days(count: float) -> timedelta:
    return timedelta(days=count)
