"""What XES has no standard key for, under keys of our own: written by `ingest.export.xes`, lifted back on reading.

Attributes of an event, all strings (FIELDS): one per field of the event that XES lacks, written only where the reader
would not find the same value without it; `gembascope:source`, the system that told it; `gembascope:objects`, a JSON
list of [type, id, qualifier] in place of the trace's own object; `gembascope:attributes`, a JSON object of attributes
that XES cannot carry (a null, a key that means a field of the event); `gembascope:repeats` "true" on an event that an
earlier trace of the file gave too. `gembascope:sequence` becomes the extra column `own_sequence` of a frame, and the
source the extra column `source`: both are null where an event does not state it.
Attributes of a trace: `gembascope:type`, the object type of the case; `gembascope:attributes` as above.

A word outside a closed list, and JSON that is none, refuse the event.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec
import polars as pl

from kernel.attributes import encode
from kernel.events import EVENT_FRAME, PRECISIONS

MARK = "gembascope:"
TYPE, ATTRIBUTES, OBJECTS, REPEATS, SOURCE = (
    MARK + name for name in ("type", "attributes", "objects", "repeats", "source")
)

FIELDS: Mapping[str, str] = {
    MARK + "event_id": "source_event_id",
    MARK + "precision": "precision",
    MARK + "time_kind": "time_kind",
    MARK + "seen_at": "seen_at",
    MARK + "sequence": "sequence",
    MARK + "revision": "revision",
    MARK + "actor_kind": "actor_kind",
    MARK + "outcome": "outcome",
    MARK + "error_code": "error_code",
    MARK + "value": "value",
    MARK + "currency": "currency",
    MARK + "trace_id": "trace_id",
    MARK + "span_id": "span_id",
    SOURCE: "source",
    OBJECTS: "objects",
    ATTRIBUTES: "attributes",
    REPEATS: "repeats",
}
"""Key to what it means."""

APART = ("source", "sequence", "objects", "repeats")
"""What is lifted into columns of its own, `MARK` before their names: batches put them in place at their end."""

_CLOSED: Mapping[str, tuple[str, ...]] = {
    "precision": PRECISIONS,
    "time_kind": ("happened", "entered", "posted"),
    "actor_kind": ("human", "system", "agent"),
    "outcome": ("ok", "error", "retry", "timeout", "rejected"),
    "repeats": ("true",),
}
_Pairs = dict[str, msgspec.Raw]
_decode_attributes = msgspec.json.Decoder(_Pairs).decode
_decode_objects = msgspec.json.Decoder(list[tuple[str, str, str]]).decode


def lifted(field: str, texts: pl.Series, data: Mapping[str, pl.Series], bad: dict[int, str]) -> pl.Series:
    """The column of `field` from its written texts; what cannot be it is noted in `bad` by row."""
    if field == "attributes":
        own = data["attributes"].to_list()
        merged = [_read(field, row, text, bad, _merging(own[row])) for row, text in enumerate(texts)]
        return pl.Series(field, merged, dtype=pl.String)
    if field == "objects":
        read = [_read(field, row, text, bad, read_objects) for row, text in enumerate(texts)]
        return pl.Series(MARK + field, read, dtype=EVENT_FRAME["objects"])
    if field == "seen_at":
        return pl.Series(
            [_read(field, row, text, bad, _instant) for row, text in enumerate(texts)], dtype=_dtype(field)
        )
    if field in _CLOSED:
        for row in (~texts.is_in(list(_CLOSED[field]))).arg_true().to_list():
            bad.setdefault(row, f"its {MARK}{field} is {texts[row]!r:.60}, not one of {', '.join(_CLOSED[field])}")
    elif field in ("sequence", "revision", "value"):
        fits = r"^[0-9]{1,20}$" if field != "value" else r"^-?[0-9]{1,32}(\.[0-9]{1,6})?$"
        read_numbers = texts.set(~texts.str.contains(fits), None).cast(_dtype(field), strict=False)
        for row in read_numbers.is_null().arg_true().to_list():
            bad.setdefault(row, f"its {MARK}{field} is {texts[row]!r:.60}, not a number of that kind")
        texts = read_numbers if field == "value" else read_numbers.fill_null(0)
    return texts.alias(MARK + field if field in APART else field)


def read_objects(text: str) -> list[dict[str, str]]:
    """A list of [type, id, qualifier] as references. ValueError where it is none, is empty or names nothing."""
    read = _decode_objects(text)
    if not read or not all(kind and name for kind, name, _ in read) or "\\u0000" in text:
        raise ValueError("an object needs a type and an id")
    return [{"type": kind, "id": name, "qualifier": qualifier} for kind, name, qualifier in read]


def trace_rows(key: str, value: str) -> list[tuple[str, str]]:
    """What a trace attribute says, as pairs of name and JSON value: itself, or those that `ATTRIBUTES` holds.

    Raises ValueError where that is no JSON object.
    """
    if key != ATTRIBUTES:
        return [(key, value)]
    try:
        held = _decode_attributes(msgspec.json.decode(value, type=str))
    except msgspec.MsgspecError:
        raise ValueError(f"its {ATTRIBUTES} is not a JSON object in a string") from None
    return [(name, msgspec.json.encode(msgspec.json.decode(raw)).decode()) for name, raw in held.items() if name]


def _merging(own: str) -> Callable[[str], str]:
    def merge(text: str) -> str:
        more = {name: msgspec.json.decode(raw) for name, raw in _decode_attributes(text).items()}
        return encode(_decode_attributes(own) | more)

    return merge


def _read(field: str, row: int, text: str, bad: dict[int, str], how: Callable[[str], Any]) -> Any:
    try:
        return how(text)
    except (msgspec.MsgspecError, ValueError):
        bad.setdefault(row, f"its {MARK}{field} is {text!r:.60}, which cannot be read")
        return None


def _instant(text: str) -> datetime:
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00", text):
        raise ValueError("not an instant in UTC")
    return datetime.fromisoformat(text)


def _dtype(field: str) -> pl.DataType:
    return EVENT_FRAME[field]
