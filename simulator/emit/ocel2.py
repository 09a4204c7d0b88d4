"""The log as one OCEL 2.0 file in JSON (https://www.ocel-standard.org): `log.json`.

Events are written as they are told; what is known of objects waits in files by their ids, a part of all objects each,
and follows at the end. Values are text, as the schema of the standard asks, with the kind that is declared for them.

Two marks carry what OCEL has no place for, as `gembascope export` writes it and `gembascope ingest` reads it: an event
attribute `gembascope:FIELD` is a field of the event, such as its source, and `gembascope:LENGTH:TYPE:ID` is the id of
an object where ids of that form belong to objects of another type, since OCEL's ids are unique over all types.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from zlib import crc32

import msgspec

from simulator.emit.writer import STARTED, Known, Stamps, money, span_id, things_of, trace_id
from simulator.world.facts import Fact, Thing

if TYPE_CHECKING:
    from simulator.simulation import Day

PARTS = 64
BEGINNING = "1970-01-01T00:00:00Z"
"""The time of a value that holds from the beginning, as the standard writes it."""
MARK = "gembascope:"
Kind = Literal["string", "time", "integer", "float", "boolean"]
Types = dict[str, dict[str, Kind]]
Record = tuple[str, str, str, str, str, str]
"""What is known of an object: its written id, its type, and either nothing else, an attribute (name, value, time), or
a relation ("", the other's written id, its qualifier)."""
_DIGITS = str.maketrans("123456789", "000000000")
_encode = msgspec.json.Encoder().encode


class OcelWriter:
    """Writes the file into a folder."""

    def __init__(self, folder: Path) -> None:
        self._parts = folder / "objects"
        self._parts.mkdir(parents=True)
        self._out = (folder / "log.json").open("wb")
        self._files = [(self._parts / f"{number:02d}").open("wb") for number in range(PARTS)]
        self._names, self._known, self._stamp = Names(), Known(), Stamps()
        self._quoted = lru_cache(maxsize=20_000)(_quoted)
        self._event_types: Types = {}
        self._object_types: Types = {}
        self._mark = b'{"events":[\n'

    def day(self, day: Day) -> None:
        events = [self._event(fact) for fact in day.facts]
        if events:
            self._out.write(self._mark + ",\n".join(events).encode())
            self._mark = b",\n"
        for thing in things_of(day.facts):
            self._note(thing)
        for _, one, other, qualifier in day.links:
            self._note(one)
            self._note(other)
            self._keep((self._names.of(one), one.type, "relation", "", self._names.of(other), qualifier))
        for at_us, thing, name, value in day.changes:
            self._note(thing)
            self._object_types[thing.type][name] = "string"
            self._keep((self._names.of(thing), thing.type, "value", name, value, self._stamp(at_us)))

    def close(self) -> None:
        for file in self._files:
            file.close()
        out = self._out
        out.write(b'{"events":[' if self._mark.startswith(b"{") else b"\n")
        out.write(b'],\n"objects":[')
        mark = b"\n"
        for number in range(PARTS):
            for item in _objects((self._parts / f"{number:02d}").read_bytes().splitlines()):
                out.write(mark + _encode(item))
                mark = b",\n"
        out.write(b'\n],\n"eventTypes":')
        out.write(_encode(_declared(self._event_types)))
        out.write(b',\n"objectTypes":')
        out.write(_encode(_declared(self._object_types)))
        out.write(b"}\n")
        out.close()
        shutil.rmtree(self._parts)

    def _event(self, fact: Fact) -> str:
        """The event as JSON, put together from pieces: as dictionaries it takes twice as long."""
        quoted, activity = self._quoted, fact.activity
        kinds = self._event_types.get(activity)
        if kinds is None:
            kinds = self._event_types[activity] = {}
        attributes = []
        for name, value, kind in self._attributes(fact):
            if kinds.get(name) != kind:
                kinds[name] = kind if name not in kinds else "string"
            attributes.append(f'{{"name":{quoted(name)},"value":{value}}}')
        relations = [f'{{"objectId":{_quoted(self._names.of(thing))},"qualifier":""}}' for thing in fact.things]
        return (
            f'{{"id":"{fact.id}","type":{quoted(activity)},"time":"{self._stamp(fact.at_us)}",'
            f'"attributes":[{",".join(attributes)}],"relationships":[{",".join(relations)}]}}'
        )

    def _attributes(self, fact: Fact) -> list[tuple[str, str, Kind]]:
        """Name, value as JSON text, and kind."""
        quoted = self._quoted
        found: list[tuple[str, str, Kind]] = [
            ("gembascope:source", quoted(fact.system), "string"),
            ("gembascope:seen_at", f'"{self._stamp(fact.seen_us)}"', "time"),
            ("gembascope:actor", quoted(fact.actor), "string"),
            ("gembascope:actor_kind", quoted(fact.actor_kind), "string"),
            ("gembascope:outcome", quoted(fact.outcome), "string"),
        ]
        if fact.error:
            found.append(("gembascope:error_code", quoted(fact.error), "string"))
        if fact.cents is not None:
            found.append(("gembascope:value", f'"{money(fact.cents)}"', "string"))
            found.append(("gembascope:currency", quoted(fact.currency), "string"))
        if trace := trace_id(fact):
            found.append(("gembascope:trace_id", f'"{trace}"', "string"))
            found.append(("gembascope:span_id", f'"{span_id(fact)}"', "string"))
        for name, value in fact.details.items():
            if name == STARTED:
                found.append(("gembascope:started_at", f'"{self._stamp(value)}"', "time"))
            else:
                text, kind = _written(value)
                found.append((name, quoted(text), kind))
        return found

    def _note(self, thing: Thing) -> None:
        """Keep what a new object has from its beginning."""
        if not self._known.is_new(thing):
            return
        written = self._names.of(thing)
        self._keep((written, thing.type, "", "", "", ""))
        kinds = self._object_types.setdefault(thing.type, {})
        for name, value in thing.attributes.items():
            kinds[name] = "string"
            self._keep((written, thing.type, "value", name, value, BEGINNING))

    def _keep(self, record: Record) -> None:
        self._files[crc32(record[0].encode()) % PARTS].write(_encode(record) + b"\n")


class Names:
    """Ids as they are written. Ids that differ in digits alone are of one form, which belongs to the type that used it
    first; objects of another type whose ids have this form are written under longer ones."""

    def __init__(self) -> None:
        self._owners: dict[str, str] = {}

    def of(self, thing: Thing) -> str:
        owner = self._owners.setdefault(thing.id.translate(_DIGITS), thing.type)
        return thing.id if owner == thing.type else f"{MARK}{len(thing.type)}:{thing.type}:{thing.id}"


def _quoted(text: str) -> str:
    return _encode(text).decode()


def _written(value: Any) -> tuple[str, Kind]:
    """A detail as text, and its kind; what OCEL has no kind for is JSON."""
    if isinstance(value, str):
        return value, "string"
    if isinstance(value, bool):
        return ("true" if value else "false"), "boolean"
    text = _encode(value).decode()
    return text, "integer" if isinstance(value, int) else "float" if isinstance(value, float) else "string"


def _objects(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """The objects of one part by their ids. Of two values from the beginning the first counts."""
    found: dict[str, dict[str, Any]] = {}
    first: set[tuple[str, str]] = set()
    for line in lines:
        written, type_, what, name, value, more = msgspec.json.decode(line, type=Record)
        item = found.get(written)
        if item is None:
            item = found[written] = {"id": written, "type": type_, "attributes": [], "relationships": []}
        if what == "relation":
            relation = {"objectId": value, "qualifier": more}
            if relation not in item["relationships"]:
                item["relationships"].append(relation)
        elif what == "value":
            if more == BEGINNING:
                if (written, name) in first:
                    continue
                first.add((written, name))
            item["attributes"].append({"name": name, "time": more, "value": value})
    for written in sorted(found):
        yield found[written]


def _declared(types: Types) -> list[dict[str, Any]]:
    return [
        {"name": name, "attributes": [{"name": key, "type": kind} for key, kind in sorted(kinds.items())]}
        for name, kinds in sorted(types.items())
    ]
