"""Faults in force: whether one strikes, and what it struck, for the truth."""

from __future__ import annotations

import hashlib
from datetime import date
from decimal import Decimal
from typing import Any

from simulator.faults.scenario import Fault, Scenario
from simulator.world.facts import CURRENCY, Thing
from simulator.world.times import WEEKDAYS, as_datetime, written


class Active:
    """One fault of a scenario."""

    def __init__(self, number: int, fault: Fault, seed: int, first: date) -> None:
        self.number, self.kind, self.where = number, fault.of_kind, fault.where
        self.begins_us, self.ends_us = fault.span_us(first)
        self.share = self.kind.share if fault.share is None else fault.share
        self._size = self.kind.size if fault.size is None else fault.size
        self.used = 0.0
        """How much of its size is used up, where that is a limit."""
        self._seed = seed
        self._hits: dict[tuple[str, str], dict[str, Any]] = {}

    @property
    def size(self) -> float:
        """How strong it is, in the unit of its kind."""
        if self._size is None:
            raise ValueError(f"{self.kind.id} has no size")
        return self._size

    def covers(self, at_us: int, about: dict[str, str]) -> bool:
        """Whether it is in force then for what this is about: it fits all that the scenario narrows it to."""
        if not self.begins_us <= at_us < self.ends_us:
            return False
        for name, value in self.where.items():
            if name == "weekday":
                if WEEKDAYS[as_datetime(at_us).weekday()] != value:
                    return False
            elif about.get(name) != value:
                return False
        return True

    def strikes(self, thing: Thing) -> bool:
        """Whether this thing is among the share that it strikes: always the same answer for the same thing."""
        if self.share >= 1:
            return True
        text = f"{self._seed}:{self.number}:{thing.type}:{thing.id}"
        drawn = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())
        return drawn < self.share * 2**64

    def hit(self, thing: Thing, at_us: int, *, cents: int = 0, shown_us: int | None = None, **shows: Any) -> None:
        """The thing is affected since then; `shows`: what the log must show of it, for whoever proves the truth.

        `shown_us`: when that can be seen, where it is later. What was not seen before the end is no part of the truth.
        """
        seen_us = at_us if shown_us is None else shown_us
        hit = self._hits.setdefault(thing.key, {"at_us": at_us, "shown_us": seen_us, "cents": 0, "shows": {}})
        hit["cents"] += cents
        hit["shows"].update(shows)

    def is_hit(self, thing: Thing) -> bool:
        return thing.key in self._hits

    def truth(self, until_us: int) -> dict[str, Any]:
        """What it did, as plain values that JSON can hold; things in the order of their types and ids."""
        hits = sorted((key, hit) for key, hit in self._hits.items() if max(hit["at_us"], hit["shown_us"]) < until_us)
        cents = sum(hit["cents"] for _, hit in hits)
        kind = self.kind
        cause = self.where.get(kind.cause, kind.cause)
        return {
            "kind": kind.id,
            "title": kind.title,
            "start": written(self.begins_us),
            "end": written(self.ends_us),
            "where": dict(self.where),
            "share": self.share,
            **({"size": self._size, "size_is": kind.size_is} if self._size is not None else {}),
            "cause": cause,
            "is_fault": kind.is_fault,
            "affected": [
                {"type": key[0], "id": key[1], "at": written(hit["at_us"]), **hit["shows"]} for key, hit in hits
            ],
            "money": {CURRENCY: str(Decimal(cents).scaleb(-2))} if cents else {},
            "finding": {"exception": kind.finding, "process": kind.process, "suspect": cause} if kind.finding else None,
        }


class Faults:
    """All faults of a scenario, by kind."""

    def __init__(self, scenario: Scenario, seed: int, first: date) -> None:
        self.all = [Active(number, fault, seed, first) for number, fault in enumerate(scenario.faults, 1)]
        self._by_kind: dict[str, list[Active]] = {}
        for active in self.all:
            self._by_kind.setdefault(active.kind.id, []).append(active)

    def of(self, kind: str) -> list[Active]:
        """The faults of a kind, in force or not."""
        return self._by_kind.get(kind, [])

    def at(self, kind: str, at_us: int, thing: Thing | None = None, **about: str) -> Active | None:
        """The first fault of the kind that is in force then for what this is about, and strikes the thing."""
        for active in self._by_kind.get(kind, ()):
            if active.covers(at_us, about) and (thing is None or active.strikes(thing)):
                return active
        return None

    def truth(self, until_us: int) -> list[dict[str, Any]]:
        return [active.truth(until_us) for active in self.all]
