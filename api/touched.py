"""Which processes new events may have changed, and bringing those up to date."""

from __future__ import annotations

from collections.abc import Collection
from itertools import chain

from kernel.clock import Clock
from kernel.errors import DefinitionError
from kernel.process import ProcessDefinition, Processes
from kernel.warehouse import Warehouse
from mining.projection import refresh


def touched(
    processes: Processes, object_types: Collection[str] | None, *, but: Collection[str] = ()
) -> tuple[list[ProcessDefinition], list[str]]:
    """The processes, those of `but` aside, whose cases may have changed with objects of these types (None: any), their
    events and links: those with one of them as their own type or on a link path. And the problems of definitions that
    are wrong: they are no fault of the events, and their processes stay as they were."""
    found, problems = [], []
    for path in sorted(processes.folder.glob("*.yaml")):
        if path.stem in but:
            continue
        try:
            definition = processes.get(path.stem)
        except DefinitionError as error:
            problems += [str(problem) for problem in error.problems]
            continue
        if object_types is None or not {definition.object_type, *chain(*definition.links)}.isdisjoint(object_types):
            found.append(definition)
    return found, problems


def refresh_touched(
    warehouse: Warehouse,
    clock: Clock,
    tenant: str,
    processes: Processes,
    object_types: Collection[str] | None,
    *,
    but: Collection[str] = (),
) -> list[str]:
    """Bring the processes of `touched` up to date; the problems of definitions that are wrong."""
    found, problems = touched(processes, object_types, but=but)
    for definition in found:
        refresh(warehouse, clock, tenant, definition)
    return problems
