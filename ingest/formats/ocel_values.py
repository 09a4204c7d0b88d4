"""OCEL attribute values, read and written.

OCEL 2.0 knows five kinds of attribute: string, time, integer, float and boolean. Values of no kind (lists,
attributes with attributes of their own, null) and values that differ from the kind declared for their
attribute are written as the text `gembascope:json:` followed by their JSON, so that reading restores them. A
text that begins with that mark by itself is written in the same way.

Two more marks carry what OCEL cannot say. An event attribute `gembascope:FIELD` holds a field of the event
that OCEL lacks (lifecycle, outcome, currency and so on); it is written only where the field is not the
default. `gembascope:LENGTH:TYPE:ID` is the id of an object whose plain id belongs to an object of another
type, since OCEL ids are unique over all types while ours are unique within one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, Literal

import msgspec

from kernel.attributes import date_value, encode_value
from kernel.errors import UnreadableFile
from kernel.events import PRECISIONS

Kind = Literal["string", "time", "integer", "float", "boolean"]
KINDS: tuple[Kind, ...] = ("string", "time", "integer", "float", "boolean")

MARK = "gembascope:"
JSON_MARK = "gembascope:json:"
OVERFLOW = "gembascope:attributes"
"""The attribute that holds, as a JSON object, attributes whose names a file cannot carry: a column that
SQLite takes for another one or for its own, or a name that begins with `gembascope:`."""

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
BEGINNING = "1970-01-01T00:00:00Z"
"""The change time of a value that holds from the beginning, as the standard writes it."""

BEGINNING_US = 14 * 3_600_000_000
"""Change times up to 14 hours past `BEGINNING`, and all earlier ones, also mean "from the beginning": public
files hold that midnight in their authors' local time (`1970-01-01 01:00:00` in Aachen)."""

ACTOR_ATTRIBUTES = ("org:resource", "resource")

_INTEGER = re.compile(r"[+-]?[0-9]{1,40}")
_FLOAT = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_DECLARED: Mapping[str, Kind] = {
    "string": "string",
    "text": "string",
    "time": "time",
    "date": "time",
    "datetime": "time",
    "timestamp": "time",
    "integer": "integer",
    "int": "integer",
    "float": "float",
    "real": "float",
    "double": "float",
    "boolean": "boolean",
    "bool": "boolean",
}

FIELD_KINDS: Mapping[str, Kind] = {
    "lifecycle": "string",
    "precision": "string",
    "time_kind": "string",
    "started_at": "time",
    "seen_at": "time",
    "sequence": "integer",
    "actor": "string",
    "actor_kind": "string",
    "outcome": "string",
    "error_code": "string",
    "value": "string",
    "currency": "string",
    "trace_id": "string",
    "span_id": "string",
    "revision": "integer",
    "source": "string",
}
"""The event fields that OCEL lacks, with the kind of the attribute that carries each. `source`, the system that told
the event, is an extra column of a frame and is there only where any event names one."""

_CLOSED: Mapping[str, tuple[str, ...]] = {
    "precision": PRECISIONS,
    "time_kind": ("happened", "entered", "posted"),
    "actor_kind": ("", "human", "system", "agent"),
    "outcome": ("", "ok", "error", "retry", "timeout", "rejected"),
}


def declared_kind(name: str) -> Kind | None:
    """The kind that a file means by `name`, in words of OCEL, SQLite or other writers; None if unknown."""
    return _DECLARED.get(name.strip().lower())


def kind_of(value: Any) -> Kind | None:
    """The kind of an attribute value as `kernel.attributes` types it; None where OCEL has none."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return None if value.startswith(JSON_MARK) else "string"
    if isinstance(value, int):
        return "integer" if -(2**63) <= value < 2**63 else None
    if isinstance(value, float):
        return "float" if math.isfinite(value) else None
    if isinstance(value, dict) and len(value) == 1 and isinstance(value.get("$date"), str):
        return "time" if _is_canonical(value["$date"]) else None
    return None


def merged_kind(one: Kind | None, other: Kind | None) -> Kind:
    """The kind to declare for an attribute that holds both: float covers integer, string covers all."""
    if one is not None and one == other:
        return one
    return "float" if {one, other} == {"integer", "float"} else "string"


def written(value: Any, kind: Kind) -> str | int | float | bool:
    """`value` for a file in which its attribute is declared as `kind`; times as ISO 8601 text in UTC."""
    own = kind_of(value)
    if own == "integer" and kind == "float" and abs(value) <= 2**53:
        return float(value)
    if own != kind or own is None:
        return JSON_MARK + encode_value(value)
    plain: str | int | float | bool = value["$date"] if own == "time" else value
    return plain


def written_text(value: Any, kind: Kind) -> str:
    """`written` as text, for files whose values are all text."""
    plain = written(value, kind)
    if isinstance(plain, bool):
        return "true" if plain else "false"
    return plain if isinstance(plain, str) else encode_value(plain)


def restored(text: str) -> Any:
    """The value behind a text that begins with `JSON_MARK`; the text itself where that is no JSON."""
    try:
        return msgspec.json.decode(text[len(JSON_MARK) :])
    except (msgspec.MsgspecError, RecursionError):
        return text


def number_or_text(text: str, kind: Kind) -> Any:
    """The value of a text declared as `integer`, `float` or `boolean`; the text itself where it is none."""
    stripped = text.strip()
    if kind == "integer" and _INTEGER.fullmatch(stripped):
        return int(stripped)
    if kind == "float" and _FLOAT.fullmatch(stripped):
        number = float(stripped)
        return number if math.isfinite(number) else text
    if kind == "boolean" and stripped.lower() in ("true", "false", "1", "0"):
        return stripped.lower() in ("true", "1")
    return text


def nested_value(value: Any, depth: int) -> Any:
    """A JSON value of a file as attribute value: arrays and objects become `$list`.

    Raises `UnreadableFile` past `depth` levels.
    """
    if not isinstance(value, list | dict):
        return value
    if depth <= 0:
        raise UnreadableFile("a value is nested too deeply")
    pairs = value.items() if isinstance(value, dict) else (("", item) for item in value)
    return {"$list": [[key, nested_value(item, depth - 1)] for key, item in pairs]}


def check_text(text: str) -> None:
    """ValueError if `text` holds NUL or half of a surrogate pair, which no store of ours can keep."""
    if "\0" in text:
        raise ValueError("text holds a NUL character")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ValueError("text is not valid Unicode") from error


def check_value(value: Any, depth: int) -> None:
    """ValueError if `value` holds text that `check_text` refuses, `UnreadableFile` past `depth` levels."""
    if isinstance(value, str):
        check_text(value)
    elif isinstance(value, list | dict):
        if depth <= 0:
            raise UnreadableFile("a value is nested too deeply")
        for item in value if isinstance(value, list) else (*value, *value.values()):
            check_value(item, depth - 1)


def moment(instant_us: int) -> datetime:
    """The aware datetime of UTC microseconds since 1970."""
    return EPOCH + timedelta(microseconds=instant_us)


def actor_of(attributes: Mapping[str, Any]) -> str:
    """Who acted, by the resource attribute of an event; "" where it has none or none that is text."""
    for name in ACTOR_ATTRIBUTES:
        value = attributes.get(name)
        if isinstance(value, str):
            return value
    return ""


def accepts_field(field: str, value: Any) -> bool:
    """Whether `value` is one that the event field may take, so that a foreign file cannot invent values."""
    if field in _CLOSED:
        return value in _CLOSED[field]
    if FIELD_KINDS[field] == "time":
        return kind_of(value) == "time"
    if FIELD_KINDS[field] == "integer":
        return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**64
    if field == "value":
        return isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,32}(\.[0-9]{1,6})?", value) is not None
    return isinstance(value, str) and (field != "source" or value != "")


def renamed_object(object_type: str, object_id: str) -> str:
    """The id to write for an object whose plain id is taken."""
    return f"{MARK}{len(object_type)}:{object_type}:{object_id}"


def original_object(object_type: str, written_id: str) -> str:
    """The id behind one that `renamed_object` made; any other id as it is."""
    if not written_id.startswith(MARK):
        return written_id
    return written_id.removeprefix(f"{MARK}{len(object_type)}:{object_type}:")


def renamed_event(number: int, event_id: str) -> str:
    """The id to write for the event `number`, whose own id is empty or taken."""
    return f"{MARK}event:{number}:{event_id}"


def original_event(written_id: str) -> str:
    """The id behind one that `renamed_event` made; any other id as it is."""
    match = re.match(r"gembascope:event:[0-9]+:", written_id) if written_id.startswith(MARK) else None
    return written_id[match.end() :] if match else written_id


def _is_canonical(text: str) -> bool:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return False
    return when.tzinfo is not None and date_value(when)["$date"] == text
