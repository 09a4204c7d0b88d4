"""Simulations for tests: what was told, by case and by call, read from the facts alone."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from simulator.faults.scenario import Scenario
from simulator.simulation import Simulation
from simulator.world.facts import Fact, Link, Thing
from simulator.world.times import instant_us

MONDAY = date(2026, 3, 2)


@dataclass
class Told:
    """What a simulation told. `of`: the facts of each object by when they happened; `belongs`: links both ways."""

    facts: list[Fact]
    links: list[Link]
    truth: dict[str, Any]
    of: dict[tuple[str, str], list[Fact]] = field(default_factory=dict)
    belongs: dict[tuple[str, str], set[tuple[str, str]]] = field(default_factory=lambda: defaultdict(set))
    things: dict[tuple[str, str], Thing] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for fact in sorted(self.facts, key=lambda fact: (fact.at_us, fact.number)):
            for thing in fact.things:
                self.of.setdefault(thing.key, []).append(fact)
                self.things[thing.key] = thing
        for link in self.links:
            self.belongs[link.one.key].add(link.other.key)
            self.belongs[link.other.key].add(link.one.key)

    def fault(self, kind: str) -> dict[str, Any]:
        """The one fault of this kind, as the truth has it."""
        (found,) = (fault for fault in self.truth["faults"] if fault["kind"] == kind)
        return dict(found)

    def affected(self, kind: str) -> list[tuple[tuple[str, str], dict[str, Any]]]:
        """The objects that it affected, at least one, with what the truth says of each."""
        found = [((one["type"], one["id"]), one) for one in self.fault(kind)["affected"]]
        assert found, f"{kind} affected nothing"
        return found

    def window(self, kind: str) -> tuple[int, int]:
        fault = self.fault(kind)
        return at(fault["start"]), at(fault["end"])

    def each(self, key: tuple[str, str], activity: str) -> list[Fact]:
        """The facts of the object with this activity, in order."""
        return [fact for fact in self.of.get(key, ()) if fact.activity == activity]

    def about(self, activity: str) -> dict[tuple[str, str], list[Fact]]:
        """The facts of an activity by what they are about above all."""
        found: dict[tuple[str, str], list[Fact]] = {}
        for fact in self.facts:
            if fact.activity == activity:
                found.setdefault(fact.things[0].key, []).append(fact)
        return found

    def first(self, key: tuple[str, str], *activities: str) -> Fact | None:
        """The first fact of the object with one of these activities."""
        return next((fact for fact in self.of.get(key, ()) if fact.activity in activities), None)

    def cases(self, type_: str, *parts: str) -> dict[str, list[Fact]]:
        """The facts about the objects of a type, by id, in order; those about the parts that belong to them included,
        such as the refund of a return."""
        found = {}
        for key in [key for key in self.of if key[0] == type_]:
            mine = {key, *(other for other in self.belongs.get(key, ()) if other[0] in parts)}
            facts = {fact.number: fact for one in mine for fact in self.of.get(one, ()) if fact.things[0].key in mine}
            found[key[1]] = sorted(facts.values(), key=lambda fact: (fact.at_us, fact.number))
        return found

    def calls(self, key: tuple[str, str], interface: str) -> list[list[Fact]]:
        """The integration calls of an interface about an object: the facts of each, in order."""
        ids = {
            fact.things[0].id
            for fact in self.of.get(key, ())
            if fact.things[0].attributes.get("interface") == interface
        }
        return [self.of["integration_call", name] for name in sorted(ids)]


def at(text: str) -> int:
    return instant_us(datetime.fromisoformat(text))


def told(*faults: dict[str, Any], days: int = 7, orders_per_day: float = 80, seed: int = 7) -> Told:
    """What a retailer tells that these faults happen to."""
    scenario = Scenario.model_validate({"id": "test", "faults": list(faults)})
    simulation = Simulation(first=MONDAY, days=days, orders_per_day=orders_per_day, seed=seed, scenario=scenario)
    facts: list[Fact] = []
    links: list[Link] = []
    for day in simulation.days():
        facts += day.facts
        links += day.links
    return Told(facts, links, simulation.truth())
