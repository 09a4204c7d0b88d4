"""Events of one source on their way to frames of `kernel.events`, each checked as it is added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from ingest.event_form import Event, Refused, Unfit
from ingest.event_values import attribute_value, check_length, instant, money
from kernel.attributes import encode, encode_value
from kernel.events import EVENT_FRAME, LINK_FRAME, OBJECT_FRAME, OBJECT_REFS


@dataclass(frozen=True, slots=True)
class Sent:
    """The events of one source in one request. `row` of objects and links is the row of their event."""

    source: str
    events: pl.DataFrame  # of EVENT_FRAME
    objects: pl.DataFrame  # of OBJECT_FRAME and row
    links: pl.DataFrame  # of LINK_FRAME and row
    refused: tuple[Refused, ...]

    @property
    def received(self) -> int:
        return self.events.height + len(self.refused)


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
            self._frame(),
            pl.DataFrame(self._objects, schema=OBJECT_ROWS, orient="row"),
            pl.DataFrame(self._links, schema=LINK_ROWS, orient="row"),
            tuple(self.refused),
        )

    def _frame(self) -> pl.DataFrame:
        """The events, column by column: row by row takes three times as long."""
        kept = self._kept
        worked = zip(*self._worked, strict=True) if kept else ([] for _ in WORKED)
        columns: dict[str, Any] = {name: list(values) for name, values in zip(WORKED, worked, strict=True)}
        columns["time_kind"] = ["happened"] * len(kept)
        columns["source_event_id"] = [event.id for event in kept]
        columns["objects"] = _references(kept)
        for name in EVENT_FRAME:
            if name not in columns:
                columns[name] = [getattr(event, name) for event in kept]
        return pl.DataFrame({name: columns[name] for name in EVENT_FRAME}, schema=EVENT_FRAME)


def _written(name: str, value: Any) -> str:
    """A value of an attribute of an object, as JSON."""
    written = encode_value(attribute_value(name, value))
    check_length(f"attributes.{name}", written)
    return written


WORKED = ("occurred_at", "precision", "started_at", "seen_at", "value", "attributes")
"""The columns that are made of what was sent; the others hold it as it is."""


def _references(events: list[Event]) -> pl.Series:
    """The objects of each event, as OBJECT_REFS."""
    named = [(row, one) for row, event in enumerate(events) for one in event.objects]
    flat = pl.DataFrame(
        {
            "row": pl.Series([row for row, _ in named], dtype=pl.UInt32),
            "type": pl.Series([one.type for _, one in named], dtype=pl.String),
            "id": pl.Series([one.id for _, one in named], dtype=pl.String),
            "qualifier": pl.Series([one.qualifier for _, one in named], dtype=pl.String),
        }
    )
    by_row = flat.group_by("row", maintain_order=True).agg(pl.struct("type", "id", "qualifier").alias("objects"))
    rows = pl.DataFrame({"row": pl.Series(range(len(events)), dtype=pl.UInt32)})
    empty = pl.lit(pl.Series([[]], dtype=OBJECT_REFS))
    found = rows.join(by_row, on="row", how="left", maintain_order="left")
    return found.select(pl.col("objects").fill_null(empty)).to_series()
