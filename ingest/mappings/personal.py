"""What is known of persons, hidden before it is kept: keyed pseudonyms, or nothing at all.

A pseudonym follows from a key of the tenant and from what it stands for, so the same person is the same one in every
source that hides them, and nobody without the key finds out who that is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from ingest.event_form import Event, Link, Named
from ingest.mappings.pack import Personal

Hide = Callable[[str], str]


class Privacy:
    """Hides what a pack and a source call personal. `hide`: the pseudonym of a text."""

    def __init__(self, rules: tuple[Personal, ...], hide: Hide) -> None:
        self._hide = hide
        self._actor: str | None = None
        self._fields: dict[str, str] = {}
        self._ids: set[str] = set()
        self._attributes: dict[tuple[str, str], str] = {}
        for rule in rules:
            kind, _, rest = rule.field.partition(".")
            type_, _, name = rest.partition(".")
            if kind == "objects" and not name:
                self._ids.add(type_)
            elif kind == "objects":
                self._attributes[type_, name] = rule.do
            elif kind == "attributes":
                self._fields[rest] = rule.do
            else:
                self._actor = rule.do

    def __bool__(self) -> bool:
        return bool(self._fields or self._ids or self._attributes or self._actor)

    def hidden(self, event: Event) -> Event:
        """The event as it may be kept."""
        changed: dict[str, Any] = {}
        if self._actor is not None and event.actor:
            changed["actor"] = self._hide(event.actor) if self._actor == "pseudonym" else ""
        if self._fields:
            changed["attributes"] = self._without(event.attributes, self._fields)
        if self._ids or self._attributes:
            changed["objects"] = [
                msgspec.structs.replace(
                    one, id=self._id(one.type, one.id), attributes=self._of_object(one.type, one.attributes)
                )
                for one in event.objects
            ]
            changed["links"] = [Link(self._end(one.from_), self._end(one.to), one.qualifier) for one in event.links]
            changed["changes"] = [
                msgspec.structs.replace(one, id=self._id(one.type, one.id), value=found[one.attribute])
                for one in event.changes
                if one.attribute in (found := self._of_object(one.type, {one.attribute: one.value}))
            ]
        return msgspec.structs.replace(event, **changed)

    def _end(self, named: Named) -> Named:
        return Named(named.type, self._id(named.type, named.id))

    def _id(self, type_: str, id_: str) -> str:
        return self._hide(id_) if type_ in self._ids else id_

    def _of_object(self, type_: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
        return self._without(attributes, {name: do for (of, name), do in self._attributes.items() if of == type_})

    def _without(self, attributes: Mapping[str, Any], fields: Mapping[str, str]) -> dict[str, Any]:
        found = dict(attributes)
        for name, do in fields.items():
            if name in found:
                value = found.pop(name)
                if do == "pseudonym" and value is not None:
                    text = value if isinstance(value, str) else msgspec.json.encode(value, order="sorted").decode()
                    found[name] = self._hide(text)
        return found
