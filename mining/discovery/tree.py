"""The process tree as plain data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

SEQUENCE, CHOICE, PARALLEL, LOOP = "->", "X", "+", "*"


@dataclass(frozen=True, slots=True)
class Tree:
    """A node of a process tree: an operator over children, an activity, or (neither) a silent step.

    Of a loop the first child is done; each of the others leads back to doing it again.
    """

    operator: str | None = None
    label: str | None = None
    children: tuple[Tree, ...] = ()

    @property
    def is_silent(self) -> bool:
        return self.operator is None and self.label is None

    def leaves(self) -> Iterator[Tree]:
        """Activities and silent steps, from left to right."""
        if self.operator is None:
            yield self
        for child in self.children:
            yield from child.leaves()


def from_pm4py(tree: Any) -> Tree:
    """The same tree without pm4py.

    Raises
    ------
    ValueError
        An operator that the inductive miner does not use.
    """
    if tree.operator is None:
        return Tree(label=tree.label)
    operator = str(tree.operator)
    if operator not in (SEQUENCE, CHOICE, PARALLEL, LOOP):
        raise ValueError(f"no block is drawn for the operator {operator}")
    return Tree(operator, None, tuple(from_pm4py(child) for child in tree.children))
