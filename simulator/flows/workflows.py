"""Runs of the workflow engines: what they did, step by step, and the scheduled ones that run by themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import TYPE_CHECKING

from simulator.world.draws import Draws
from simulator.world.facts import Thing
from simulator.world.retailer import WORKFLOWS
from simulator.world.times import HOUR, SECOND

if TYPE_CHECKING:
    from simulator.world.world import Process, World

STEPS = {
    "order-export": ("Read order", "Map order", "Send to ERP"),
    "stock-push": ("Read stock", "Send to channels"),
    "refund-notice": ("Read refund", "Send message"),
    "price-publish": ("Read prices", "Send to channels"),
    "settlement-import": ("Fetch report", "Import lines"),
    "delay-notice": ("Read parcel", "Send message"),
    "store-order": ("Reserve stock", "Send to store", "Wait for store"),
}
"""The nodes of each workflow, in order."""
SHOWS_AFTER_US = HOUR
"""So long after a run that did not come what waited for it shows that: others took a while too, after their hour."""


def by_schedule(
    world: World, workflow: str, run: Callable[[], None], waiting: Callable[[], Iterable[Thing]]
) -> Process:
    """Have a scheduled workflow run whenever it is due. While it is stopped what waits for it goes on waiting.

    `run` does the work of one run, `run_workflow` included; `waiting`: the things that the next run would work on.
    """
    for due_us in _due(world, workflow):
        yield world.until(due_us)
        stopped = world.faults.at("workflow_stopped", due_us, workflow=workflow)
        if stopped is None:
            run()
            continue
        for thing in waiting():
            stopped.hit(thing, due_us, shown_us=due_us + SHOWS_AFTER_US, workflow=workflow)


def _due(world: World, workflow: str) -> Iterator[int]:
    one = WORKFLOWS[workflow]
    if not one.is_scheduled:
        raise ValueError(f"{workflow} has no schedule")
    for number in count(1):
        if one.daily:
            yield world.day_us(number, one.daily)
        else:
            yield world.start_us + (number * one.every_s + one.after_s) * SECOND


def run_workflow(world: World, workflow: str, things: tuple[Thing, ...], at_us: int, ends_us: int | None) -> Thing:
    """A run that works on these things from one instant to another; None: it fails, as what it waited for never came.

    Where two bots do the same work, a second run does it all again.
    """
    run = _run(world, workflow, things, at_us, ends_us, "")
    double = world.faults.at("duplicate_bots", at_us, workflow=workflow)
    if double is not None:
        again = _run(world, workflow, things, at_us + 20 * SECOND, (ends_us or at_us) + 40 * SECOND, "legacy-")
        double.hit(again, at_us, same_work_as=run.id)
    return run


def _run(world: World, workflow: str, things: tuple[Thing, ...], at_us: int, ends_us: int | None, prefix: str) -> Thing:
    tell, engine = world.recorder.tell, WORKFLOWS[workflow].engine
    number = world.number(f"run:{prefix}{workflow}")
    run = Thing("workflow_run", f"{prefix}{workflow}-{number:07d}", workflow=f"{prefix}{workflow}", engine=engine)
    draws = Draws(world.seed, "run", run.id)
    objects, actor = (run, *things), f"{engine}:{prefix}{workflow}"
    tell(engine, "Workflow started", objects, at_us, actor=actor)
    last = len(STEPS[workflow]) - 1
    until_us = ends_us if ends_us is not None else at_us + 45 * 60 * SECOND
    for place, step in enumerate(STEPS[workflow]):
        at_us = until_us if place == last else min(until_us, at_us + draws.duration_us(0.8, 0.5))
        if place == last and ends_us is None:
            tell(engine, "Step failed", objects, at_us, actor=actor, outcome="error", error="no_answer",
                 details={"step": step})  # fmt: skip
            tell(engine, "Workflow failed", objects, at_us, actor=actor, outcome="error", error="no_answer")
            return run
        tell(engine, "Step completed", objects, at_us, actor=actor, details={"step": step})
    tell(engine, "Workflow completed", objects, at_us, actor=actor)
    return run
