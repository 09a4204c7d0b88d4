"""Events of one source on their way to frames of `kernel.events`, each checked as it is added."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import accumulate
from operator import attrgetter
from typing import Any, cast

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from ingest.event_form import Event, Refused, Unfit
from ingest.event_values import attribute_value, check_length, instant, money
from kernel.attributes import encode, encode_value
from kernel.events import EVENT_FRAME, LINK_FRAME, OBJECT_FRAME


@dataclass(frozen=True)
class Sent:
    """The events of one source in one request. They are Arrow: most go into the spool and are no frame before they are
    loaded, and a frame of a single event costs a fifth of a millisecond. None where there are no rows. `row` of objects
    and links is the row of their event."""

    source: str
    event_rows: pa.RecordBatch | None  # of EVENT_FRAME
    object_rows: pa.RecordBatch | None  # of OBJECT_FRAME and row
    link_rows: pa.RecordBatch | None  # of LINK_FRAME and row
    refused: tuple[Refused, ...]

    @property
    def accepted(self) -> int:
        return self.event_rows.num_rows if self.event_rows is not None else 0

    @property
    def received(self) -> int:
        return self.accepted + len(self.refused)

    @property
    def last_occurred_at(self) -> datetime | None:
        """When the last of them happened."""
        return pc.max(self.event_rows["occurred_at"]).as_py() if self.event_rows is not None else None

    @cached_property
    def events(self) -> pl.DataFrame:
        return _frame(self.event_rows, EVENT_FRAME)

    @cached_property
    def objects(self) -> pl.DataFrame:
        return _frame(self.object_rows, OBJECT_ROWS)

    @cached_property
    def links(self) -> pl.DataFrame:
        return _frame(self.link_rows, LINK_ROWS)


def _frame(rows: pa.RecordBatch | None, schema: pl.Schema) -> pl.DataFrame:
    return pl.DataFrame(schema=schema) if rows is None else cast(pl.DataFrame, pl.from_arrow(rows))


ROW = {"row": pl.UInt32()}
OBJECT_ROWS = pl.Schema({**OBJECT_FRAME, **ROW})
LINK_ROWS = pl.Schema({**LINK_FRAME, **ROW})


class EventRows:
    """The events of one source on their way to frames."""

    def __init__(self, source: str, now: datetime) -> None:
        self.refused: list[Refused] = []
        self._source, self._now = source, now
        self._kept: list[Event] = []
        self._worked: list[tuple[Any, ...]] = []
        self._objects: list[tuple[Any, ...]] = []
        self._links: list[tuple[Any, ...]] = []

    def count(self) -> int:
        """Events that were added."""
        return len(self._kept)

    def add(self, event: Event) -> None:
        """`Unfit` where it cannot be kept; then nothing of it is."""
        if not self._source:
            raise Unfit("source: neither the event nor the request names one")
        if event.source and event.source != self._source:
            raise Unfit("source: holds a control character")
        occurred_at, precision = instant("occurred_at", event.occurred_at)
        started_at = instant("started_at", event.started_at)[0] if event.started_at is not None else None
        seen_at = instant("seen_at", event.seen_at)[0] if event.seen_at is not None else self._now
        attributes = encode({name: attribute_value(name, value) for name, value in event.attributes.items()})
        check_length("attributes", attributes)
        row = len(self._kept)
        objects: list[tuple[Any, ...]] = []
        for one in event.objects:
            for name, value in one.attributes.items():
                objects.append((one.type, one.id, name, _written(name, value), occurred_at, row))
        for change in event.changes:
            at = instant("changes.at", change.at)[0] if change.at is not None else None
            value = _written(change.attribute, change.value)
            objects.append((change.type, change.id, change.attribute, value, at, row))
        self._worked.append((occurred_at, precision, started_at, seen_at, money(event.value), attributes))
        self._kept.append(event)
        self._objects += objects
        for link in event.links:
            self._links.append((link.from_.type, link.from_.id, link.to.type, link.to.id, link.qualifier, row))

    def add_all(self, events: Sequence[Event]) -> None:
        """Add events that belong together: all of them, or none where one is `Unfit`."""
        kept: list[list[Any]] = [self._kept, self._worked, self._objects, self._links]
        before = [len(some) for some in kept]
        try:
            for event in events:
                self.add(event)
        except BaseException:
            for some, length in zip(kept, before, strict=True):
                del some[length:]
            raise

    def sent(self) -> Sent:
        return Sent(
            self._source,
            _batch(self._columns(), EVENTS, len(self._kept)),
            _batch(zip(*self._objects, strict=True), OBJECTS, len(self._objects)),
            _batch(zip(*self._links, strict=True), LINKS, len(self._links)),
            tuple(self.refused),
        )

    def _columns(self) -> Iterable[Sequence[Any] | pa.Array]:
        """The values of each column of EVENT_FRAME: row by row takes three times as long."""
        kept = self._kept
        if not kept:
            return []
        columns: dict[str, Any] = dict(zip(WORKED, zip(*self._worked, strict=True), strict=True))
        columns |= zip(TAKEN, zip(*map(_taken, kept), strict=True), strict=True)
        columns["time_kind"] = pa.repeat("happened", len(kept)).cast(pa.large_string())
        columns["source_event_id"] = [event.id for event in kept]
        columns["objects"] = _references(kept)
        return [columns[name] for name in EVENT_FRAME]


def _written(name: str, value: Any) -> str:
    """A value of an attribute of an object, as JSON."""
    written = encode_value(attribute_value(name, value))
    check_length(f"attributes.{name}", written)
    return written


WORKED = ("occurred_at", "precision", "started_at", "seen_at", "value", "attributes")
"""The columns that are made of what was sent."""
TAKEN = [name for name in EVENT_FRAME if name not in (*WORKED, "time_kind", "source_event_id", "objects")]
"""Those that hold it as it is."""
_taken = attrgetter(*TAKEN)


def _arrow(schema: pl.Schema) -> pa.Schema:
    return pl.DataFrame(schema=schema).to_arrow(compat_level=pl.CompatLevel.oldest()).schema


EVENTS, OBJECTS, LINKS = (_arrow(schema) for schema in (EVENT_FRAME, OBJECT_ROWS, LINK_ROWS))


def _batch(columns: Iterable[Sequence[Any] | pa.Array], schema: pa.Schema, rows: int) -> pa.RecordBatch | None:
    """Columns as rows of Arrow."""
    if not rows:
        return None
    arrays = [
        values if isinstance(values, pa.Array) else pa.array(values, kind)
        for values, kind in zip(columns, schema.types, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _references(events: list[Event]) -> pa.Array:
    """The objects of each event, as OBJECT_REFS."""
    named = [one for event in events for one in event.objects]
    ends = list(accumulate((len(event.objects) for event in events), initial=0))
    texts = [pa.array([getattr(one, part) for one in named], pa.large_string()) for part in PARTS]
    return pa.LargeListArray.from_arrays(pa.array(ends, pa.int64()), pa.StructArray.from_arrays(texts, PARTS))


PARTS = ["type", "id", "qualifier"]
