"""Texts with named fields: `{{ subject.title }}`. A value is put in as it is and never read again.

Nothing is computed: a template names fields of the run's context and that is all. So whatever an event, a case or an
answer holds can show up in a text and can do nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from kernel.definitions import suggestion
from orchestration_hooks.situation import SUBJECT_FIELDS

PLACE = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
NAME = re.compile(r"[a-z][a-z0-9_]*(\.[A-Za-z0-9_]+)*")
LONGEST_VALUE = 2_000
"""Characters of one value within a text; what is left out is marked."""

FIELDS = (
    *(f"subject.{name}" for name in SUBJECT_FIELDS),
    *(f"run.{name}" for name in ("id", "playbook", "requested_by", "mode")),
    "count",
    "unpriced",
    "totals",
    "money",
    "case_ids",
    "stores",
    "cases",
)
"""What can be named, beside `steps.STEP.FIELD…` of what a step before answered, and `totals.EUR`."""


class Unfit(ValueError):
    """A value that cannot stand where a template puts it."""


def names(template: Any) -> Iterator[str]:
    """Every field that a text, or a structure with texts in it, names."""
    if isinstance(template, str):
        yield from (found[1] for found in PLACE.finditer(template))
    elif isinstance(template, Mapping):
        for value in template.values():
            yield from names(value)
    elif isinstance(template, list | tuple):
        for value in template:
            yield from names(value)


def problem(name: str, steps: Mapping[str, Any] | frozenset[str]) -> str:
    """What is wrong with a name that a template or a condition uses; "" when nothing is."""
    if not NAME.fullmatch(name):
        return f"{name!r} is not the name of a field: nothing is computed here"
    first, _, rest = name.partition(".")
    if first == "steps":
        step, _, what = rest.partition(".")
        if step not in steps:
            return f"{name!r}: there is no step {step!r}{suggestion(step, steps)}"
        return "" if what else f"{name!r}: name a field of what the step answers, such as steps.{step}.id"
    if name in FIELDS or (first == "totals" and re.fullmatch("[A-Z]{3}", rest)):
        return ""
    return f"{name!r} is not a field of a run{suggestion(name, FIELDS)}"


def value(name: str, context: Mapping[str, Any]) -> Any:
    """The value of a field; None where the context does not have it."""
    found: Any = context
    for part in name.split("."):
        if not isinstance(found, Mapping) or part not in found:
            return None
        found = found[part]
    return found


def fill(template: Any, context: Mapping[str, Any]) -> Any:
    """The structure with its fields in place. A text that is one field alone becomes its value, of whatever type."""
    if isinstance(template, str):
        alone = PLACE.fullmatch(template)
        return value(alone[1], context) if alone else text(template, context)
    if isinstance(template, Mapping):
        return {key: fill(inner, context) for key, inner in template.items()}
    if isinstance(template, list | tuple):
        return [fill(inner, context) for inner in template]
    return template


def text(template: str, context: Mapping[str, Any]) -> str:
    """The text with its fields in place, without control characters in them."""
    return PLACE.sub(lambda found: shown(value(found[1], context)), template)


def path(template: str, context: Mapping[str, Any]) -> str:
    """The same for a path of a URL: a value is one segment, whatever is in it.

    Raises `Unfit` for a value that is empty or means a folder.
    """
    return PLACE.sub(lambda found: _segment(shown(value(found[1], context))), template)


def shown(found: Any) -> str:
    """A value as people read it."""
    if found is None:
        return ""
    if isinstance(found, Mapping):
        return ", ".join(f"{shown(inner)} {key}" for key, inner in found.items())
    if isinstance(found, list | tuple):
        return ", ".join(shown(inner) for inner in found)
    plain = "".join(" " if ord(letter) < 32 or ord(letter) == 127 else letter for letter in str(found))
    return plain if len(plain) <= LONGEST_VALUE else f"{plain[:LONGEST_VALUE]}… ({len(plain)} characters)"


def _segment(found: str) -> str:
    if found in ("", ".", ".."):
        raise Unfit(f"{found!r} cannot be a part of a path")
    return quote(found, safe="")
