"""Events in the form of `POST /api/v1/events`, one JSON object per line: history in the form that news has.

They bring what a table cannot: several objects of one event, their attributes as they change, links between them, and
the system that each event is from. An event that was sent before, or is sent later, is the same one.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import msgspec
import polars as pl

from ingest.event_form import MAX_EVENTS
from ingest.event_rows import Sent
from ingest.events_json import read_events
from ingest.formats.base import BATCH_ROWS, Batch, Limits, Rejected
from ingest.formats.compression import open_bounded
from kernel.errors import UnreadableFile

MOST_BYTES = 32 << 20
"""Of the lines of a batch, by which it ends early."""
LONGEST_RAW = 10_000
"""Of what is rejected, so many characters are kept."""


class _Reference(msgspec.Struct):
    type: str
    id: str


class _Head(msgspec.Struct):
    """What an event in this form has, and a row of a table hardly."""

    id: str
    activity: str
    occurred_at: str
    objects: list[_Reference]


_head = msgspec.json.Decoder(_Head)
_line = msgspec.json.Decoder(msgspec.Raw)


def is_event(line: str) -> bool:
    """Whether a line of a file looks like an event in this form."""
    try:
        return bool(_head.decode(line).objects)
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        return False


class EventsReader:
    """Reads such a file. `source`: of the events that name none; `now`: when those are seen that do not say.

    A line that is no event is rejected with its number. An empty `source` rejects events that name none.
    """

    def __init__(self, path: Path, *, source: str, now: datetime, limits: Limits | None = None) -> None:
        self._path, self._source, self._now = path, source, now
        self._limits = limits or Limits()

    def batches(self) -> Iterator[Batch]:
        """As `Reader.batches`; the events of a batch are in file order, source by source."""
        with open_bounded(self._path, self._limits) as stream:
            lines: list[tuple[int, bytes]] = []
            rejected: list[Rejected] = []
            size = 0
            for number, line in self._lines(io.BufferedReader(stream, 1 << 20)):
                reason = _unreadable(line)
                if reason:
                    rejected.append(Rejected(f"line {number}", reason, _text(line)))
                else:
                    lines.append((number, line))
                size += len(line)
                if len(lines) + len(rejected) == BATCH_ROWS or size >= MOST_BYTES:
                    yield self._batch(lines, rejected, stream.bytes_read)
                    lines, rejected, size = [], [], 0
            if lines or rejected:
                yield self._batch(lines, rejected, stream.bytes_read)

    def _lines(self, stream: io.BufferedReader) -> Iterator[tuple[int, bytes]]:
        """Lines that are not blank, numbered from 1."""
        number, longest = 0, self._limits.max_item_bytes
        while line := stream.readline(longest + 1):
            number += 1
            if len(line) > longest:
                raise UnreadableFile(f"{self._path.name}: line {number} is longer than the limit")
            if line := line.strip():
                yield number, line

    def _batch(self, lines: list[tuple[int, bytes]], rejected: list[Rejected], bytes_read: int) -> Batch:
        sent: list[Sent] = []
        pieces = []
        for first in range(0, len(lines), MAX_EVENTS):
            some = lines[first : first + MAX_EVENTS]
            parts = read_events(b"[" + b",".join(line for _, line in some) + b"]", self._source, self._now)
            for one in (one for part in parts for one in part.refused):
                pieces.append(Rejected(f"line {some[one.index][0]}", one.reason, one.raw.decode()[:LONGEST_RAW]))
            sent += parts
        batch = Batch(rejected=[*rejected, *pieces], bytes_read=bytes_read)
        kept = [part for part in sent if part.accepted]
        if kept:
            batch.events = _together(kept, "events")
            batch.objects = _together(kept, "objects").drop("row")
            batch.links = _together(kept, "links").drop("row")
        return batch


def _together(sent: Sequence[Sent], what: str) -> pl.DataFrame:
    """One frame of all, each row with its source."""
    frames: list[pl.DataFrame] = [
        getattr(part, what).with_columns(pl.lit(part.source).alias("source")) for part in sent
    ]
    return pl.concat(frames)


def _unreadable(line: bytes) -> str:
    """Why a line would spoil the lines beside it; "" for one that is JSON."""
    try:
        line.decode()
        _line.decode(line)
    except UnicodeDecodeError as error:
        return f"this is not UTF-8 text (byte {error.start})"
    except msgspec.MsgspecError as error:
        return f"this is not JSON: {error}"
    except RecursionError:
        return "values are nested too deeply"
    return ""


def _text(line: bytes) -> str:
    return line[:LONGEST_RAW].decode("utf-8", "replace")
