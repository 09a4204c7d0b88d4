"""What a spool entry holds: the frames of its events, as bytes and back."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from typing import Any

import msgspec
import polars as pl
import pyarrow as pa

from ingest.event_form import Refused
from ingest.event_rows import LINK_ROWS, OBJECT_ROWS, Sent
from kernel.errors import StateError
from kernel.events import EVENT_FRAME

FORM = 2
TEXT_FORM = 1
"""In which what was refused was kept as text alone; entries of it may wait when a new version starts."""
DIGEST_BYTES = 16


class _Payload(msgspec.Struct, array_like=True):
    form: int
    events: bytes  # Arrow IPC; b"" for no rows, as the next two
    objects: bytes
    links: bytes
    refused: list[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Waiting:
    """Events of one source out of the spool, in the order they came. `row` of objects and links is that of `events`."""

    events: pl.DataFrame
    objects: pl.DataFrame
    links: pl.DataFrame
    refused: tuple[tuple[str, Refused], ...]  # with the receipt of their request

    def rows(self, start: int, stop: int) -> Waiting:
        """Those events alone, and what they say of objects."""
        inside = (pl.col("row") >= start) & (pl.col("row") < stop)
        moved = (pl.col("row") - start).cast(pl.UInt32)
        objects, links = (part.filter(inside).with_columns(moved) for part in (self.objects, self.links))
        return Waiting(self.events.slice(start, stop - start), objects, links, ())


def written(sent: Sent) -> bytes:
    """The entry of what was sent of one source; its last bytes are a digest of the others."""
    refused: list[tuple[Any, ...]] = [astuple(one) for one in sent.refused]
    payload = _Payload(FORM, _bytes(sent.event_rows), _bytes(sent.object_rows), _bytes(sent.link_rows), refused)
    content = msgspec.msgpack.encode(payload)
    return content + _digest(content)


def together(entries: Iterable[tuple[str, bytes]]) -> Waiting:
    """Entries, each with its receipt, as one.

    Raises
    ------
    StateError
        An entry is not what was written.
    """
    events, objects, links = _Pieces(EVENT_FRAME), _Pieces(OBJECT_ROWS), _Pieces(LINK_ROWS)
    refused, offset = [], 0
    for receipt, content in entries:
        if _digest(content[:-DIGEST_BYTES]) != content[-DIGEST_BYTES:]:
            raise StateError(f"the spool entry {receipt} was damaged after it was written: restore it from a backup")
        payload = msgspec.msgpack.decode(memoryview(content)[:-DIGEST_BYTES], type=_Payload)
        if payload.form == TEXT_FORM:
            payload.refused = [(*most, raw.encode()) for *most, raw in payload.refused]
        elif payload.form != FORM:
            raise StateError(f"the spool entry {receipt} has form {payload.form}, which this version does not know")
        objects.add(payload.objects, offset)
        links.add(payload.links, offset)
        refused += [(receipt, Refused(*one)) for one in payload.refused]
        offset += events.add(payload.events, 0)
    return Waiting(events.frame(), objects.frame(), links.frame(), tuple(refused))


class _Pieces:
    """Frames of one schema on their way to one: put together by Arrow, as polars takes half a millisecond for each."""

    def __init__(self, schema: pl.Schema) -> None:
        self._schema = schema
        self._tables: list[pa.Table] = []
        self._offsets: list[int] = []

    def add(self, content: bytes, offset: int) -> int:
        """Add what was written; `offset` is added to its column `row`. How many rows it has."""
        if not content:
            return 0
        found = pa.ipc.open_file(pa.BufferReader(content), options=READ).read_all()
        self._tables.append(found)
        self._offsets += [offset] * found.num_rows
        return int(found.num_rows)

    def frame(self) -> pl.DataFrame:
        if not self._tables:
            return pl.DataFrame(schema=self._schema)
        whole = pl.DataFrame(pl.from_arrow(pa.concat_tables(self._tables, promote_options="permissive")))
        if "row" in self._schema:
            whole = whole.with_columns(pl.col("row") + pl.Series(self._offsets, dtype=pl.UInt32))
        return whole.cast(self._schema)


def _bytes(rows: pa.RecordBatch | None) -> bytes:
    if rows is None:
        return b""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, rows.schema, options=PACKED) as writer:
        writer.write_batch(rows)
    return bytes(sink.getvalue())


PACKED = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
READ = pa.ipc.IpcReadOptions(use_threads=False)
"""Entries are small: giving their columns to other threads costs more than it saves."""


def _digest(content: bytes | memoryview) -> bytes:
    return hashlib.blake2b(content, digest_size=DIGEST_BYTES).digest()
