"""The shape of a record: which fields it has, and of which kinds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

MOST_FIELDS = 500
"""Of one record; what is beyond is not looked at."""
DEEPEST = 8
MOST_NAMES = 60
"""An object of more names holds values by ids, and not fields."""
BY_ID = "{}"
KINDS = {str: "text", bool: "true or false", int: "number", float: "number", type(None): "null"}


def shape(body: Any) -> dict[str, str]:
    """Kinds of values by the paths of their fields: `a.b[].c`. What is in lists is looked at where it is an object of
    the first twenty; empty lists and nulls tell of no kind, and the field is there."""
    found: dict[str, str] = {}
    for path, kind in _fields(body, "", 0):
        if len(found) == MOST_FIELDS and path not in found:
            break
        before = found.get(path)
        if before is None or before == "null":
            found[path] = kind
    return found


def _fields(value: Any, path: str, depth: int) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        if path:
            yield path, "object"
        if depth < DEEPEST:
            by_id = len(value) > MOST_NAMES
            for name, inner in value.items():
                step = BY_ID if by_id else name
                yield from _fields(inner, f"{path}.{step}" if path else str(step), depth + 1)
    elif isinstance(value, list):
        if path:
            yield path, "list"
        if depth < DEEPEST:
            for inner in value[:20]:
                yield from _fields(inner, f"{path}[]", depth + 1)
    else:
        yield path or "(all)", KINDS.get(type(value), "text")
