"""Link paths: which events of other objects belong to a case, because the log links these objects to it.

A carrier's scan knows a parcel, not the order. The process of orders declares `order → delivery → parcel`, and the scan
becomes an event of the order's case: a derived relation, stored beside the others for this process alone. Only links
between neighbouring types of a path are crossed, whichever way they were told; nothing is guessed.

Derived relations are made from the stored links and relations, so they are the same after any order and batching:

- A full build makes all of them anew.
- A refresh extends those of touched cases. A case is touched by an event of an object that its paths reach, and by a
  link on such a path; from either, the links are followed back to the cases. No load takes a link back, and an event
  that changes loses all its relations when it is stored, so what is left of a case's derived relations is true.

The engine takes some 20 ms to understand a statement, however little there is to do: all steps of one length are one
statement, and there is none for what the new batches cannot have changed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any

from kernel.link_path import written
from kernel.process import ProcessDefinition
from kernel.warehouse import Query, Warehouse, load_query
from mining.touches import Touches, pairs, touches

RANGE_LINKS = 200_000
"""Links of cases that are followed at once: what bounds the memory."""


def _sql(name: str) -> Query:
    return load_query(__file__, name)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a link path: from the objects that `parent` reaches ('' for the case itself) to those of `path`."""

    path: str
    length: int  # types of the path
    parent: str
    near_type: str
    far_type: str
    last: bool  # whether a path ends here


def steps(definition: ProcessDefinition) -> list[Step]:
    """The steps of all link paths, each once, those nearer to the case first."""
    ends = {written(path) for path in definition.links}
    found: dict[str, Step] = {}
    for length in range(2, max(map(len, definition.links), default=0) + 1):
        for types in definition.links:
            if len(types) >= length:
                path = written(types[:length])
                parent = written(types[: length - 1]) if length > 2 else ""
                found.setdefault(path, Step(path, length, parent, types[length - 2], types[length - 1], path in ends))
    return list(found.values())


def rebuild_derived(
    warehouse: Warehouse, build: dict[str, Any], definition: ProcessDefinition, invalidate: Callable[[], None]
) -> None:
    """Make all derived relations of a process anew; those that it had are forgotten.

    `invalidate` is called before the first is taken back: from then until the build is complete, nothing but another
    full build makes the process whole. The links that it crossed are forgotten last, since they tell that there may be
    derived relations.
    """
    kept = warehouse.read_for_write(_sql("kept_of_links"), build).row(0, named=True)
    if kept["crossed"]:
        invalidate()
        # A deletion waits for the merges of the table, hundreds of milliseconds even where there is nothing to delete.
        if kept["derived"]:
            warehouse.delete(_sql("forget_derived_relations"), build)
        if kept["reached"]:
            warehouse.delete(_sql("forget_reached_objects"), build)
        warehouse.delete(_sql("forget_crossed_links"), build)
    if definition.links:
        warehouse.command(_sql("store_crossed_links"), build | pairs(definition))
        _derive(warehouse, build, definition)


def refresh_derived(
    warehouse: Warehouse, build: dict[str, Any], definition: ProcessDefinition, found: Touches
) -> Touches:
    """Extend the derived relations of the cases that the window's batches touch, and note these cases as touched:
    `found` with them. Those that a killed refresh noted are among them, and are extended again."""
    if found.linked:
        warehouse.command(_sql("store_crossed_links"), build | pairs(definition))
        warehouse.command(_sql("touch_linked_objects"), build | pairs(definition))
    there = found.types | found.linked
    if there - {definition.object_type} or found.linked:
        for step in reversed(steps(definition)):
            if step.far_type in there:
                crossing = {"near_type": step.near_type, "far_type": step.far_type}
                warehouse.command(_sql("touch_nearer_objects"), build | crossing)
                there |= {step.near_type}
        found = touches(warehouse, build, definition)
    if found.derived:
        _derive(warehouse, build, definition)
    return found


def _derive(warehouse: Warehouse, build: dict[str, Any], definition: ProcessDefinition) -> None:
    begins = warehouse.read_for_write(_sql("link_ranges"), build | {"rows": RANGE_LINKS})["object_id"].to_list()
    if not begins:
        return
    for after, upto in pairwise(["", *begins[1:], ""]):
        part = build | {"after": after, "upto": upto}
        for length, alike in groupby(steps(definition), key=lambda step: step.length):
            reach = _sql("reach_linked_objects" if length == 2 else "reach_further_objects")
            warehouse.command(reach, part | _columns(list(alike)))
        warehouse.command(_sql("store_derived_relations"), part)


def _columns(alike: list[Step]) -> dict[str, list[str]]:
    return {
        "paths": [step.path for step in alike],
        "parents": [step.parent for step in alike],
        "near_types": [step.near_type for step in alike],
        "far_types": [step.far_type for step in alike],
    }
