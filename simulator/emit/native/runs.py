"""Facts of workflow engines, gathered by run: an engine hands out a run as one document, and again, whole, when more
becomes known of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from simulator.emit.native.told import Told
from simulator.world.facts import Fact, Thing

RUN = "workflow_run"
START = "Workflow started"
ENDS = frozenset({"Workflow completed", "Workflow failed", "Workflow timed out", "Workflow cancelled"})
KEPT_DAYS, OPEN_DAYS = 2, 30
"""How long a run is remembered after it was last heard of, ended or not."""


@dataclass(slots=True)
class Run:
    """What is known of a run. `facts`: by when they happened."""

    thing: Thing
    objects: tuple[Thing, ...]
    last_day: date
    facts: list[Fact] = field(default_factory=list)

    @property
    def workflow(self) -> str:
        return self.thing.attributes.get("workflow", "") or self.thing.id

    @property
    def end(self) -> Fact | None:
        """How it ended, as far as is known: whatever came after that has it running again."""
        ends = [fact for fact in self.facts if fact.activity in ENDS]
        return ends[-1] if ends else None

    @property
    def start(self) -> Fact | None:
        """How it began, where that was told."""
        return next((fact for fact in self.facts if fact.activity == START), None)

    @property
    def steps(self) -> list[Fact]:
        return [fact for fact in self.facts if fact.activity != START and fact.activity not in ENDS]


def step_of(fact: Fact) -> str:
    """The node of the workflow that a fact is about."""
    return str(fact.details.get("step") or fact.activity)


class Runs:
    """The runs of one engine that may still be heard of."""

    def __init__(self) -> None:
        self._runs: dict[str, Run] = {}

    def take(self, day: date, told: Sequence[Told]) -> tuple[list[Run], list[Told]]:
        """Runs that were heard of on this day, by when they were first heard of on it; and what is about no run."""
        touched: dict[str, Run] = {}
        others = []
        for one in told:
            main = one.main
            if main.type != RUN:
                others.append(one)
                continue
            run = self._runs.get(main.id)
            if run is None:
                run = self._runs[main.id] = Run(main, one.fact.things[1:], day)
            run.facts.append(one.fact)
            run.last_day = day
            touched[main.id] = run
        for run in touched.values():
            run.facts = sorted(
                {fact.number: fact for fact in run.facts}.values(), key=lambda one: (one.at_us, one.number)
            )
        for name, run in list(self._runs.items()):
            if (day - run.last_day).days >= (KEPT_DAYS if run.end is not None else OPEN_DAYS):
                del self._runs[name]
        return list(touched.values()), others
