"""XES in pieces, and what the reader makes of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from ingest.formats.base import Batch
from ingest.formats.xes import XesReader
from kernel.events import EVENT_FRAME, OBJECT_FRAME

NOON = '<date key="time:timestamp" value="2024-05-01T12:00:00.000+02:00"/>'
NAME = '<string key="concept:name" value="A"/>'
CASE = '<string key="concept:name" value="C1"/>'


def trace(*events: str, head: str = CASE) -> str:
    return f"<trace>{head}{''.join(f'<event>{event}</event>' for event in events)}</trace>"


def read(folder: Path, *traces: str, **options: Any) -> Batch:
    path = folder / "log.xes"
    path.write_text(f"<log>{''.join(traces)}</log>", encoding="utf-8")
    return joined(XesReader(path, object_type="case", **options).batches())


def joined(batches: Iterator[Batch]) -> Batch:
    pieces = list(batches)
    for piece in pieces:
        assert piece.events.schema == EVENT_FRAME
        assert piece.objects.schema == OBJECT_FRAME
    return Batch(
        events=pl.concat(piece.events for piece in pieces),
        objects=pl.concat(piece.objects for piece in pieces),
        rejected=[rejected for piece in pieces for rejected in piece.rejected],
        bytes_read=pieces[-1].bytes_read,
    )


def only_event(folder: Path, body: str, **options: Any) -> dict[str, Any]:
    batch = read(folder, trace(body), **options)
    assert batch.rejected == []
    row: dict[str, Any] = batch.events.row(0, named=True)
    return row


def attributes(folder: Path, body: str, **options: Any) -> Any:
    return json.loads(only_event(folder, NAME + NOON + body, **options)["attributes"])


def reason(folder: Path, body: str, **options: Any) -> str:
    batch = read(folder, trace(body), **options)
    assert len(batch.events) == 0
    (rejected,) = batch.rejected
    assert rejected.position == "trace 1, event 1"
    return rejected.reason


SEED = f"""<?xml version="1.0"?><log><global scope="event">{NAME}</global>{
    trace(
        NAME + NOON + '<int key="i" value="1"/><float key="f" value="2.5"/><boolean key="b" value="true"/>',
        NAME + NOON + '<list key="l"><values><id key="x" value="y"/></values></list>',
        head=CASE + '<date key="d" value="2024-05-01T12:00:00Z"/>',
    )
}<!-- c --></log>""".encode()
