"""A delivery taken apart into records, each with the bytes that it was written in.

A delivery, or a part of one, that cannot be read is a record too: one that says why. Its bytes are kept, and what is
beside it is read. Headers of the names below come with what was quarantined of a table or a journal: a line alone does
not say what its columns are.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

import msgspec

from ingest.event_array import pieces
from ingest.event_form import MAX_EVENTS
from ingest.mappings.edifact import messages
from ingest.mappings.engines.camunda import instance
from ingest.mappings.engines.n8n import execution
from ingest.mappings.engines.temporal import history
from ingest.mappings.pack import Decode
from ingest.mappings.strict_json import NotJson, loads
from ingest.sources.delivery import Delivery
from kernel.errors import InputError

COLUMNS = "gembascope-columns"
CONTEXT = "gembascope-context"
LONGEST_LINE = 1 << 20


@dataclass(frozen=True, slots=True)
class Record:
    """What an event can be made of."""

    body: Any
    raw: bytes
    unfit: str = ""
    """Why it cannot be read; then `body` is null."""
    context: Mapping[str, Any] = field(default_factory=dict)
    """What lines before it said."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """What it takes to read `raw` alone."""


def records(delivery: Delivery, decode: Decode) -> Iterator[Record]:
    """The records of a delivery, in their order; one of more than MAX_EVENTS is unfit as a whole."""
    found = list(DECODERS[decode.format](delivery, decode))
    if len(found) > MAX_EVENTS:
        reason = f"a delivery has at most {MAX_EVENTS:,} records; this one has {len(found):,}"
        return iter([Record(None, delivery.body, reason)])
    return iter(found)


def _json(delivery: Delivery, decode: Decode) -> Iterator[Record]:
    yield _json_record(delivery.body)


def _n8n_execution(delivery: Delivery, decode: Decode) -> Iterator[Record]:
    """A document of one execution, as `engines` makes it."""
    found = _json_record(delivery.body)
    yield replace(found, body=execution(found.body))


def _temporal_history(delivery: Delivery, decode: Decode) -> Iterator[Record]:
    """A document of one execution, as `engines` makes it."""
    found = _json_record(delivery.body)
    yield replace(found, body=history(found.body, delivery.key))


def _camunda_instance(delivery: Delivery, decode: Decode) -> Iterator[Record]:
    """A document of one process instance, as `engines` makes it."""
    found = _json_record(delivery.body)
    yield replace(found, body=instance(found.body))


def _json_record(raw: bytes) -> Record:
    try:
        return Record(loads(raw), raw)
    except NotJson as error:
        return Record(None, raw, str(error))


def _json_array(delivery: Delivery, decode: Decode) -> Iterator[Record]:
    if not delivery.body.lstrip().startswith(b"["):
        yield _json_record(delivery.body)
        return
    try:
        for text, _, _ in pieces(delivery.body.strip()):
            yield _json_record(text.encode())
    except InputError as error:
        yield Record(None, delivery.body, str(error))


def _json_lines(delivery: Delivery, decode: Decode) -> Iterator[Record]:
    for line in delivery.body.split(b"\n"):
        if line := line.strip():
            yield _json_record(line)


def _table(delivery: Delivery, decode: Decode) -> Iterator[Record]:
    """One record per row, by the names of the columns, or per group of rows."""
    found = _rows(delivery, decode)
    return _grouped(found, decode.group) if decode.group else found


def _grouped(rows: Iterator[Record], column: str) -> Iterator[Record]:
    """Rows that belong together as one record; one that cannot be read stands alone."""
    for _, some in groupby(rows, key=lambda one: (one.unfit, one.body and one.body.get(column))):
        group = list(some)
        if group[0].unfit:
            yield from group
        else:
            body = {**group[0].body, "rows": [one.body for one in group]}
            yield replace(group[0], body=body, raw=b"\n".join(one.raw for one in group))


def _rows(delivery: Delivery, decode: Decode) -> Iterator[Record]:
    columns = list(decode.columns)
    if given := delivery.headers.get(COLUMNS):
        columns = msgspec.json.decode(given, type=list[str])
    try:
        lines = _Lines(delivery.body.decode(decode.encoding))
    except UnicodeDecodeError as error:
        yield Record(None, delivery.body, f"this is not {decode.encoding} text (byte {error.start})")
        return
    rows = csv.reader(lines, delimiter=decode.delimiter, strict=True)
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield Record(None, lines.taken(decode.encoding), f"the row cannot be read: {error}", headers=_told(columns))
            continue
        raw = lines.taken(decode.encoding)
        if not row:
            continue
        if not columns:
            columns = row
            if len(set(columns)) < len(columns):
                yield Record(None, delivery.body, "the header names a column twice")
                return
        elif len(row) != len(columns):
            reason = f"the row has {len(row)} fields, and the table {len(columns)} columns"
            yield Record(None, raw, reason, headers=_told(columns))
        else:
            yield Record(dict(zip(columns, row, strict=True)), raw, headers=_told(columns))


def _told(columns: list[str]) -> dict[str, str]:
    return {COLUMNS: msgspec.json.encode(columns).decode()} if columns else {}


class _Lines:
    """Lines for the csv module that remembers which it has taken since it was asked."""

    def __init__(self, text: str) -> None:
        self._lines = io.StringIO(text, newline="")
        self._taken: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self._taken.append(line)
        return line

    def taken(self, encoding: str) -> bytes:
        found = "".join(self._taken)
        self._taken.clear()
        return found.rstrip("\r\n").encode(encoding)


def _journal(delivery: Delivery, decode: Decode) -> Iterator[Record]:
    """One record per line; lines whose first field is one of `context` say something of those after them."""
    try:
        text = delivery.body.decode(decode.encoding)
    except UnicodeDecodeError as error:
        yield Record(None, delivery.body, f"this is not {decode.encoding} text (byte {error.start})")
        return
    context: dict[str, Any] = {}
    if given := delivery.headers.get(CONTEXT):
        context = msgspec.json.decode(given, type=dict[str, Any])
    for line in text.split("\n"):
        line = line.rstrip("\r")
        if not line:
            continue
        fields = line.split(decode.delimiter)
        own = decode.context.get(fields[0])
        columns = decode.columns if own is None else own
        kept = {CONTEXT: msgspec.json.encode(context).decode()} if context else {}
        if len(line) > LONGEST_LINE or len(fields) != len(columns):
            reason = f"the line has {len(fields)} fields instead of {len(columns)}"
            yield Record(None, line.encode(decode.encoding), reason, headers=kept)
        elif own is not None:
            context = {**context, **dict(zip(columns, fields, strict=True))}
        else:
            body = dict(zip(columns, fields, strict=True))
            yield Record(body, line.encode(decode.encoding), context=context, headers=kept)


def _edifact(delivery: Delivery, decode: Decode) -> Iterator[Record]:
    """One record per message."""
    try:
        text = delivery.body.decode(decode.encoding)
    except UnicodeDecodeError as error:
        yield Record(None, delivery.body, f"this is not {decode.encoding} text (byte {error.start})")
        return
    for raw, message, unfit in messages(text):
        yield Record(message, raw.encode(decode.encoding), unfit)


def _text(delivery: Delivery, decode: Decode) -> Iterator[Record]:
    try:
        yield Record(delivery.body.decode(decode.encoding), delivery.body)
    except UnicodeDecodeError as error:
        yield Record(None, delivery.body, f"this is not {decode.encoding} text (byte {error.start})")


DECODERS: Mapping[str, Callable[[Delivery, Decode], Iterator[Record]]] = {
    "json": _json,
    "json_array": _json_array,
    "json_lines": _json_lines,
    "table": _table,
    "journal": _journal,
    "edifact": _edifact,
    "text": _text,
    "n8n_execution": _n8n_execution,
    "temporal_history": _temporal_history,
    "camunda_instance": _camunda_instance,
}
