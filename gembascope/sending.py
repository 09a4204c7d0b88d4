"""Events of a file, a list or a frame as bodies of requests, and what became of all of them together."""

from __future__ import annotations

import gzip
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from ingest.formats.compression import open_bounded
from kernel.errors import InputError, UnreadableFile
from mining.answers import Document

BODY_EVENTS = 5_000
BODY_BYTES = 8 << 20
"""What one request holds: half of what a service takes."""
LONGEST_ARRAY_BYTES = 1 << 30

_raws = msgspec.json.Decoder(list[msgspec.Raw])
_raw = msgspec.json.Decoder(msgspec.Raw)


def bodies(events: Iterable[bytes]) -> Iterator[bytes]:
    """Events, each as JSON, as JSON arrays for one request each."""
    pieces: list[bytes] = []
    size = 0
    for event in events:
        if pieces and (len(pieces) == BODY_EVENTS or size + len(event) > BODY_BYTES):
            yield b"[" + b",".join(pieces) + b"]"
            pieces, size = [], 0
        pieces.append(event)
        size += len(event) + 1
    if pieces:
        yield b"[" + b",".join(pieces) + b"]"


def packed(body: bytes) -> bytes:
    """A body as it is sent."""
    return gzip.compress(body, compresslevel=1)


def events_of_file(path: Path) -> Iterator[bytes]:
    """The events of a file, as they are written: NDJSON, or one JSON array; gzip as well.

    Raises
    ------
    UnreadableFile
        There is no such file, or it is neither.
    """
    if not path.is_file():
        raise UnreadableFile(f"{path}: there is no such file")
    with open_bounded(path) as stream:
        for number, line in enumerate(stream, start=1):
            if number == 1 and line.lstrip().startswith(b"["):
                yield from _array(path, line + stream.read(LONGEST_ARRAY_BYTES))
                return
            if line.strip():
                yield _checked(path, number, line.strip())


def _array(path: Path, content: bytes) -> list[bytes]:
    if len(content) >= LONGEST_ARRAY_BYTES:
        raise UnreadableFile(f"{path}: an array of more than {LONGEST_ARRAY_BYTES:,} bytes; write one event per line")
    try:
        return [bytes(raw) for raw in _raws.decode(content)]
    except (msgspec.MsgspecError, RecursionError) as error:
        raise UnreadableFile(f"{path}: no JSON array of events: {error}") from None


def _checked(path: Path, number: int, line: bytes) -> bytes:
    try:
        return bytes(_raw.decode(line))
    except (msgspec.MsgspecError, RecursionError) as error:
        raise UnreadableFile(f"{path}: line {number} is no JSON: {error}") from None


def events_of_rows(rows: Iterable[Mapping[str, Any]] | pl.DataFrame) -> Iterator[bytes]:
    """Events given as dicts or as a frame with columns of their names. What is null is left out. `attributes` may be
    JSON text.

    Raises
    ------
    InputError
        A value is none that JSON can hold.
    """
    given = rows.iter_rows(named=True) if isinstance(rows, pl.DataFrame) else rows
    for number, row in enumerate(given):
        event = {name: value for name, value in row.items() if value is not None}
        if isinstance(event.get("attributes"), str):
            event["attributes"] = msgspec.Raw(event["attributes"].encode())
        if not _finite(event):
            raise InputError(f"event {number}: NaN and infinities are no numbers")
        try:
            yield msgspec.json.encode(event)
        except (TypeError, ValueError, UnicodeEncodeError, OverflowError, RecursionError) as error:
            raise InputError(f"event {number}: {error}") from None


def _finite(value: Any) -> bool:
    """Whether there is no NaN and no infinity in it; encoded, they would be null without a word."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(map(_finite, value.values()))
    return not isinstance(value, list | tuple) or all(map(_finite, value))


def summed(answers: Sequence[Document]) -> Document:
    """What became of several requests, as of one: received = accepted + quarantined. `index` counts over all."""
    quarantined: list[Document] = []
    received = 0
    for answer in answers:
        quarantined += [one | {"index": one["index"] + received} for one in answer["quarantined"]]
        received += answer["received"]
    return {
        "received": received,
        "accepted": sum(answer["accepted"] for answer in answers),
        "quarantined": quarantined,
        "receipts": [answer["receipt"] for answer in answers if answer["receipt"]],
    }
