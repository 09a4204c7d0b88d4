"""JMESPath with the functions that mapping packs need; an expression is compiled once, and paths of names are followed
without its interpreter, which takes ten times as long."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import jmespath
import jmespath.exceptions

from ingest.event_form import Unfit
from ingest.mappings.functions import Functions

Scope = Mapping[str, Any]
Evaluated = Callable[[Scope], Any]
LONGEST = 2_000


def check(text: str) -> str:
    """The text of an expression; ValueError where it is none."""
    if len(text) > LONGEST:
        raise ValueError(f"an expression has at most {LONGEST} characters")
    _parsed(text)
    return text


@lru_cache(4096)
def _parsed(text: str) -> jmespath.parser.ParsedResult:
    try:
        return jmespath.compile(text)
    except jmespath.exceptions.JMESPathError as error:
        first = str(error).splitlines()[0]
        raise ValueError(f"{text!r} is no JMESPath expression: {first}") from None
    except RecursionError:
        raise ValueError("an expression is nested too deeply") from None


def compiled(text: str, tables: Mapping[str, Mapping[str, Any]]) -> Evaluated:
    """What evaluates an expression; `tables` are those of `lookup`. It raises `Unfit` where a value is not of a type
    that a function takes, or cannot be converted."""
    parsed = _parsed(text)
    path = _path(parsed.parsed)
    if path is not None:
        return _follower(path)
    if parsed.parsed["type"] == "literal":
        constant = parsed.parsed["value"]
        return lambda scope: constant
    options = jmespath.Options(custom_functions=Functions(tables))

    def evaluate(scope: Scope) -> Any:
        try:
            return parsed.search(scope, options=options)
        except jmespath.exceptions.JMESPathError as error:
            raise Unfit(str(error).splitlines()[0][:300]) from None
        except RecursionError:
            raise Unfit("values are nested too deeply") from None

    return evaluate


def unknown_functions(text: str) -> list[str]:
    """Functions that an expression calls and that there are none of."""
    found: list[str] = []
    known = Functions.FUNCTION_TABLE

    def walk(node: Mapping[str, Any]) -> None:
        if node["type"] == "function_expression" and node["value"] not in known:
            found.append(node["value"])
        for child in node["children"]:
            if isinstance(child, dict):  # of a slice they are numbers
                walk(child)

    walk(_parsed(text).parsed)
    return found


def _path(node: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The names of an expression that only follows names."""
    if node["type"] == "field":
        return (node["value"],)
    if node["type"] == "subexpression":
        parts = [_path(child) for child in node["children"]]
        if all(part is not None for part in parts):
            return tuple(name for part in parts if part is not None for name in part)
    return None


def _follower(path: tuple[str, ...]) -> Evaluated:
    def follow(scope: Scope) -> Any:
        found: Any = scope
        for name in path:
            if not isinstance(found, dict):
                return None
            found = found.get(name)
        return found

    return follow
