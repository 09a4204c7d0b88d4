"""Rows of an XES file on their way into a batch."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import polars as pl

from ingest.formats.base import Batch, Rejected
from ingest.formats.xes_columns import (
    JSON,
    MAX_TABLES,
    PACKED,
    Column,
    Keys,
    Refused,
    Table,
    amount,
    event_rows,
)
from ingest.formats.xes_fields import MARK
from ingest.formats.xes_values import RAW_CHARS, quoted, scalar
from ingest.formats.xes_writer import attribute_xml
from kernel.attributes import decode, encode
from kernel.errors import MappingError
from kernel.events import EVENT_FRAME, OBJECT_FRAME

_CHUNK_ROWS = 32_768
"""Rows kept as Python strings before they become columns, which take a fifth of the memory."""

_CHUNK_BYTES = 8 << 20
"""The same for long texts: bytes of the file per chunk."""


class BatchBuilder:
    """Gathers events by shape, trace attributes and rejected pieces; gives them as batches in file order."""

    def __init__(self, object_type: str, case_key: str, keys: Keys, timezone: ZoneInfo | None) -> None:
        self._object_type = object_type
        self._case_key = case_key
        self._keys = keys
        self._timezone = timezone
        self._shapes: dict[tuple[tuple[object, ...], tuple[object, ...]], Table] = {}
        self._tables: dict[tuple[Column, ...], Table] = {}
        self._cases: list[tuple[int, str, int, str]] = []  # number of the last event before it, id, trace number, type
        self._objects: tuple[list[str], list[str], list[str], list[str]] = ([], [], [], [])
        self._event_frames: list[pl.DataFrame] = []
        self._object_frames: list[pl.DataFrame] = []
        self._rejected: list[tuple[int, Rejected]] = []
        self._last_sequence = 0
        self._chunk_bytes = 0
        self._unseen: set[str] | None = _named(case_key, keys)
        self.rows = 0
        """Events, trace attributes and rejected pieces in finished chunks of the next batch."""

    def of_shape(self, tags: Sequence[object], names: Sequence[object]) -> Table | None:
        """The table of events with these tags and names (see `Table`), to which the caller then adds one."""
        try:
            return self._shapes.get((tuple(tags), tuple(names)))
        except TypeError:  # a nested attribute left a list among them
            return None

    def learn(self, table: Table, tags: Sequence[object], names: Sequence[object]) -> None:
        """Remember the table for `of_shape`, if tags and names say all about its events but the values."""
        own_tags = [tag for tag, _ in table.columns]
        own_names = [text for _, key in table.columns for text in ("key", key, "value")]
        if own_tags == tags and own_names == names:
            table.tags, table.names = own_tags, own_names
            self._shapes[tuple(own_tags), tuple(own_names)] = table

    def add(self, columns: tuple[Column, ...], values: list[str], sequence: int) -> Table | None:
        """Add one event; returns its table unless its attributes had to be packed.

        Raises ValueError where the event is packed and a value is not of its type.
        """
        packed = False
        if self._unseen:
            self._unseen.difference_update(key for _, key in columns)
        table = self._tables.get(columns)
        if table is None and len(self._tables) >= MAX_TABLES:
            columns, values = self._packed(columns, values)
            table = self._tables.get(columns)
            packed = True
        if table is None:
            table = self._tables[columns] = Table(columns, self._keys.roles(columns))
        table.values += values
        table.sequence.append(sequence)
        self._last_sequence = sequence
        return None if packed else table

    def case(self, case_id: str | None, number: int, events_before: int, object_type: str | None) -> None:
        """The events from here on belong to this trace; `object_type` where it names its own."""
        self._cases.append((events_before, case_id or "", number, object_type or self._object_type))
        if self._unseen and case_id is not None:
            self._unseen.discard(self._case_key)

    def object_row(self, object_type: str | None, object_id: str, attribute: str, value: str) -> None:
        types, ids, attributes, values = self._objects
        types.append(object_type or self._object_type)
        ids.append(object_id)
        attributes.append(attribute)
        values.append(value)

    def reject(self, position: str, reason: str, raw: str, sequence: int | None = None) -> None:
        order = self._last_sequence if sequence is None else sequence
        self._rejected.append((order, Rejected(position, reason, raw[:RAW_CHARS])))
        self._last_sequence = max(self._last_sequence, order)

    def chunk(self, size: int, final: bool) -> None:
        """Turn gathered strings into columns where there are enough of them; `size` bytes of file were read."""
        self._chunk_bytes += size
        rows = sum(len(table.sequence) for table in self._tables.values()) + len(self._objects[0])
        if not final and rows < _CHUNK_ROWS and self._chunk_bytes < _CHUNK_BYTES:
            return
        self._chunk_bytes = 0
        self.rows += rows
        if rows:
            self._build()

    def batch(self, bytes_read: int) -> Batch:
        """Everything of the finished chunks. Raises `MappingError` in the first batch, see `XesReader`."""
        if self._unseen and (self._last_sequence or self._cases):
            missing = ", ".join(sorted(self._unseen))
            raise MappingError(f"no trace or event has the attribute {missing}")
        self._unseen = None
        batch = Batch(bytes_read=bytes_read)
        if self._event_frames:
            batch.events = pl.concat(self._event_frames, how="diagonal")
        if self._object_frames:
            batch.objects = pl.concat(self._object_frames)
        batch.rejected = [rejected for _, rejected in sorted(self._rejected, key=lambda each: each[0])]
        self._event_frames, self._object_frames, self._rejected, self.rows = [], [], [], 0
        return batch

    def _build(self) -> None:
        frames = []
        for table in self._tables.values():
            frame, refused = event_rows(table, self._keys, self._timezone)
            frames.append(frame)
            for each in refused:
                self._reject_row(each)
        if frames and any(map(len, frames)):
            self._event_frames.append(self._with_objects(pl.concat(frames, how="diagonal")))
        types, ids, attributes, values = self._objects
        if ids:
            data = {"type": types, "id": ids, "attribute": attributes, "value": values}
            frame = pl.DataFrame(data).with_columns(changed_at=None)
            self._object_frames.append(frame.select(pl.col(name).cast(dtype) for name, dtype in OBJECT_FRAME.items()))
        self._tables.clear()
        self._shapes.clear()
        self._objects = ([], [], [], [])
        del self._cases[:-1]

    def _with_objects(self, frame: pl.DataFrame) -> pl.DataFrame:
        frame = frame.sort("sequence")
        before = np.array([case[0] for case in self._cases], dtype=np.uint64)
        number = np.searchsorted(before, frame["sequence"].to_numpy(), side="left") - 1
        ids = pl.Series([case[1] for case in self._cases], dtype=pl.String).gather(number)
        types = pl.Series([case[3] for case in self._cases], dtype=pl.String).gather(number)
        reference = pl.struct(type=types, id=ids, qualifier=pl.lit(""))
        return _placed(frame.with_columns(objects=pl.concat_list(reference)))

    def _reject_row(self, refused: Refused) -> None:
        before, case_id, trace, _ = self._cases[bisect_right(self._cases, refused.sequence - 1, key=lambda c: c[0]) - 1]
        columns = list(refused.table.row(refused.row))
        doubled = {key for (tag, key), _ in columns if tag == JSON}
        pieces = []
        for (tag, key), text in columns:
            if tag == PACKED:
                pieces += [attribute_xml(name, value) for name, value in decode(text).items()]
            elif tag == JSON:
                pieces.append(attribute_xml(key, decode(text)))
            elif key not in doubled:
                pieces.append(f"<{tag} key={quoted(key)} value={quoted(text)}/>")
        head = f"<string key={quoted(self._case_key)} value={quoted(case_id)}/>"
        raw = f"<trace>{head}<event>{''.join(pieces)}</event></trace>"
        position = f"trace {trace}, event {refused.sequence - before}"
        self.reject(position, refused.reason, raw, refused.sequence)

    def _packed(self, columns: tuple[Column, ...], values: list[str]) -> tuple[tuple[Column, ...], list[str]]:
        roles = self._keys.roles(columns)
        if "value" in roles and amount(values[roles["value"]], values[roles["currency"]]) is None:
            del roles["value"], roles["currency"]
        taken = set(roles.values())
        attributes = {
            key: msgspec.Raw(values[number].encode())
            if tag == JSON
            else scalar(tag, key, values[number], self._timezone)
            for number, (tag, key) in enumerate(columns)
            if number not in taken
        }
        kept = sorted(taken)
        return (*(columns[n] for n in kept), (PACKED, "")), [*(values[n] for n in kept), encode(attributes)]


def _placed(frame: pl.DataFrame) -> pl.DataFrame:
    """What was lifted apart in its place; `source` and `own_sequence` are columns where the file states any."""
    lifted = [name for name in frame.columns if name.startswith(MARK)]
    if MARK + "repeats" in lifted:
        frame = frame.filter(pl.col(MARK + "repeats").is_null())
    if MARK + "objects" in lifted:
        frame = frame.with_columns(pl.coalesce(MARK + "objects", "objects").alias("objects"))
    stated = {"source": "source", "sequence": "own_sequence"}
    own = [pl.col(MARK + name).alias(column) for name, column in stated.items() if MARK + name in lifted]
    return frame.select(*EVENT_FRAME, *own)


def _named(case_key: str, keys: Keys) -> set[str]:
    """The keys that someone chose, which should then occur."""
    chosen = {case_key, keys.activity} - {"concept:name"}
    chosen |= {keys.time} - {"time:timestamp"}
    return chosen | ({keys.start} if keys.start is not None else set())
