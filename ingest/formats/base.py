"""What a file reader gives, and the limits that every reader keeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import polars as pl

from kernel.events import EVENT_FRAME, LINK_FRAME, OBJECT_FRAME

BATCH_ROWS = 50_000
"""Rows per batch: enough for the warehouse (10,000 or more), little enough for bounded memory."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a hostile file may cost. A file past a limit raises `UnreadableFile`."""

    max_bytes: int = 64 << 30  # of the file once decompressed
    max_ratio: int = 250  # decompressed bytes per compressed byte, judged once past `ratio_free_bytes`
    ratio_free_bytes: int = 64 << 20
    max_depth: int = 32  # of nested elements or values
    max_field_bytes: int = 8 << 20  # of one value
    max_item_bytes: int = 64 << 20  # of one event, trace head or JSON line


@dataclass(frozen=True, slots=True)
class Rejected:
    """A piece of a file that cannot become an event: where, why, and what it was."""

    position: str  # "row 17", "line 4", "trace 3, event 2", "event e-19"
    reason: str
    raw: str | bytes  # the piece itself: of a file at most 10,000 characters, of a delivery every byte
    key: str = ""  # of the delivery that it came in
    headers: Mapping[str, str] = field(default_factory=dict)  # of that delivery


@dataclass(slots=True)
class Batch:
    """The next piece of a file, in file order. A column `source`, of each of the three, overrides the load's."""

    events: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=EVENT_FRAME))
    objects: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=OBJECT_FRAME))
    links: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=LINK_FRAME))
    rejected: list[Rejected] = field(default_factory=list)
    bytes_read: int = 0  # of the file so far, compressed bytes where it is compressed


class Reader(Protocol):
    """Reads one file once, streaming: memory does not grow with the file.

    `batches` yields at most about `BATCH_ROWS` events at a time and raises `UnreadableFile` when the file is
    truncated, malformed as a whole or past a limit, `MappingError` when a named column or key is absent.
    Every event of the file is either in one batch's `events` or in one batch's `rejected`.
    """

    def batches(self) -> Iterator[Batch]: ...
