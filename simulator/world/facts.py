"""What happens in the simulated world, and when its systems tell of it.

A fact is one event as it truly happened. A system tells of it later: at once, after a while by chance, or with its next
batch. Between the two the faults of a source do their work: they lose facts, tell them late, or with a wrong clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, NamedTuple

from simulator.world.draws import Draws
from simulator.world.times import DAY, HOUR, MILLISECOND, MINUTE, SECOND

CURRENCY = "EUR"
Key = tuple[str, str]
"""Type and id of an object."""


def amount(cents: int) -> str:
    """Money as systems write it: 12.05."""
    return f"{cents // 100}.{cents % 100:02d}"


class Thing:
    """An object of the world, such as an order. `attributes`: those that it has from its beginning, as text."""

    __slots__ = ("attributes", "id", "type")

    def __init__(self, type_: str, id_: str, **attributes: str) -> None:
        self.type, self.id, self.attributes = type_, id_, attributes

    @property
    def key(self) -> Key:
        return self.type, self.id

    def __repr__(self) -> str:
        return f"{self.type} {self.id}"


class Relation(NamedTuple):
    """That two objects belong together."""

    one: Thing
    other: Thing
    qualifier: str


class Setting(NamedTuple):
    """A value that an attribute of an object takes."""

    thing: Thing
    name: str
    value: str


class Fact(NamedTuple):
    """One event. `number`: the n-th of the world, in no order of time; it makes the source's own id, and orders what
    one source tells of one instant. `relations` and `settings` are what its system comes to know with it, and tells
    with it: nothing else does."""

    number: int
    at_us: int
    seen_us: int
    system: str
    activity: str
    things: tuple[Thing, ...]
    actor: str = ""
    actor_kind: str = "system"
    outcome: str = "ok"
    error: str = ""
    cents: int | None = None
    currency: str = CURRENCY
    details: Mapping[str, Any] = {}
    repeats: int = 1
    """How often its system tells of it; more than once is a duplicate under the same id."""
    relations: tuple[Relation, ...] = ()
    settings: tuple[Setting, ...] = ()

    @property
    def id(self) -> str:
        return f"{self.system}-{self.number:09d}"


class Link(NamedTuple):
    """That two objects belong together, as was told with what happened at `at_us`."""

    at_us: int
    one: Thing
    other: Thing
    qualifier: str


class Change(NamedTuple):
    """A value that an attribute of an object took when something happened to it."""

    at_us: int
    thing: Thing
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Telling:
    """When a system tells of what happened: by a log-normal delay, or where `every_us` is given with its next batch."""

    median_s: float = 2.0
    sigma: float = 0.6
    every_us: int = 0
    after_us: int = 0
    """Of a batch: how long after the full period it is there."""
    twice: float = 0.0
    """Share of facts told twice."""
    clock_us: int = MILLISECOND
    """What its clock can tell apart: it knows no instant closer than that."""


TELLING = {
    "shop": Telling(),
    "market-aurora": Telling(6, 0.8),
    "market-bazaar": Telling(20, 0.8),
    "pos": Telling(every_us=15 * MINUTE, after_us=MINUTE),
    "erp": Telling(every_us=HOUR, after_us=5 * MINUTE, clock_us=SECOND),
    "wms": Telling(every_us=10 * MINUTE, after_us=30 * SECOND),
    "payments": Telling(3, 0.7),
    "crm": Telling(10, 0.6),
    "ridge-express": Telling(15 * 60, 1.0, twice=0.01),
    "meadow-post": Telling(40 * 60, 1.1, twice=0.02),
    "harbor-parcel": Telling(20 * 60, 0.9, twice=0.01),
    "supplier-network": Telling(every_us=6 * HOUR, after_us=10 * MINUTE, clock_us=SECOND),
    "bus": Telling(5, 0.5),
    "n8n": Telling(4, 0.5),
    "temporal": Telling(4, 0.5),
    "pricing": Telling(8, 0.5),
    "workforce": Telling(every_us=DAY, after_us=3 * HOUR),
}
"""Every system of the retailer."""


def next_batch_us(telling: Telling, at_us: int) -> int:
    """The first batch in which something of this instant can be."""
    return (at_us // telling.every_us + 1) * telling.every_us + telling.after_us


_WHEN_TOLD = itemgetter(Fact._fields.index("seen_us"), Fact._fields.index("number"))
CARRYING = frozenset({"integration_call", "workflow_run"})
"""Types of what carries other objects about: what is told of a message or a run tells nothing else of these."""
SourceFault = Callable[[Fact], Fact | None]
"""What a fault of a source makes of a fact; None: its system never tells of it."""


@dataclass(slots=True)
class Recorder:
    """Takes facts in the order in which the world comes to know them, and gives them back in the order in which they
    are told."""

    seed: int
    now_us: Callable[[], int]
    source_faults: dict[str, list[SourceFault]] = field(default_factory=dict)
    """By system. They work in this order."""
    facts_in_all: int = 0
    _relations: dict[Key, list[tuple[Relation, tuple[Key, ...]]]] = field(default_factory=dict)
    """Those that no fact tells yet, by the object that was named last, with what the fact has to name."""
    _settings: dict[Key, list[Setting]] = field(default_factory=dict)
    _coming: list[Fact] = field(default_factory=list)
    _draws: dict[str, Draws] = field(default_factory=dict)

    def tell(
        self,
        system: str,
        activity: str,
        things: tuple[Thing, ...],
        at_us: int,
        *,
        actor: str = "",
        by: str = "",
        outcome: str = "ok",
        error: str = "",
        cents: int | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> Fact:
        """Something happened to these things, the first of which it is about; a person did it (`by`), or a service."""
        self.facts_in_all += 1
        telling = TELLING[system]
        draws = self._draws.get(system)
        if draws is None:
            draws = self._draws[system] = Draws(self.seed, "telling", system)
        now_us = self.now_us()
        known_us = at_us if at_us > now_us else now_us  # what the world comes to know afterwards is told afterwards
        if telling.every_us:
            seen_us = next_batch_us(telling, known_us)
        else:
            seen_us = known_us + draws.duration_us(telling.median_s, telling.sigma)
        repeats = 2 if telling.twice and draws.chance(telling.twice) else 1
        who, kind = (by, "human") if by else (actor or system, "system")
        relations, settings = self._news(things)
        fact = Fact(
            self.facts_in_all,
            at_us // telling.clock_us * telling.clock_us,
            seen_us // telling.clock_us * telling.clock_us,
            system,
            activity,
            things,
            who,
            kind,
            outcome,
            error,
            cents,
            CURRENCY,
            details or {},
            repeats,
            relations,
            settings,
        )
        faults = self.source_faults.get(system)
        if faults is None:
            self._coming.append(fact)
            return fact
        told = fact
        for fault in faults:
            found = fault(told)
            if found is None:
                return fact
            told = found
        if (clock_us := telling.clock_us) > MILLISECOND:
            told = told._replace(at_us=told.at_us // clock_us * clock_us, seen_us=told.seen_us // clock_us * clock_us)
        self._coming.append(told)
        return fact

    def link(self, one: Thing, other: Thing, qualifier: str, told_with: Thing | None = None) -> None:
        """The two belong together. The next fact that names both tells it, or where `told_with` is given the next one
        that names that; none of a message or a run does."""
        needed = (one.key, other.key) if told_with is None else (told_with.key,)
        self._relations.setdefault(needed[-1], []).append((Relation(one, other, qualifier), needed))

    def change(self, thing: Thing, name: str, value: str) -> None:
        """An attribute of the thing takes a value, with the next fact that names it, which tells it."""
        self._settings.setdefault(thing.key, []).append(Setting(thing, name, value))

    def _news(self, things: tuple[Thing, ...]) -> tuple[tuple[Relation, ...], tuple[Setting, ...]]:
        """What waits to be told with a fact about these."""
        if things[0].type in CARRYING:
            return (), ()
        keys = [(thing.type, thing.id) for thing in things]
        relations: list[Relation] = []
        settings: list[Setting] = []
        for key in keys:
            if key in self._settings:
                settings += self._settings.pop(key)
            if key in self._relations:
                waiting = self._relations.pop(key)
                due = [relation for relation, needed in waiting if all(one in keys for one in needed)]
                relations += due
                if rest := [one for one in waiting if one[0] not in due]:
                    self._relations[key] = rest
        return tuple(relations), tuple(settings)

    def told_until(self, until_us: int) -> tuple[list[Fact], list[Link], list[Change]]:
        """What was told before this instant and was not given yet, by when it was told, and which links and changes
        were told with it."""
        due = [fact for fact in self._coming if fact.seen_us < until_us]
        due.sort(key=_WHEN_TOLD)
        self._coming = [fact for fact in self._coming if fact.seen_us >= until_us]
        links = [Link(fact.at_us, *one) for fact in due for one in fact.relations]
        changes = [Change(fact.at_us, *one) for fact in due for one in fact.settings]
        return due, links, changes
