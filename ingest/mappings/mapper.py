"""Records to events, by a pack. A rule is made into functions once; a record then costs one call per expression."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from ingest.event_form import Event, Unfit
from ingest.mappings.decoding import Record
from ingest.mappings.expressions import Evaluated, Scope, compiled
from ingest.mappings.pack import Attributes, ChangeRule, Constant, EventRule, LinkRule, MappingPack, ObjectRule, Value
from ingest.sources.delivery import Delivery

PLAIN = (
    "id", "activity", "occurred_at", "seen_at", "started_at", "lifecycle", "actor", "actor_kind", "outcome",
    "error_code", "currency", "trace_id", "span_id",
)  # fmt: skip
"""Fields that are text: a number of a source becomes text here."""
OTHER = ("sequence", "value", "revision")
TRUE = "true"


@dataclass(frozen=True, slots=True)
class Mapped:
    """What was made of one record: its events, or why there are none."""

    events: list[Event]
    ignored: str = ""
    unfit: str = ""
    rule: str = ""
    """The one that took it."""


Builder = Callable[[Scope], Iterator[dict[str, Any]]]


class Mapper:
    """Makes events by one pack; safe to use from several threads."""

    def __init__(self, pack: MappingPack) -> None:
        self.pack = pack
        self._tables = pack.tables
        self._rules = [
            (rule.name, self._test(rule.when), rule.ignore, [self._event(one) for one in pack.merged(rule)])
            for rule in pack.rules
        ]

    def mapped(self, record: Record, delivery: Delivery) -> Mapped:
        """The events of a record. All of them, or none where one is unfit: a record is whole or in quarantine."""
        if record.unfit:
            return Mapped([], unfit=record.unfit)
        scope = {"body": record.body, "headers": delivery.headers, "key": delivery.key, "context": record.context}
        name = ""
        try:
            for name, test, ignored, events in self._rules:
                if test is not None and not _holds(test(scope)):
                    continue
                if ignored:
                    return Mapped([], ignored=ignored, rule=name)
                return Mapped([_event(given) for build in events for given in build(scope)], rule=name)
        except Unfit as error:
            return Mapped([], unfit=f"rule {name!r}: {error}", rule=name)
        return Mapped([], unfit=f"no rule of the mapping pack {self.pack.id!r} is for it")

    # What rules become ---------------------------------------------------------------------------------------

    def _test(self, when: str | None) -> Evaluated | None:
        return compiled(when, self._tables) if when is not None else None

    def _value(self, value: Value | None) -> Evaluated:
        if value is None:
            return lambda scope: None
        if isinstance(value, Constant):
            constant = value.is_
            return lambda scope: constant
        return compiled(value, self._tables)

    def _event(self, rule: EventRule) -> Builder:
        plain = [(name, self._value(getattr(rule, name))) for name in PLAIN if getattr(rule, name) is not None]
        other = [(name, self._value(getattr(rule, name))) for name in OTHER if getattr(rule, name) is not None]
        attributes = self._attributes(rule.attributes or Attributes())
        objects = [self._object(one) for one in rule.objects or ()]
        links = [self._link(one) for one in rule.links or ()]
        changes = [self._change(one) for one in rule.changes or ()]

        def build(scope: Scope) -> Iterator[dict[str, Any]]:
            event: dict[str, Any] = {}
            for name, value in plain:
                if (found := value(scope)) is not None:
                    event[name] = _text(name, found)
            for name, value in other:
                if (found := value(scope)) is not None and found != "":
                    event[name] = found
            if found := attributes(scope):
                event["attributes"] = found
            told: list[dict[str, Any]] = []
            event["objects"] = [one for make in objects for one in make(scope, told)]
            event["links"] = [one for make in links for one in make(scope)]
            event["changes"] = told + [one for make in changes for one in make(scope)]
            yield event

        return self._for_each(rule.each, rule.when, build)

    def _object(self, rule: ObjectRule) -> Callable[[Scope, list[dict[str, Any]]], Iterator[dict[str, Any]]]:
        type_, id_, qualifier = self._value(rule.type), self._value(rule.id), self._value(rule.qualifier)
        attributes, initial = self._attributes(rule.attributes), self._attributes(rule.initial)

        def build(scope: Scope) -> Iterator[dict[str, Any]]:
            if not (name := _text("objects", id_(scope))):
                return
            given: dict[str, Any] = {"type": _text("objects", type_(scope)), "id": name}
            if word := _text("objects", qualifier(scope)):
                given["qualifier"] = word
            if found := attributes(scope):
                given["attributes"] = found
            given["initial"] = initial(scope)
            yield given

        each = self._for_each(rule.each, rule.when, build)

        def made(scope: Scope, told: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
            for given in each(scope):
                for name, value in given.pop("initial").items():
                    told.append({"type": given["type"], "id": given["id"], "attribute": name, "value": value})
                yield given

        return made

    def _link(self, rule: LinkRule) -> Builder:
        ends = [(self._value(end.type), self._value(end.id)) for end in (rule.from_, rule.to)]
        qualifier = self._value(rule.qualifier)

        def build(scope: Scope) -> Iterator[dict[str, Any]]:
            one, other = ({"type": _text("links", t(scope)), "id": _text("links", i(scope))} for t, i in ends)
            if one["id"] and other["id"]:
                yield {"from": one, "to": other, "qualifier": _text("links", qualifier(scope))}

        return self._for_each(rule.each, rule.when, build)

    def _change(self, rule: ChangeRule) -> Builder:
        texts = [(name, self._value(getattr(rule, name))) for name in ("type", "id", "attribute", "at")]
        value = self._value(rule.value)

        def build(scope: Scope) -> Iterator[dict[str, Any]]:
            given: dict[str, Any] = {name: _text("changes", found(scope)) for name, found in texts}
            given["value"] = value(scope)
            if not given["at"]:
                del given["at"]
            if given["id"] and given["value"] is not None:
                yield given

        return self._for_each(rule.each, rule.when, build)

    def _attributes(self, rule: Attributes) -> Callable[[Scope], dict[str, Any]]:
        named = [(name, self._value(value)) for name, value in rule.named.items()]
        everything = self._test(rule.all)

        def build(scope: Scope) -> dict[str, Any]:
            found: dict[str, Any] = {}
            if everything is not None and (some := everything(scope)) is not None:
                if not isinstance(some, dict):
                    raise Unfit(f"attributes: {_kind(some)} is no object")
                found |= {name: value for name, value in some.items() if value is not None}
            for name, value in named:
                if (one := value(scope)) is not None:
                    found[name] = one
            return found

        return build

    def _for_each(self, each: str | None, when: str | None, build: Builder) -> Builder:
        test = self._test(when)

        def tested(scope: Scope) -> Iterator[dict[str, Any]]:
            if test is None or _holds(test(scope)):
                yield from build(scope)

        if each is None:
            return tested
        items = compiled(each, self._tables)

        def for_each(scope: Scope) -> Iterator[dict[str, Any]]:
            found = items(scope)
            if found is None:
                return
            if not isinstance(found, list):
                raise Unfit(f"each: {_kind(found)} is no list")
            for number, item in enumerate(found):
                yield from tested({**scope, "item": item, "number": number})

        return for_each


def _holds(found: Any) -> bool:
    """Whether JMESPath takes a value for true."""
    return found is not None and found is not False and (found == 0 or bool(found))


def _text(name: str, found: Any) -> str:
    if isinstance(found, str):
        return found
    if found is None:
        return ""
    if isinstance(found, bool):
        return TRUE if found else "false"
    if isinstance(found, int):
        return str(found)
    if isinstance(found, float):
        return str(int(found)) if found.is_integer() and abs(found) < 2**53 else repr(found)
    raise Unfit(f"{name}: {_kind(found)} is no text")


def _kind(value: Any) -> str:
    return "a list" if isinstance(value, list) else "an object" if isinstance(value, dict) else f"{str(value)[:60]!r}"


def _event(given: Mapping[str, Any]) -> Event:
    try:
        return msgspec.convert(given, Event)
    except msgspec.ValidationError as error:
        raise Unfit(str(error)) from None
