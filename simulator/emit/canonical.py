"""Facts as events of `POST /api/v1/events`: what each system tells, in the one form that the service takes at run time.

Each event carries what its system tells with it: attributes that objects have from their beginning, values that they
take, and which of them belong together. Ids are those of the systems, so sending an event again adds nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from simulator.emit.writer import STARTED, Beginnings, Stamps, clocks, money, span_id, trace_id
from simulator.world.facts import Fact, Relation, Thing

if TYPE_CHECKING:
    from simulator.simulation import Day

_encode = msgspec.json.Encoder().encode


class Canonical:
    """Makes events of one simulation's days, given in their order."""

    def __init__(self) -> None:
        self._beginnings, self._stamp, self._clocks = Beginnings(), Stamps(), clocks()

    def events(self, day: Day) -> Iterator[tuple[int, str, bytes]]:
        """When each event is told, by which system, and the event as JSON; those that are told twice come twice."""
        for fact in day.facts:
            event = _encode(self._event(fact))
            for _ in range(fact.repeats):
                yield fact.seen_us, fact.system, event

    def _event(self, fact: Fact) -> dict[str, Any]:
        at = self._clocks.get(fact.system, self._stamp)(fact.at_us)
        event: dict[str, Any] = {
            "id": fact.id,
            "source": fact.system,
            "activity": fact.activity,
            "occurred_at": at,
            "seen_at": self._stamp(fact.seen_us),
            "sequence": fact.number,
            "actor": fact.actor,
            "actor_kind": fact.actor_kind,
            "outcome": fact.outcome,
            "objects": [_object(thing, fact) for thing in fact.things],
        }
        if (started_us := fact.details.get(STARTED)) is not None:
            event["started_at"] = self._stamp(started_us)
        if fact.error:
            event["error_code"] = fact.error
        if fact.cents is not None:
            event |= {"value": money(fact.cents), "currency": fact.currency}
        if attributes := {name: value for name, value in fact.details.items() if name != STARTED}:
            event["attributes"] = attributes
        if trace := trace_id(fact):
            event |= {"trace_id": trace, "span_id": span_id(fact)}
        if fact.relations:
            event["links"] = [_link(one) for one in fact.relations]
        if changes := [
            {"type": thing.type, "id": thing.id, "attribute": name, "value": value}
            for thing, given in self._beginnings.of(fact).items()
            for name, value in given.items()
        ]:
            event["changes"] = changes
        return event


def _object(thing: Thing, fact: Fact) -> dict[str, Any]:
    found: dict[str, Any] = {"type": thing.type, "id": thing.id}
    taken = {one.name: one.value for one in fact.settings if one.thing.key == thing.key} if fact.settings else {}
    return found | ({"attributes": taken} if taken else {})


def _link(relation: Relation) -> dict[str, Any]:
    one, other, qualifier = relation
    return {
        "from": {"type": one.type, "id": one.id},
        "to": {"type": other.type, "id": other.id},
        "qualifier": qualifier,
    }
