"""Facts as events of `POST /api/v1/events`: what each system tells, in the one form that the service takes at run time.

Objects carry the attributes that they have from their beginning with the first event that is told of them, and what
changed with the next one that happens after it. A link comes with the first event of either end that is told after the
two belong together. Ids are those of the systems, so sending an event again adds nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from simulator.emit.writer import STARTED, Known, Stamps, money, span_id, trace_id
from simulator.world.facts import Change, Fact, Link, Thing

if TYPE_CHECKING:
    from simulator.simulation import Day

Key = tuple[str, str]
_encode = msgspec.json.Encoder().encode


class Canonical:
    """Makes events of one simulation's days, given in their order."""

    def __init__(self) -> None:
        self._known, self._stamp = Known(), Stamps()
        self._links: dict[Key, list[list[Link]]] = {}  # each link alone in a list that both ends share
        self._changes: dict[Key, list[Change]] = {}

    def events(self, day: Day) -> Iterator[tuple[int, str, bytes]]:
        """When each event is told, by which system, and the event as JSON; those that are told twice come twice."""
        for link in day.links:
            waiting = [link]
            for end in (link.one, link.other):
                self._links.setdefault(end.key, []).append(waiting)
        for change in day.changes:
            self._changes.setdefault(change.thing.key, []).append(change)
        for fact in day.facts:
            event = _encode(self._event(fact))
            for _ in range(fact.repeats):
                yield fact.seen_us, fact.system, event

    def _event(self, fact: Fact) -> dict[str, Any]:
        stamp = self._stamp
        event: dict[str, Any] = {
            "id": fact.id,
            "source": fact.system,
            "activity": fact.activity,
            "occurred_at": stamp(fact.at_us),
            "seen_at": stamp(fact.seen_us),
            "actor": fact.actor,
            "actor_kind": fact.actor_kind,
            "outcome": fact.outcome,
            "objects": [self._object(thing, fact) for thing in fact.things],
        }
        if (started_us := fact.details.get(STARTED)) is not None:
            event["started_at"] = stamp(started_us)
        if fact.error:
            event["error_code"] = fact.error
        if fact.cents is not None:
            event |= {"value": money(fact.cents), "currency": fact.currency}
        if attributes := {name: value for name, value in fact.details.items() if name != STARTED}:
            event["attributes"] = attributes
        if trace := trace_id(fact):
            event |= {"trace_id": trace, "span_id": span_id(fact)}
        if links := [link for thing in fact.things for link in self._due_links(thing, fact.seen_us)]:
            event["links"] = links
        return event

    def _object(self, thing: Thing, fact: Fact) -> dict[str, Any]:
        found: dict[str, Any] = {"type": thing.type, "id": thing.id}
        attributes = dict(thing.attributes) if self._known.is_new(thing) else {}
        if changes := self._changes.pop(thing.key, []):
            due = [change for change in changes if change.at_us <= fact.at_us]
            attributes |= {change.name: change.value for change in due}
            if later := [change for change in changes if change.at_us > fact.at_us]:
                self._changes[thing.key] = later
        return found | ({"attributes": attributes} if attributes else {})

    def _due_links(self, thing: Thing, seen_us: int) -> Iterator[dict[str, Any]]:
        """The links of an object that came about by then and were not given yet."""
        later = []
        for waiting in self._links.pop(thing.key, []):
            if not waiting:
                continue
            if waiting[0].at_us > seen_us:
                later.append(waiting)
                continue
            _, one, other, qualifier = waiting.pop()
            yield {
                "from": {"type": one.type, "id": one.id},
                "to": {"type": other.type, "id": other.id},
                "qualifier": qualifier,
            }
        if later:
            self._links[thing.key] = later
