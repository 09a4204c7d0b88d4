"""Link paths as a definition writes them: `order -> delivery -> parcel`, from the case notion to what belongs to it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

ARROW = " → "
_ARROWS = re.compile(r"->|→")


def written(path: Sequence[str]) -> str:
    """A link path as people read it, and as it is read back."""
    return ARROW.join(path)


def read_link_paths(values: Any, object_type: str | None) -> tuple[tuple[str, ...], ...]:
    """The object types of each path: texts with arrows, or sequences of types. `object_type`: the case notion, None
    when the definition has no valid one.

    Raises
    ------
    ValidationError
        With the problems of all paths, each at its place in the list.
    ValueError
        There is no list.
    """
    if not isinstance(values, (list, tuple)):
        raise ValueError("expected a list of paths, such as - order -> delivery -> parcel")
    found: list[tuple[str, ...]] = []
    problems: list[InitErrorDetails] = []
    for place, value in enumerate(values):
        path = _types(value)
        problem = _problem(path, object_type) or (f"{_shown(path)} is given twice" if path in found else None)
        if problem is not None:
            error = PydanticCustomError("link_path", "{problem}", {"problem": problem})
            problems.append(InitErrorDetails(type=error, loc=(place,), input=value))
        found.append(path)
    if problems:
        raise ValidationError.from_exception_data("links", problems)
    return tuple(found)


def _types(value: Any) -> tuple[str, ...]:
    """The types that a value names; none when it is no path at all."""
    if isinstance(value, str):
        return tuple(part.strip() for part in _ARROWS.split(value))
    if isinstance(value, (list, tuple)) and all(isinstance(part, str) for part in value):
        return tuple(value)
    return ()


def _problem(path: tuple[str, ...], object_type: str | None) -> str | None:
    if len(path) < 2:
        return "expected a path of two object types or more, such as order -> delivery -> parcel"
    if not all(path):
        return f"{_shown(path)} has an arrow without an object type on both sides"
    repeated = next((name for name in path if path.count(name) > 1), None)
    if repeated is not None:
        return f"{_shown(path)} names {repeated!r} twice"
    if object_type is not None and path[0] != object_type:
        return f"{_shown(path)} begins with {path[0]!r}, not with the case notion {object_type!r}"
    return None


def _shown(path: tuple[str, ...]) -> str:
    return repr(written(path))
