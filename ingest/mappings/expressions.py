"""JMESPath with the functions that mapping packs need. An expression is made into Python functions once; what it asks
elements of lists is left to jmespath's interpreter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import jmespath
import jmespath.exceptions
from jmespath.visitor import TreeInterpreter

from ingest.event_form import Unfit
from ingest.mappings.functions import Functions

Scope = Mapping[str, Any]
Evaluated = Callable[[Scope], Any]
Node = Mapping[str, Any]
LONGEST = 2_000
ORDERING = ("lt", "gt", "lte", "gte")
"""Comparators that take two numbers or two texts: left to the interpreter."""


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool | None]:
    return lambda one, other: compare(one, other) if isinstance(one, str) == isinstance(other, str) else None


COMPARATORS = TreeInterpreter.COMPARATOR_FUNC | {
    name: _ordered(TreeInterpreter.COMPARATOR_FUNC[name]) for name in ORDERING
}
"""A text and a number have no order: null, as JMESPath says of what cannot be compared. The library's own raise
TypeError there, which a source that begins to write numbers as texts would bring about."""


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
    evaluate, simple = _Maker(tables).made(_parsed(text).parsed)
    if simple:  # cannot fail
        return evaluate

    def evaluated(scope: Scope) -> Any:
        try:
            return evaluate(scope)
        except jmespath.exceptions.JMESPathError as error:
            raise Unfit(str(error).splitlines()[0][:300]) from None
        except RecursionError:
            raise Unfit("values are nested too deeply") from None

    return evaluated


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


class _Maker:
    """Makes functions of the nodes of one expression. They do as `jmespath.visitor.TreeInterpreter` does."""

    def __init__(self, tables: Mapping[str, Mapping[str, Any]]) -> None:
        self._functions = Functions(tables)
        self._interpreter = TreeInterpreter(jmespath.Options(custom_functions=self._functions))
        self._interpreter.COMPARATOR_FUNC = COMPARATORS

    def made(self, node: Node) -> tuple[Evaluated, bool]:
        """A function for the node, and whether it only follows a path or is a constant."""
        path = _path(node)
        if path is not None:
            return _follower(path), True
        if node["type"] == "literal":
            constant = node["value"]
            return lambda scope: constant, True
        make = getattr(self, f"_{node['type']}", None)
        if make is None or node.get("value") in ORDERING or any(one["type"] == "expref" for one in node["children"]):
            return lambda scope: self._interpreter.visit(node, scope), False
        made: Evaluated = make(node.get("value"), [self.made(one)[0] for one in node["children"]])
        return made, False

    def _function_expression(self, name: str, arguments: list[Evaluated]) -> Evaluated:
        call = self._functions.call_function
        return lambda scope: call(name, [argument(scope) for argument in arguments])

    def _or_expression(self, _: None, sides: list[Evaluated]) -> Evaluated:
        one, other = sides
        return lambda scope: other(scope) if is_false(found := one(scope)) else found

    def _and_expression(self, _: None, sides: list[Evaluated]) -> Evaluated:
        one, other = sides
        return lambda scope: found if is_false(found := one(scope)) else other(scope)

    def _comparator(self, name: str, sides: list[Evaluated]) -> Evaluated:
        one, other = sides
        compare = TreeInterpreter.COMPARATOR_FUNC[name]
        return lambda scope: compare(one(scope), other(scope))

    def _multi_select_list(self, _: None, parts: list[Evaluated]) -> Evaluated:
        return lambda scope: [part(scope) for part in parts]


def is_false(found: Any) -> bool:
    """Whether JMESPath takes a value for false."""
    return found is None or found is False or found == "" or found == [] or found == {}


def _path(node: Node) -> tuple[str | int, ...] | None:
    """The names and places of an expression that only follows these."""
    if node["type"] in ("field", "index"):
        return (node["value"],)
    if node["type"] in ("subexpression", "index_expression"):
        parts = [_path(child) for child in node["children"]]
        if all(part is not None for part in parts):
            return tuple(name for part in parts if part is not None for name in part)
    return None


def _follower(path: tuple[str | int, ...]) -> Evaluated:
    def follow(scope: Scope) -> Any:
        found: Any = scope
        for name in path:
            if isinstance(found, dict):
                found = found.get(name)  # no name is a number
            elif isinstance(found, list) and isinstance(name, int) and -len(found) <= name < len(found):
                found = found[name]
            else:
                return None
        return found

    return follow
