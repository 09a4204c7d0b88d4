"""Conditions on a case: of each attribute that is named it must have one of the values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer


def _read(value: Any) -> Any:
    if isinstance(value, tuple):  # as another model holds it
        return value
    if not isinstance(value, Mapping) or not value:
        raise ValueError("expected case attributes, each with its values, such as {region: [north, east]}")
    found = []
    for name, values in sorted(value.items()):
        if not isinstance(values, Sequence) or isinstance(values, str) or not values:
            raise ValueError(f"expected a list of values of {name!r}, such as {{{name}: [north, east]}}")
        if wrong := [each for each in values if not isinstance(each, str) or not each]:
            raise ValueError(
                f"{wrong[0]!r} of {name!r} is no text: attributes are compared as texts; write it in quotes"
            )
        found.append((name, tuple(sorted(set(values)))))
    return tuple(found)


Condition = Annotated[
    tuple[tuple[str, tuple[str, ...]], ...], BeforeValidator(_read), PlainSerializer(dict, when_used="json")
]
"""Attributes with their values, both sorted; in YAML `{region: [north, east]}`. The empty one always holds."""


def holds(condition: Condition, attributes: Mapping[str, str]) -> bool:
    """Whether it holds for a case with these attributes."""
    return all(attributes.get(name) in values for name, values in condition)


def apart(one: Condition, other: Condition) -> bool:
    """Whether no case can meet both: they ask one attribute for different values."""
    others = dict(other)
    return any(name in others and not set(values) & set(others[name]) for name, values in one)


def shown(condition: Condition) -> str:
    """As people read it: `region north or east, brand Aster`."""
    return ", ".join(f"{name} {' or '.join(values)}" for name, values in condition)
