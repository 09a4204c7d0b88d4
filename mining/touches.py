"""What the new batches touch of a process, by its own objects or over its link paths: what a refresh has to look at."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any

from kernel.process import ProcessDefinition
from kernel.warehouse import Query, Warehouse, load_query


def _sql(name: str) -> Query:
    return load_query(__file__, name)


@dataclass(frozen=True, slots=True)
class Touches:
    """Object types of a process of which the batches of a refresh touch objects, and its links that they brought."""

    types: frozenset[str]  # its own and those of its link paths
    linked: frozenset[str]  # types, nearer to the case, of new links that its paths cross
    derived: bool  # whether one of its cases is touched over its link paths


def touches(warehouse: Warehouse, build: dict[str, Any], definition: ProcessDefinition) -> Touches:
    """What the batches of a refresh touch, what it noted itself so far included."""
    types = {"object_types": sorted({definition.object_type, *chain(*definition.links)})}
    row = warehouse.read_for_write(_sql("touches"), build | types | pairs(definition)).row(0, named=True)
    return Touches(frozenset(row["types"]), frozenset(row["linked"]), bool(row["derived"]))


def pairs(definition: ProcessDefinition) -> dict[str, list[str]]:
    """As parameters, the pairs of neighbouring types of the link paths, the nearer one first."""
    crossed = sorted({pair for path in definition.links for pair in pairwise(path)})
    return {"near_types": [near for near, _ in crossed], "far_types": [far for _, far in crossed]}
