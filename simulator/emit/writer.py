"""What a writer of one format is, and what several of them share."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Protocol
from zoneinfo import ZoneInfo

from simulator.world.facts import CARRYING, TELLING, Fact, Thing
from simulator.world.times import DAY, MINUTE, SECOND, as_datetime

if TYPE_CHECKING:
    from simulator.simulation import Day

REMEMBERED = 200_000
"""So many objects at least are remembered as told; twice as many at most."""
CALL = "integration_call"
"""The type of a message between systems."""
STARTED = "started_us"
"""The detail of a fact that tells when what ended with it had begun."""


BEGINNINGS = frozenset({"Call started", "Call retried"})
"""How an attempt of a message begins."""


class Writer(Protocol):
    """Writes into one folder. Days come in their order; after `close` all is in its files."""

    def day(self, day: Day) -> None: ...

    def close(self) -> None: ...


class Known:
    """Which objects were told of before. One that nothing was heard of for long is forgotten, so that the memory of it
    is bounded: it is then new once more."""

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._remembered = remembered
        self._young: set[tuple[str, str]] = set()
        self._old: set[tuple[str, str]] = set()

    def is_new(self, thing: Thing) -> bool:
        """Whether this is the first time that the object is asked about."""
        key = (thing.type, thing.id)
        if key in self._young:
            return False
        self._young.add(key)
        known = key in self._old
        if len(self._young) >= self._remembered:
            self._old, self._young = self._young, set()
        return not known


LATER = ("fulfilled_by", "carrier")
"""Attributes of an order that are decided after it was taken, by the ERP."""
DECIDES = "erp"
SELLS = frozenset({"shop", "market-aurora", "market-bazaar", "pos"})
"""Systems in which orders are placed, which alone know what is in them."""


class Beginnings:
    """What is told of objects from their beginning: the first fact that names an object tells it, if its system can
    know it. What carries objects about tells of itself alone; what is in an order only systems tell that sell, and what
    the ERP decides of it no other system.
    """

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._known, self._decided = Known(remembered), Known(remembered)
        self._recent: set[Thing] = set()  # that need not be asked about: most facts are of these
        self._most = remembered // 4

    def of(self, fact: Fact) -> Mapping[Thing, Mapping[str, str]]:
        """The attributes that a fact tells, by its objects; only those that it tells any of."""
        things, recent = fact.things, self._recent
        if things[0].type in CARRYING:
            things = things[:1]
        found: dict[Thing, Mapping[str, str]] = {}
        for thing in things:
            if thing in recent or not thing.attributes:
                continue
            if thing.type == "order":
                if told := self._of_order(thing, fact.system):
                    found[thing] = told
                continue
            recent.add(thing)
            if self._known.is_new(thing):
                found[thing] = thing.attributes
        if len(recent) > self._most:
            recent.clear()
        return found

    def _of_order(self, order: Thing, system: str) -> dict[str, str]:
        if system in SELLS and self._known.is_new(order):
            return {name: value for name, value in order.attributes.items() if name not in LATER}
        if system == DECIDES and self._decided.is_new(order):
            return {name: order.attributes[name] for name in LATER if name in order.attributes}
        return {}


def money(cents: int) -> str:
    """An amount as decimal text."""
    sign, size = ("-", -cents) if cents < 0 else ("", cents)
    return f"{sign}{size // 100}.{size % 100:02d}"


class Stamps:
    """Instants as RFC 3339 text with milliseconds, in UTC as `times.written` gives it or by the clocks of a zone with
    their offset; without milliseconds where `exact_us` is a second. A minute is worked out once."""

    def __init__(self, zone: str = "", exact_us: int = 0) -> None:
        self._zone = ZoneInfo(zone) if zone else None
        self._length = 2 if exact_us >= SECOND else 6
        self._minutes: dict[int, tuple[str, str]] = {}
        self._seconds = _seconds()
        self._last = -1, ""

    def __call__(self, at_us: int) -> str:
        if at_us == self._last[0]:  # the next of a batch
            return self._last[1]
        minute, rest_us = divmod(at_us, MINUTE)
        found = self._minutes.get(minute)
        if found is None:
            if len(self._minutes) > 3 * DAY // MINUTE:
                self._minutes.clear()
            found = self._minutes[minute] = self._minute(minute * MINUTE)
        text = f"{found[0]}{self._seconds[rest_us // 1_000][: self._length]}{found[1]}"
        self._last = at_us, text
        return text

    def _minute(self, at_us: int) -> tuple[str, str]:
        """What stands before its seconds, and behind them."""
        at = as_datetime(at_us)
        if self._zone is None:
            return at.strftime("%Y-%m-%dT%H:%M:"), "Z"
        text = at.astimezone(self._zone).isoformat(timespec="minutes")
        return text[:16] + ":", text[16:]


def clocks() -> dict[str, Stamps]:
    """What writes the instants of each system, as exactly as its clock knows them."""
    exact, coarse = Stamps(), Stamps(exact_us=SECOND)
    return {system: exact if telling.clock_us < SECOND else coarse for system, telling in TELLING.items()}


@cache
def _seconds() -> tuple[str, ...]:
    """The seconds of a minute in all their milliseconds."""
    return tuple(f"{number // 1000:02d}.{number % 1000:03d}" for number in range(60_000))


def trace_id(fact: Fact) -> str:
    """The trace of a message between systems: all its attempts; "" for anything else."""
    first = fact.things[0]
    return digest(16, first.id) if first.type == CALL else ""


def span_id(fact: Fact) -> str:
    """The attempt of a message that a fact is about, or the fact alone where it only takes an instant; "" for what is
    about no message."""
    first = fact.things[0]
    if first.type != CALL:
        return ""
    is_attempt = STARTED in fact.details or fact.activity in BEGINNINGS
    return digest(8, f"{first.id}:{fact.details.get('attempt', 0)}" if is_attempt else fact.id)


def digest(size: int, of: str) -> str:
    """A name that follows from another, as so many bytes in hexadecimal digits."""
    return hashlib.blake2b(of.encode(), digest_size=size).hexdigest()
