"""Filters as Python programs give them, turned into the words that every surface reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, TypedDict

from kernel.errors import InputError
from mining.filters import FILTER_WORDS

Instant = datetime | date | str
Duration = timedelta | str
Value = str | int | float | bool


class Filters(TypedDict, total=False):
    """Which cases count; what is None or absent selects everything. Everything given must hold."""

    since: Instant | None  # from here on; a date is its first instant in UTC
    until: Instant | None  # and before this
    anchor: str | None  # what the two are compared with: started (default), ended, active or due
    case_attr: (
        Mapping[str, Value | Sequence[Value]] | Sequence[str] | str | None
    )  # {"region": "north"} or "region=north"
    activity: Sequence[str] | str | None  # the case holds all of them
    variant: Sequence[str] | str | None  # any of these ids
    min_duration: Duration | None  # timedelta or "4h"
    max_duration: Duration | None
    edge_source: str | None  # the case goes from this activity
    edge_target: str | None  # directly to this one
    state: Sequence[str] | str | None  # any of open, complete, unknown


MILLISECOND = timedelta(milliseconds=1)


def words_of(given: Mapping[str, Any]) -> dict[str, list[str]]:
    """The words of `mining.filters.read_filter` for these filters.

    Raises
    ------
    TypeError
        A name that is no filter, or a value of a type that none has.
    InputError
        A time without a zone, a duration finer than a millisecond, or an attribute name that cannot be asked for.
    """
    words: dict[str, list[str]] = {}
    for name, value in given.items():
        if name not in FILTER_WORDS:
            raise TypeError(f"{name!r} is not a filter; the filters are {', '.join(FILTER_WORDS)}")
        if value is None:
            continue
        if name == "case_attr" and isinstance(value, Mapping):
            words[name] = _attributes(value)
        elif isinstance(value, str):
            words[name] = [value]
        elif name in ("activity", "variant", "state", "case_attr"):
            words[name] = [_text(name, item) for item in value]
        else:
            words[name] = [_single(name, value)]
    return words


def _single(name: str, value: object) -> str:
    if name in ("since", "until") and isinstance(value, date):
        if isinstance(value, datetime) and value.tzinfo is None:
            raise InputError(f"{name}: {value.isoformat()} has no zone; give an aware datetime")
        return value.isoformat()
    if name in ("min_duration", "max_duration") and isinstance(value, timedelta):
        if value < timedelta(0) or value % MILLISECOND:
            raise InputError(f"{name}: {value} is not a whole number of milliseconds from 0 on")
        return f"{value // MILLISECOND}ms"
    raise TypeError(f"{name}: {type(value).__name__} is not a type of this filter")


def _attributes(wanted: Mapping[str, Any]) -> list[str]:
    texts = []
    for name, value in wanted.items():
        if "=" in name or not name:
            raise InputError(f"case_attr: {name!r} cannot be asked for: a name has no equals sign and is not empty")
        values = [value] if isinstance(value, (str, int, float)) else list(value)
        texts += [f"{name}={_value(item)}" for item in values]
    return texts


def _value(value: Value) -> str:
    """An attribute value as the projection writes it: JSON's words for numbers and booleans."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _text(name: str, item: object) -> str:
    if not isinstance(item, str):
        raise TypeError(f"{name}: {type(item).__name__} is not a text")
    return item
