"""What a spool entry holds: the frames of its events, as bytes and back."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from typing import Any

import msgspec
import polars as pl

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
    payload = _Payload(FORM, _bytes(sent.events), _bytes(sent.objects), _bytes(sent.links), refused)
    content = msgspec.msgpack.encode(payload)
    return content + _digest(content)


def together(entries: Iterable[tuple[str, bytes]]) -> Waiting:
    """Entries, each with its receipt, as one.

    Raises
    ------
    StateError
        An entry is not what was written.
    """
    events, objects, links, refused, offset = [], [], [], [], 0
    for receipt, content in entries:
        if _digest(content[:-DIGEST_BYTES]) != content[-DIGEST_BYTES:]:
            raise StateError(f"the spool entry {receipt} was damaged after it was written: restore it from a backup")
        payload = msgspec.msgpack.decode(memoryview(content)[:-DIGEST_BYTES], type=_Payload)
        if payload.form == TEXT_FORM:
            payload.refused = [(*most, raw.encode()) for *most, raw in payload.refused]
        elif payload.form != FORM:
            raise StateError(f"the spool entry {receipt} has form {payload.form}, which this version does not know")
        events.append(_frame(payload.events, EVENT_FRAME))
        moved = pl.col("row") + offset
        objects.append(_frame(payload.objects, OBJECT_ROWS).with_columns(moved))
        links.append(_frame(payload.links, LINK_ROWS).with_columns(moved))
        refused += [(receipt, Refused(*one)) for one in payload.refused]
        offset += events[-1].height
    return Waiting(
        pl.concat([pl.DataFrame(schema=EVENT_FRAME), *events]),
        pl.concat([pl.DataFrame(schema=OBJECT_ROWS), *objects]),
        pl.concat([pl.DataFrame(schema=LINK_ROWS), *links]),
        tuple(refused),
    )


def _bytes(frame: pl.DataFrame) -> bytes:
    if frame.is_empty():
        return b""
    sink = io.BytesIO()
    frame.write_ipc(sink, compression="lz4")
    return sink.getvalue()


def _frame(content: bytes, schema: pl.Schema) -> pl.DataFrame:
    return pl.read_ipc(io.BytesIO(content)) if content else pl.DataFrame(schema=schema)


def _digest(content: bytes | memoryview) -> bytes:
    return hashlib.blake2b(content, digest_size=DIGEST_BYTES).digest()
