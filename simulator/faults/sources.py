"""Faults of a source: it loses what happened, tells it late and in disorder, or with a wrong clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.faults.active import Active
from simulator.world.draws import Draws
from simulator.world.facts import Fact, SourceFault, Thing
from simulator.world.times import HOUR, MILLISECOND, MINUTE

if TYPE_CHECKING:
    from simulator.world.world import World


def install(world: World) -> None:
    """Have the faults of sources in the world's scenario work on what they tell."""
    for kind, make in (("clock_skew", _skew), ("lost_events", _loss), ("out_of_order_storm", _storm)):
        for active in world.faults.of(kind):
            source = active.where["source"]
            world.recorder.source_faults.setdefault(source, []).append(make(active, world.seed))


def _loss(active: Active, seed: int) -> SourceFault:
    def lose(fact: Fact) -> Fact | None:
        if not active.covers(fact.at_us, {"source": fact.system}) or not active.strikes(Thing("event", fact.id)):
            return fact
        active.hit(Thing("event", fact.id), fact.at_us, activity=fact.activity, of=list(fact.things[0].key))
        return None

    return lose


def _storm(active: Active, seed: int) -> SourceFault:
    def delay(fact: Fact) -> Fact | None:
        if not active.covers(fact.at_us, {"source": fact.system}):
            return fact
        late_us = int(Draws(seed, "storm", active.number, fact.id).random() * active.size * HOUR)
        active.hit(Thing("event", fact.id), fact.at_us, of=list(fact.things[0].key))
        return fact._replace(seen_us=fact.seen_us + late_us // MILLISECOND * MILLISECOND)

    return delay


def _skew(active: Active, seed: int) -> SourceFault:
    """What the source writes is wrong; that it is told only afterwards stays true of the clock that receives it."""

    def shift(fact: Fact) -> Fact | None:
        if not active.covers(fact.at_us, {"source": fact.system}):
            return fact
        active.hit(Thing("event", fact.id), fact.at_us, of=list(fact.things[0].key))
        return fact._replace(at_us=fact.at_us + int(active.size * MINUTE))

    return shift
