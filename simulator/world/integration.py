"""Messages between systems: sent over interfaces that can be slow, fail and be tried again, and end as dead letters.

Every attempt is told by the bus as an event of an integration call, which knows what object of the business it was
about: the way from a technical fault to the orders that it holds up.
"""

from __future__ import annotations

from heapq import heapify, heapreplace
from typing import TYPE_CHECKING, Any, NamedTuple

from simulator.world.draws import Draws, Table
from simulator.world.facts import Thing
from simulator.world.retailer import INTERFACES, Interface
from simulator.world.times import HOUR, MINUTE, SECOND

if TYPE_CHECKING:
    from simulator.faults.active import Active
    from simulator.world.world import World

FAILS = 0.004
"""Of attempts, on any day."""
BACKOFF_US = (30 * SECOND, 2 * MINUTE, 8 * MINUTE, 30 * MINUTE)
"""Pauses between attempts; after the last one it is a dead letter."""
ERRORS = Table({"http_503": 0.45, "http_500": 0.2, "timeout": 0.3, "connection_reset": 0.05})
GIVES_UP_US = 30 * SECOND
"""How long an attempt waits for an answer."""


class Delivery(NamedTuple):
    """What became of a message. `at_us`: when it arrived; None when it never did, as far as is known now."""

    at_us: int | None
    attempts: int
    call: Thing


class Integration:
    """The integration layer. Messages are sent in the order of time."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._sent = dict.fromkeys(INTERFACES, 0)
        self._free: dict[str, list[int]] = {}
        for one in INTERFACES.values():
            self._free[one.id] = [0] * one.workers
            heapify(self._free[one.id])

    def send(self, interface: str, things: tuple[Thing, ...], at_us: int, about: int = 1) -> Delivery:
        """Send a message about these things; the first of them, or so many of the first, are what it is about."""
        world, one = self._world, INTERFACES[interface]
        self._sent[interface] += 1
        call = Thing("integration_call", f"{interface}-{self._sent[interface]:07d}", interface=interface)
        draws = Draws(world.seed, "call", call.id)
        objects = (call, *things)
        begins_us = self._turn(one, at_us)
        attempt = 1
        while True:
            takes_us, error = self._attempt(one, things[:about], begins_us, draws)
            ends_us = begins_us + takes_us
            self._tell(objects, begins_us, ends_us, attempt, error)
            if not error:
                return Delivery(ends_us, attempt, call)
            again_us = self._again(one, things[:about], call, attempt, ends_us)
            if again_us is None:
                return self._dead(one, objects, call, attempt, ends_us, draws)
            begins_us, attempt = again_us, attempt + 1

    def _turn(self, one: Interface, at_us: int) -> int:
        """Messages wait in one line for one of the workers, each of which is busy for the usual time."""
        free = self._free[one.id]
        begins_us = max(at_us, free[0])
        heapreplace(free, begins_us + int(one.median_s * SECOND) // 2)
        return begins_us

    def _attempt(self, one: Interface, things: tuple[Thing, ...], at_us: int, draws: Draws) -> tuple[int, str]:
        """How long it takes, and why it fails; "" when it does not."""
        faults = self._world.faults
        dead = faults.at("webhook_dead", at_us, interface=one.id)
        if dead is not None:
            _hit(dead, things, at_us, interface=one.id)
            return GIVES_UP_US, "connection_refused"
        storm = faults.at("retry_storm", at_us, things[0], interface=one.id)
        if storm is not None:
            _hit(storm, things, at_us, interface=one.id)
            return draws.duration_us(one.median_s, 0.4), "http_500"
        growth = faults.at("dead_letter_growth", at_us, things[0], interface=one.id)
        if growth is not None:
            return draws.duration_us(one.median_s, 0.4), "http_422"
        takes_us = draws.duration_us(one.median_s, 0.7)
        slow = faults.at("webhook_slow", at_us, interface=one.id)
        if slow is not None:
            _hit(slow, things, at_us, interface=one.id)
            return int(takes_us * slow.size) // 1000 * 1000, ""
        if draws.chance(FAILS):
            return GIVES_UP_US, draws.pick(ERRORS)
        return takes_us, ""

    def _again(self, one: Interface, things: tuple[Thing, ...], call: Thing, attempt: int, at_us: int) -> int | None:
        """When the message is tried again; None when it is not."""
        faults = self._world.faults
        storm = faults.at("retry_storm", at_us, things[0], interface=one.id)
        if storm is not None:
            return at_us + SECOND if attempt < storm.size else None
        growth = faults.at("dead_letter_growth", at_us, things[0], interface=one.id)
        if growth is not None:
            _hit(growth, things, at_us, interface=one.id, call=call.id)
            return None
        return at_us + BACKOFF_US[attempt - 1] if attempt <= len(BACKOFF_US) else None

    def _dead(
        self, one: Interface, objects: tuple[Thing, ...], call: Thing, attempts: int, at_us: int, draws: Draws
    ) -> Delivery:
        """The integration team replays dead letters in its working hours, once the other side answers again; not those
        that grow without anybody noticing."""
        world = self._world
        world.recorder.tell(
            "bus",
            "Message dead-lettered",
            objects,
            at_us,
            outcome="error",
            error="attempts",
            details={"attempt": attempts},
        )
        growth = world.faults.at("dead_letter_growth", at_us, objects[1], interface=one.id)
        if growth is not None:
            return Delivery(None, attempts, call)
        answers_us = at_us
        for kind in ("webhook_dead", "retry_storm"):
            fault = world.faults.at(kind, at_us, interface=one.id)
            answers_us = fault.ends_us if fault is not None else answers_us
        replayed_us = world.office.at_work(max(at_us, answers_us) + draws.duration_us(20 * 60, 0.5))
        by = f"integrator-{draws.whole(1, 4):02d}"
        world.recorder.tell("bus", "Message replayed", objects, replayed_us, by=by, details={"attempt": attempts + 1})
        ends_us = replayed_us + draws.duration_us(one.median_s, 0.5)
        self._tell(objects, replayed_us, ends_us, attempts + 1, "")
        return Delivery(ends_us, attempts + 1, call)

    def _tell(self, objects: tuple[Thing, ...], begins_us: int, ends_us: int, attempt: int, error: str) -> None:
        """One attempt: that it began, and how it ended."""
        tell, details = self._world.recorder.tell, {"attempt": attempt}
        first = "Call started" if attempt == 1 else "Call retried"
        tell("bus", first, objects, begins_us, outcome="ok" if attempt == 1 else "retry", details=details)
        done = {**details, "started_us": begins_us}
        if error:
            outcome = "timeout" if error == "timeout" else "error"
            failed = "Call timed out" if error == "timeout" else "Call failed"
            tell("bus", failed, objects, ends_us, outcome=outcome, error=error, details=done)
        else:
            tell("bus", "Call succeeded", objects, ends_us, details=done)


def _hit(fault: Active, things: tuple[Thing, ...], at_us: int, **shows: Any) -> None:
    for thing in things:
        fault.hit(thing, at_us, **shows)


ERP_BATCH_US, ERP_BATCH_AFTER_US = HOUR, 10 * MINUTE
"""The ERP posts every hour, ten minutes past."""


def erp_batch_us(world: World, thing: Thing, at_us: int) -> int:
    """When the ERP posts what it was given at this instant: with its next batch that runs."""
    batch_us = (at_us - ERP_BATCH_AFTER_US) // ERP_BATCH_US * ERP_BATCH_US + ERP_BATCH_AFTER_US
    while True:
        batch_us += ERP_BATCH_US
        skipped = world.faults.at("erp_batch_skipped", batch_us)
        if skipped is None:
            return batch_us
        skipped.hit(thing, batch_us, given_at_us=at_us)
