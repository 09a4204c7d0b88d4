"""The shape of a record: which fields it has, and of which kinds."""

from __future__ import annotations

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
    _look(found, body, "", 0)
    return found


def _look(found: dict[str, str], value: Any, path: str, depth: int) -> bool:
    """Note a value and what is in it; False where that are too many fields."""
    if isinstance(value, dict):
        if path and not _note(found, path, "object"):
            return False
        if depth < DEEPEST:
            before = f"{path}." if path else ""
            by_id = len(value) > MOST_NAMES
            for name, inner in value.items():
                if not _look(found, inner, f"{before}{BY_ID if by_id else name}", depth + 1):
                    return False
        return True
    if isinstance(value, list):
        if path and not _note(found, path, "list"):
            return False
        return depth >= DEEPEST or all(_look(found, inner, f"{path}[]", depth + 1) for inner in value[:20])
    return _note(found, path or "(all)", KINDS.get(type(value), "text"))


def _note(found: dict[str, str], path: str, kind: str) -> bool:
    before = found.get(path)
    if before is None and len(found) == MOST_FIELDS:
        return False
    if before is None or before == "null":
        found[path] = kind
    return True
