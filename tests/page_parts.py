"""A small log for the tests of the pages, and how they read a page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dash import dcc

TENANT = "pages"
EVIL = '<img src=x onerror="alert(1)">'
LONG = "very-long" * 1_200
DEFINITION = """
title: Small orders
object_type: case:small
end: [Ship, Cancel]
targets:
- {source: Pay, target: Ship, within: 1h}
case_attributes:
- {name: channel}
- {name: note}
"""
PATHS = {  # case: (activities with hours, channel)
    "c1": ([("Order", 0), ("Pay", 1), ("Ship", 2)], "web"),
    "c2": ([("Order", 0), ("Pay", 1), ("Ship", 4)], "web"),
    "c3": ([("Order", 0), ("Pay", 1), ("Ship", 11)], "store"),
    "c4": ([("Order", 0), ("Cancel", 30)], "store"),
    "c5": ([("Order", 0), (EVIL, 2), (LONG, 3)], EVIL),
    EVIL: ([("Order", 0), ("line\nbreak", 2)], LONG),
}


def parts(component: Any) -> Iterator[Any]:
    """Every component and every text of a tree, in order, with what the browser paints."""
    if isinstance(component, list | tuple):
        for part in component:
            yield from parts(part)
    elif component is not None:
        yield component
        yield from (
            leaves(component.data) if isinstance(component, dcc.Store) else parts(getattr(component, "children", None))
        )


def leaves(data: Any) -> Iterator[Any]:
    """Every text and number that a page keeps for the browser to paint."""
    if isinstance(data, dict):
        data = list(data.values())
    if isinstance(data, list | tuple):
        for part in data:
            yield from leaves(part)
    elif data is not None and not isinstance(data, bool):
        yield data


def text(component: Any) -> str:
    return "".join(str(part) for part in parts(component) if isinstance(part, str | int | float))


def addresses(component: Any) -> list[str]:
    """Where the links of a tree lead, those included that the browser paints."""
    painted = [part for part in parts(component) if isinstance(part, str) and part.startswith("/")]
    return [part.href for part in parts(component) if hasattr(part, "href")] + painted
