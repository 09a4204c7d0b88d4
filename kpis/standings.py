"""How all promises stand that whoever asks may read about: what the overview shows, on every surface alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kernel.clock import Clock
from kernel.process import ProcessDefinition
from kernel.promise import Promise
from kpis.as_of import as_of_each
from kpis.sla import SlaSummary, sla_summaries
from kpis.told import Completeness, told
from mining.view import ProcessView, Views


@dataclass(frozen=True, slots=True)
class Standing:
    """One promise of one process as it stands now."""

    process: ProcessDefinition
    promise: Promise
    summary: SlaSummary
    complete: Completeness


def standings(views: Views, clock: Clock, process: str = "") -> list[Standing]:
    """Every promise of every process that whoever asks may read, or of one, by process and in the order of its
    promises. Each process is judged at its own now (`kpis.as_of`)."""
    return [one for found in standings_of(promising(views, process), clock).values() for one in found]


def promising(views: Views, process: str = "") -> list[ProcessView]:
    """The processes that promise something, or one of them, by id, each limited to what whoever asks may read of it."""
    return [
        views.of(definition) for definition in views.all() if definition.promises and process in ("", definition.id)
    ]


def standings_of(asked: Sequence[ProcessView], clock: Clock) -> dict[str, list[Standing]]:
    """`standings` of these processes of one tenant, by process: one question for each, and three for all."""
    known = told(asked)
    nows = as_of_each(asked, clock, known)
    found = {}
    for view in asked:
        process = view.definition
        summaries = sla_summaries(view, nows[process.id])
        found[process.id] = [
            Standing(process, promise, summary, known[process.id].complete)
            for promise, summary in zip(process.promises, summaries, strict=True)
        ]
    return found
