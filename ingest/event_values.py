"""What the fields of an event may hold beyond their types, and what becomes of it."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

from ingest.event_form import MAX_DEPTH, Event, Unfit
from ingest.formats.ocel_values import nested_value
from kernel.attributes import date_value

MAX_VALUE_CHARACTERS = 64 << 10
"""Of all attributes of an event, and of one of an object, as JSON."""
FIRST, LAST = datetime(1970, 1, 1, tzinfo=timezone.utc), datetime(2200, 1, 1, tzinfo=timezone.utc)
NUL = rb"\u0000"
"""The only way to write it in a text of JSON."""
_PLAIN = frozenset({str, float, bool, type(None)})
"""Of values that are kept as they are, whatever they are."""
_STAMP = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(?P<s>:\d\d(?:\.(?P<f>\d{1,9}))?)?(?P<zone>[Zz]|[+-]\d\d:?\d\d)?", re.ASCII
)


def check_texts(event: Event) -> None:
    for name in ("id", "activity", "lifecycle", "actor", "error_code", "currency", "trace_id", "span_id"):
        _check_text(name, getattr(event, name))
    for one in event.objects:
        for text in (one.type, one.id, one.qualifier):
            _check_text("objects", text)
        for name, value in one.attributes.items():
            _check_nul(name, value)
    for name, value in event.attributes.items():
        _check_nul(name, value)
    for link in event.links:
        for text in (link.from_.type, link.from_.id, link.to.type, link.to.id, link.qualifier):
            _check_text("links", text)
    for change in event.changes:
        for text in (change.type, change.id):
            _check_text("changes", text)
        _check_nul(change.attribute, change.value)


def _check_nul(name: str, value: Any) -> None:
    if isinstance(value, list | dict):
        for item in value if isinstance(value, list) else (*value, *value.values()):
            _check_nul(name, item)
    for text in (name, value):
        if isinstance(text, str):
            _check_text(f"attributes.{name}".replace("\0", ""), text)


def _check_text(where: str, text: str) -> None:
    if "\0" in text:
        raise Unfit(f"{where}: text holds a NUL character")


def check_length(where: str, written: str) -> None:
    if len(written) > MAX_VALUE_CHARACTERS:
        raise Unfit(f"{where}: {len(written):,} characters as JSON; at most {MAX_VALUE_CHARACTERS:,}")


def instant(name: str, text: str) -> tuple[datetime, str]:
    """The instant in UTC, and how exact it is written."""
    found = _STAMP.fullmatch(text)
    if found is None:
        raise Unfit(f"{name}: {text[:60]!r} is not a time such as 2026-01-31T12:00:00.250Z")
    if found["zone"] is None:
        raise Unfit(f"{name}: {text[:60]!r} has no offset; end it with Z or +01:00")
    try:
        moment = datetime.fromisoformat(text.upper())
        inside = FIRST <= moment < LAST
        moment = moment.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise Unfit(f"{name}: there is no time {text[:60]!r}") from None
    if not inside:
        raise Unfit(f"{name}: {text[:60]!r} is not between the years 1970 and 2200")
    if found["s"] is None:
        return moment, "min"
    return moment, "s" if found["f"] is None else "ms" if len(found["f"]) <= 3 else "us"


def money(value: Decimal | None) -> Decimal | None:
    if value is None:
        return None
    if not value.is_finite():
        raise Unfit("value: NaN and infinities are no amounts")
    if value.adjusted() >= 32:
        raise Unfit("value: an amount has at most 32 digits before its point")
    exponent = value.normalize().as_tuple().exponent
    if isinstance(exponent, int) and exponent < -6:
        raise Unfit("value: an amount has at most 6 digits after its point")
    return value


def attribute_value(name: str, value: Any) -> Any:
    """An attribute's value with the types of `kernel.attributes`."""
    kind = type(value)
    if kind in _PLAIN or (kind is int and -(2**63) <= value < 2**64):
        return value
    _check_value(name, value, MAX_DEPTH)
    if isinstance(value, dict) and len(value) == 1 and isinstance(value.get("$date"), str):
        return date_value(instant(f"attributes.{name}", value["$date"])[0])
    return nested_value(value, MAX_DEPTH)


def _check_value(name: str, value: Any, depth: int) -> None:
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        raise Unfit(f"attributes.{name}: a whole number has at most 64 bits; send it as text")
    if isinstance(value, list | dict):
        if depth <= 0:
            raise Unfit(f"attributes.{name}: values are nested more than {MAX_DEPTH} deep")
        for item in value if isinstance(value, list) else value.values():
            _check_value(name, item, depth - 1)
