"""Rows of an OCEL file on their way into batches: what all OCEL readers share.

The mapping. Event id, type and time become `source_event_id`, `activity` and `occurred_at`; attributes stay
attributes, and `org:resource` or `resource` also fills `actor` where it is text. `sequence` counts the events
of the file from 1, rejected ones included. An object gives one row with attribute "" and one per attribute
value; change times at the beginning of 1970 become null (`BEGINNING_US`).

What is refused, with its reason: an event without id, type or time, with a time outside 1970 to 2200, with an
attribute of two values, with NUL or broken Unicode. A relation to an object that the file does not declare is
refused by itself, since nothing tells the object's type; its event stays, without that relation. The same
holds for attribute values and object relations: the piece is refused, the object stays.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pyarrow as pa

from ingest.formats.base import BATCH_ROWS, Batch, Limits, Rejected
from ingest.formats.instants import in_range, read_instant
from ingest.formats.ocel_values import (
    BEGINNING,
    BEGINNING_US,
    FIELD_KINDS,
    JSON_MARK,
    MARK,
    OVERFLOW,
    Kind,
    accepts_field,
    actor_of,
    check_text,
    check_value,
    moment,
    nested_value,
    number_or_text,
    original_event,
    original_object,
    restored,
)
from kernel.attributes import date_value, encode, encode_value
from kernel.errors import UnreadableFile
from kernel.events import EVENT_FRAME, INSTANT, LINK_FRAME, OBJECT_FRAME

RAW_CHARS = 10_000
BATCH_CHARS = 64 << 20
"""Text per batch after which it is cut short of `BATCH_ROWS`."""

Reference = tuple[str | None, str, str]
"""Object type (None: not declared in the file), object id as written, qualifier."""


_UTC = ZoneInfo("UTC")
_Known = tuple[str, str, str]  # object type, id, qualifier
_Lost = tuple[str, str, str]  # object id, qualifier, why


class OcelRows:
    """Collects rows, refuses the bad ones and cuts batches.

    `naive` is the time zone of stamps without one; None refuses them.
    """

    def __init__(self, naive: ZoneInfo | None, limits: Limits) -> None:
        self._naive = naive
        self._limits = limits
        self._clear()

    # Reading values ---------------------------------------------------------------------------------

    def value(self, value: Any, kind: Kind | None) -> Any:
        """A value of the file as attribute value of the declared kind; text that does not fit stays text.

        Raises `UnreadableFile` past the limits of size and depth.
        """
        if isinstance(value, str):
            if len(value) > self._limits.max_field_bytes:
                raise UnreadableFile(f"a value is longer than {self._limits.max_field_bytes} characters")
            if value.startswith(JSON_MARK):
                return restored(value)
            if kind is None or kind == "string":
                return value
            return self._time_or_text(value) if kind == "time" else number_or_text(value, kind)
        if isinstance(value, list | dict):
            return nested_value(value, self._limits.max_depth)
        if kind == "boolean" and value in (0, 1):
            return bool(value)
        if kind == "float" and isinstance(value, int) and not isinstance(value, bool) and abs(value) <= 2**53:
            return float(value)
        if kind == "integer" and isinstance(value, float) and value.is_integer() and abs(value) <= 2**53:
            return int(value)
        return value

    def changed_us(self, stamp: Any) -> int | None:
        """When an attribute took its value; None for "from the beginning". ValueError if it is no time."""
        if stamp is None or stamp in (BEGINNING, "", "0", 0):
            return None
        if not isinstance(stamp, str):
            raise ValueError(f"the change time is not text: {stamp!r:.60}")
        instant_us, _ = read_instant(stamp, self._naive or _UTC)  # near enough to know the beginning
        if instant_us <= BEGINNING_US:
            return None
        if self._naive is None:
            read_instant(stamp)  # refuses a stamp without a zone
        if not in_range(instant_us):
            raise ValueError(f"the change time {stamp!r:.60} is outside the years 1970 to 2200")
        return instant_us

    def _time_or_text(self, text: str) -> Any:
        try:
            instant_us, _ = read_instant(text, self._naive)
        except ValueError:
            return text
        return date_value(moment(instant_us))

    # Adding rows ------------------------------------------------------------------------------------

    def reject(self, position: str, reason: str, raw: str) -> None:
        """Notes a piece of the file that becomes no row."""
        raw = raw[:RAW_CHARS].encode("utf-8", "replace").decode()
        self._rejected.append(Rejected(position, reason, raw))
        self._chars += len(raw)

    def add_event(
        self,
        number: int,
        raw: Callable[[], str],
        event_id: str,
        activity: str,
        stamp: Any,
        attributes: Iterable[tuple[str, Any]],
        references: Iterable[Reference],
    ) -> None:
        """The event `number` of the file, counted from 1, its attributes already read by `value`.

        Where it cannot be kept, the piece `raw()` is rejected with the reason.
        """
        position = f"event {number}"
        try:
            if not activity or not event_id:
                raise ValueError("the event has no type" if event_id else "the event has no id")
            if not isinstance(stamp, str) or not stamp.strip():
                raise ValueError("the event has no time")
            check_text(event_id)
            check_text(activity)
            instant_us, precision = read_instant(stamp, self._naive)
            if not in_range(instant_us):
                raise ValueError(f"the time {stamp!r:.60} is outside the years 1970 to 2200")
            own, fields = self._split(attributes)
            text = encode(own)
            known, lost = self._resolved(references)
        except ValueError as error:
            self.reject(position, str(error), raw())
            return
        row = len(self._ids)
        self._ids.append(original_event(event_id))
        self._activities.append(activity)
        self._instants_us.append(instant_us)
        self._attributes.append(text)
        self._precisions.append(precision)
        self._numbers.append(number)
        self._actors.append(actor_of(own))
        for name, value in fields.items():
            self._fields[name][row] = value
        self._references.extend(known)
        self._offsets.append(len(self._references))
        self._chars += len(text) + 64 * len(known)
        for object_id, qualifier, reason in lost:
            piece = {"event": event_id, "object": object_id, "qualifier": qualifier}
            self.reject(position, reason, json.dumps(piece))

    def add_object(self, object_type: str, written_id: str) -> None:
        """That the object exists. ValueError if its type or id cannot be kept."""
        if not object_type or not written_id:
            raise ValueError("the object has no type" if written_id else "the object has no id")
        check_text(object_type)
        check_text(written_id)
        self._object_row(object_type, original_object(object_type, written_id), "", "null", None)

    def add_value(self, object_type: str, written_id: str, name: str, value: Any, stamp: Any) -> None:
        """One value that an attribute took. ValueError if the value or its time cannot be kept."""
        changed_us = self.changed_us(stamp)
        check_value(value, self._limits.max_depth)
        check_text(name)
        object_id = original_object(object_type, written_id)
        pairs = value.items() if name == OVERFLOW and isinstance(value, dict) else ((name, value),)
        for key, item in pairs:
            if not key:
                raise ValueError("the attribute has no name")
            self._object_row(object_type, object_id, key, encode_value(item), changed_us)

    def add_link(self, source: tuple[str, str], target: tuple[str, str], qualifier: str) -> None:
        """One relation between two objects, each given as type and id. ValueError on unusable text."""
        for text in (*source, *target, qualifier):
            check_text(text)
        self._links.append((source[0], original_object(*source), target[0], original_object(*target), qualifier))
        self._chars += 64

    def _object_row(self, object_type: str, object_id: str, name: str, text: str, us: int | None) -> None:
        self._objects.append((object_type, object_id, name, text, us))
        self._chars += 64 + len(text)

    def _split(self, attributes: Iterable[tuple[str, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
        own: dict[str, Any] = {}
        fields: dict[str, Any] = {}
        for name, value in attributes:
            if name == OVERFLOW and isinstance(value, dict):
                pairs: Iterable[tuple[str, Any]] = value.items()
            else:
                field = name.removeprefix(MARK) if name.startswith(MARK) else ""
                if field in FIELD_KINDS and accepts_field(field, value):
                    fields[field] = value
                    continue
                pairs = ((name, value),)
            for key, item in pairs:
                check_text(key)
                check_value(item, self._limits.max_depth)
                if key in own and own[key] != item:
                    raise ValueError(f"the event gives the attribute {key!r:.60} two values")
                own[key] = item
        return own, fields

    @staticmethod
    def _resolved(references: Iterable[Reference]) -> tuple[dict[_Known, None], list[_Lost]]:
        known: dict[_Known, None] = {}  # a set that keeps its order: relations are a set
        lost: list[_Lost] = []
        for object_type, written_id, qualifier in references:
            try:
                if not object_type or not written_id:
                    raise ValueError("the event refers to an object that the file does not declare")
                for text in (object_type, written_id, qualifier):
                    if not text.isascii() or "\0" in text:
                        check_text(text)
            except ValueError as error:
                lost.append((written_id, qualifier, str(error)))
            else:
                known[object_type, original_object(object_type, written_id), qualifier] = None
        return known, lost

    # Batches ----------------------------------------------------------------------------------------

    @property
    def full(self) -> bool:
        """Whether it is time to `cut`."""
        rows = max(len(self._ids), len(self._objects), len(self._links), len(self._rejected))
        return rows >= BATCH_ROWS or self._chars >= BATCH_CHARS

    def cut(self, bytes_read: int) -> Batch:
        """The rows so far as a batch; what follows goes into the next one."""
        batch = Batch(
            events=self._event_frame(),
            objects=pl.DataFrame(self._objects, schema=_raw_objects(), orient="row").cast(OBJECT_FRAME),
            links=pl.DataFrame(self._links, schema=LINK_FRAME, orient="row"),
            rejected=self._rejected,
            bytes_read=bytes_read,
        )
        self._clear()
        return batch

    def _clear(self) -> None:
        self._ids: list[str] = []
        self._activities: list[str] = []
        self._instants_us: list[int] = []
        self._attributes: list[str] = []
        self._precisions: list[str] = []
        self._numbers: list[int] = []
        self._actors: list[str] = []
        self._fields: dict[str, dict[int, Any]] = {name: {} for name in FIELD_KINDS}
        self._offsets: list[int] = [0]
        self._references: list[tuple[str, str, str]] = []
        self._objects: list[tuple[str, str, str, str, int | None]] = []
        self._links: list[tuple[str, str, str, str, str]] = []
        self._rejected: list[Rejected] = []
        self._chars = 0

    def _event_frame(self) -> pl.DataFrame:
        count = len(self._ids)
        references = pa.ListArray.from_arrays(
            pa.array(self._offsets, pa.int32()),
            pa.StructArray.from_arrays(
                [pa.array([each[part] for each in self._references], pa.large_string()) for part in range(3)],
                ["type", "id", "qualifier"],
            ),
        )
        columns: dict[str, pl.Series] = {
            "source_event_id": pl.Series(self._ids, dtype=pl.String),
            "activity": pl.Series(self._activities, dtype=pl.String),
            "occurred_at": pl.Series(self._instants_us, dtype=pl.Int64).cast(INSTANT),
            "objects": pl.Series(pl.from_arrow(references)).cast(EVENT_FRAME["objects"]),
            "attributes": pl.Series(self._attributes, dtype=pl.String),
        }
        found: dict[str, list[Any]] = {
            "precision": self._precisions,
            "sequence": self._numbers,
            "actor": self._actors,
        }
        source = self._fields.pop("source")
        for name, values in self._fields.items():
            columns[name] = _field_column(name, values, found.get(name), count)
        frame = pl.DataFrame({name: columns[name] for name in EVENT_FRAME}, schema=EVENT_FRAME)
        if source:
            named = [source.get(row) for row in range(count)]
            frame = frame.with_columns(pl.Series("source", named, dtype=pl.String))
        return frame


def _field_column(name: str, given: dict[int, Any], found: list[Any] | None, count: int) -> pl.Series:
    """A column of event fields: `given` by row where the file states them, else as `found` or the default."""
    kind, dtype = FIELD_KINDS[name], EVENT_FRAME[name]
    if found is None:
        default: Any = None if kind == "time" or name == "value" else 0 if kind == "integer" else ""
        default = "happened" if name == "time_kind" else default
        if not given:
            return pl.Series([default], dtype=dtype).new_from_index(0, count)
        found = [default] * count
    for row, value in given.items():
        if kind == "time":
            found[row] = datetime.fromisoformat(value["$date"])
        else:
            found[row] = Decimal(value) if name == "value" else value
    return pl.Series(found, dtype=dtype)


def _raw_objects() -> dict[str, pl.DataType]:
    return {**OBJECT_FRAME, "changed_at": pl.Int64()}
