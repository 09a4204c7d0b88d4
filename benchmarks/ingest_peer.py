"""`python -m benchmarks.ingest_peer serve …`: the service as it is often written, as the yardstick of `ingest`.

Events are checked by a pydantic model each, with the fields and limits of `ingest.event_form`, and decoded from the
bytes of the request in a worker thread, which is faster than what FastAPI does with a model as a parameter. Gate,
spool, loader and everything beside are those of the service: all that differs is how a request becomes checked frames.
"""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal
from typing import Annotated, Any, Literal

import polars as pl
import pyarrow as pa
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, field_validator

from gembascope.cli import main
from ingest import live
from ingest.event_form import MAX_EVENTS, MAX_SOURCE
from ingest.event_rows import LINK_ROWS, OBJECT_ROWS, Sent
from ingest.event_values import FIRST, LAST
from kernel.attributes import encode, encode_value
from kernel.events import EVENT_FRAME

Name = Annotated[str, Field(min_length=1, max_length=500)]
Short = Annotated[str, Field(max_length=500)]
Count = Annotated[int, Field(ge=0, le=2**63 - 1)]


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ObjectRef(Model):
    type: Name
    id: Name
    qualifier: Short = ""
    attributes: dict[Name, Any] = {}


class Named(Model):
    type: Name
    id: Name


class Link(Model):
    from_: Annotated[Named, Field(alias="from")]
    to: Named
    qualifier: Short = ""


class Event(Model):
    id: Name
    activity: Name
    occurred_at: AwareDatetime
    source: Annotated[str, Field(max_length=MAX_SOURCE)] = ""
    seen_at: AwareDatetime | None = None
    started_at: AwareDatetime | None = None
    lifecycle: Short = ""
    sequence: Count = 0
    actor: Short = ""
    actor_kind: Literal["", "human", "system", "agent"] = ""
    outcome: Literal["", "ok", "error", "retry", "timeout", "rejected"] = ""
    error_code: Short = ""
    value: Annotated[Decimal | None, Field(max_digits=38, decimal_places=6, allow_inf_nan=False)] = None
    currency: Annotated[str, Field(max_length=16)] = ""
    objects: Annotated[list[ObjectRef], Field(max_length=1_000)] = []
    attributes: dict[Name, Any] = {}
    links: Annotated[list[Link], Field(max_length=1_000)] = []
    trace_id: Short = ""
    span_id: Short = ""
    revision: Count = 0

    @field_validator("occurred_at", "seen_at", "started_at")
    @classmethod
    def inside(cls, moment: datetime | None) -> datetime | None:
        if moment is not None and not FIRST <= moment < LAST:
            raise ValueError("not between the years 1970 and 2200")
        return moment


_events = TypeAdapter(Annotated[list[Event], Field(max_length=MAX_EVENTS)])


def read_events(body: bytes, source: str, now: datetime) -> list[Sent]:
    """The events of a request by source; any that is wrong refuses the whole, as pydantic does."""
    by_source: dict[str, list[Event]] = {}
    for event in _events.validate_json(body):
        by_source.setdefault(event.source or source, []).append(event)
    return [_sent(name, events, now) for name, events in by_source.items()]


def _sent(source: str, events: list[Event], now: datetime) -> Sent:
    given = (
        "occurred_at",
        "precision",
        "started_at",
        "seen_at",
        "time_kind",
        "source_event_id",
        "objects",
        "attributes",
    )
    columns: dict[str, Any] = {name: [getattr(e, name) for e in events] for name in EVENT_FRAME if name not in given}
    columns |= {
        "occurred_at": [event.occurred_at.astimezone(timezone.utc) for event in events],
        "started_at": [event.started_at and event.started_at.astimezone(timezone.utc) for event in events],
        "seen_at": [event.seen_at.astimezone(timezone.utc) if event.seen_at else now for event in events],
        "precision": ["us"] * len(events),
        "time_kind": ["happened"] * len(events),
        "source_event_id": [event.id for event in events],
        "objects": [
            [{"type": one.type, "id": one.id, "qualifier": one.qualifier} for one in event.objects] for event in events
        ],
        "attributes": [encode(event.attributes) for event in events],
    }
    objects = [
        (one.type, one.id, name, encode_value(value), event.occurred_at.astimezone(timezone.utc), row)
        for row, event in enumerate(events)
        for one in event.objects
        for name, value in one.attributes.items()
    ]
    links = [
        (link.from_.type, link.from_.id, link.to.type, link.to.id, link.qualifier, row)
        for row, event in enumerate(events)
        for link in event.links
    ]
    frame = pl.DataFrame({name: columns[name] for name in EVENT_FRAME}, schema=EVENT_FRAME)
    return Sent(
        source,
        _rows(frame),
        _rows(pl.DataFrame(objects, schema=OBJECT_ROWS, orient="row")),
        _rows(pl.DataFrame(links, schema=LINK_ROWS, orient="row")),
        (),
    )


def _rows(frame: pl.DataFrame) -> pa.RecordBatch | None:
    if frame.is_empty():
        return None
    return frame.to_arrow(compat_level=pl.CompatLevel.oldest()).combine_chunks().to_batches()[0]


if __name__ == "__main__":
    live.read_events = read_events
    main()
