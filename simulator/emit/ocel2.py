"""The log as one OCEL 2.0 file in JSON (https://www.ocel-standard.org): `log.json`.

Events are written as they are told; what is known of objects waits in files by their ids, a part of all objects each,
and follows at the end. Values are text, as the schema of the standard asks, with the kind that is declared for them.

Two marks carry what OCEL has no place for, as `gembascope export` writes it and `gembascope ingest` reads it: an event
attribute `gembascope:FIELD` is a field of the event, such as its source, and `gembascope:LENGTH:TYPE:ID` is the id of
an object where ids of that form belong to objects of another type, since OCEL's ids are unique over all types.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping
from json.encoder import encode_basestring as quoted  # a third of what msgspec takes for a short text
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from zlib import crc32

import msgspec

from simulator.emit.writer import CALL, STARTED, Beginnings, Known, Stamps, clocks, money, span_id, trace_id
from simulator.world.facts import Fact, Thing

if TYPE_CHECKING:
    from simulator.simulation import Day

PARTS = 64
AT_ONCE = 1_000
"""So many events are put together before they are written: the memory of a whole day's would be new every day."""
BEGINNING = "1970-01-01T00:00:00Z"
"""The time of a value that holds from the beginning, as the standard writes it."""
_FROM_THE_BEGINNING = f',"time":"{BEGINNING}","value":'.encode()
MARK = "gembascope:"
Kind = Literal["string", "time", "integer", "float", "boolean"]
Types = dict[str, dict[str, Kind]]
Told = tuple[str, str, str, str, str]
"""What events have in common that differ in their times, actor, amount and details alone: activity, system, kind of
actor, outcome, error."""
Frame = tuple[str, str, str, str]
"""The text of such events after their id, time, time of telling and actor."""
Named = tuple[str, str, list[str]]
"""The written id of an object as JSON, a relation of an event to it, and where the lines about it wait."""
_DIGITS = bytes.maketrans(b"123456789", b"000000000")
_encode = msgspec.json.Encoder().encode


class OcelWriter:
    """Writes the file into a folder. JSON is put together from pieces that many events share: as dictionaries it takes
    twice as long."""

    def __init__(self, folder: Path) -> None:
        self._parts = folder / "objects"
        self._parts.mkdir(parents=True)
        self._out = (folder / "log.json").open("wb")
        self._files = [(self._parts / f"{number:02d}").open("wb") for number in range(PARTS)]
        self._lines: list[list[str]] = [[] for _ in range(PARTS)]
        self._names, self._known, self._beginnings, self._stamp = Names(), Known(), Beginnings(), Stamps()
        self._clocks = clocks()
        self._frames: dict[Told, Frame] = {}
        self._today: dict[Thing, Named] = {}
        self._related: dict[int, str] = {}  # by the identity of the objects of a fact: facts of one day share theirs
        self._event_types: Types = {}
        self._object_types: Types = {}
        self._mark = b'{"events":[\n'

    def day(self, day: Day) -> None:
        for begin in range(0, len(day.facts), AT_ONCE):
            events = [self._event(fact) for fact in day.facts[begin : begin + AT_ONCE]]
            self._out.write(self._mark + ",\n".join(events).encode())
            self._mark = b",\n"
        for _, one, other, qualifier in day.links:
            id_, _, lines = self._named(one)
            relation = f'{{"objectId":{self._named(other)[0]},"qualifier":{quoted(qualifier)}}}'
            lines.append(f"{id_}\tr\t{relation}")
        self._today.clear()
        self._related.clear()
        for file, lines in zip(self._files, self._lines, strict=True):
            if lines:
                lines.append("")
                file.write("\n".join(lines).encode())
                lines.clear()

    def close(self) -> None:
        for file in self._files:
            file.close()
        out = self._out
        out.write(b'{"events":[' if self._mark.startswith(b"{") else b"\n")
        out.write(b'],\n"objects":[')
        mark = b"\n"
        for number in range(PARTS):
            for item in _objects((self._parts / f"{number:02d}").read_bytes().splitlines()):
                out.write(mark + item)
                mark = b",\n"
        out.write(b'\n],\n"eventTypes":')
        out.write(_encode(_declared(self._event_types)))
        out.write(b',\n"objectTypes":')
        out.write(_encode(_declared(self._object_types)))
        out.write(b"}\n")
        out.close()
        shutil.rmtree(self._parts)

    def _event(self, fact: Fact) -> str:
        """The event as JSON."""
        number, at_us, seen_us, system, activity, things, actor, actor_kind, outcome, error, cents, _, more, *_ = fact
        told = activity, system, actor_kind, outcome, error
        frame = self._frames.get(told)
        if frame is None:
            frame = self._frames[told] = _frame(told, self._event_types.setdefault(activity, {}))
        after_id, after_time, after_seen, after_actor = frame
        rest = self._more(fact) if more or cents is not None or things[0].type == CALL else ""
        related = self._related.get(id(things))
        if related is None:
            related = self._related[id(things)] = ",".join([self._named(thing)[1] for thing in things])
        if beginnings := self._beginnings.of(fact):
            for thing, given in beginnings.items():
                self._tell(thing, BEGINNING, given)
        stamp = self._clocks.get(system, self._stamp)
        at = stamp(at_us)
        if settings := fact.settings:
            for thing, name, value in settings:
                self._tell(thing, at, {name: value})
        return (
            f'{{"id":"{system}-{number:09d}{after_id}{at}{after_time}{self._stamp(seen_us)}{after_seen}'
            f'{quoted(actor)}{after_actor}{number}"}}{rest}],"relationships":[{related}]}}'
        )

    def _tell(self, thing: Thing, at: str, values: Mapping[str, str]) -> None:
        """Keep the values that attributes of an object take."""
        id_, _, lines = self._named(thing)
        kinds = self._object_types[thing.type]
        line = [id_, "a"]
        for name, value in values.items():
            kinds[name] = "string"
            line.append(_attribute(name, at, value))
        lines.append("\t".join(line))

    def _more(self, fact: Fact) -> str:
        """Attributes that some events have, each behind a comma."""
        kinds, found = self._event_types[fact.activity], []
        if fact.cents is not None:
            kinds["gembascope:value"] = kinds["gembascope:currency"] = "string"
            found.append(
                f',{{"name":"gembascope:value","value":"{money(fact.cents)}"}}'
                f',{{"name":"gembascope:currency","value":{quoted(fact.currency)}}}'
            )
        if trace := trace_id(fact):
            kinds["gembascope:trace_id"] = kinds["gembascope:span_id"] = "string"
            found.append(
                f',{{"name":"gembascope:trace_id","value":"{trace}"}}'
                f',{{"name":"gembascope:span_id","value":"{span_id(fact)}"}}'
            )
        for name, value in fact.details.items():
            if name == STARTED:
                kinds["gembascope:started_at"] = "time"
                found.append(f',{{"name":"gembascope:started_at","value":"{self._stamp(value)}"}}')
                continue
            text, kind = _written(value)
            if kinds.get(name) != kind:
                kinds[name] = kind if name not in kinds else "string"
            found.append(f',{{"name":{quoted(name)},"value":{quoted(text)}}}')
        return "".join(found)

    def _named(self, thing: Thing) -> Named:
        """The written id of an object. What a new one has from its beginning is kept."""
        named = self._today.get(thing)
        if named is not None:
            return named
        written = self._names.of(thing)
        lines = self._lines[crc32(written.encode()) % PARTS]
        id_ = quoted(written)
        named = self._today[thing] = id_, f'{{"objectId":{id_},"qualifier":""}}', lines
        if self._known.is_new(thing):
            self._object_types.setdefault(thing.type, {})
            lines.append(f"{id_}\tb\t{quoted(thing.type)}")
        return named


class Names:
    """Ids as they are written. Ids that differ in digits alone are of one form, which belongs to the type that used it
    first; objects of another type whose ids have this form are written under longer ones."""

    def __init__(self) -> None:
        self._owners: dict[bytes, str] = {}

    def of(self, thing: Thing) -> str:
        owner = self._owners.setdefault(thing.id.encode().translate(_DIGITS), thing.type)
        return thing.id if owner == thing.type else f"{MARK}{len(thing.type)}:{thing.type}:{thing.id}"


def _frame(told: Told, kinds: dict[str, Kind]) -> Frame:
    """The frame of such events; the kinds of the attributes in it are declared."""
    activity, system, actor_kind, outcome, error = map(quoted, told)
    after_actor = (
        f'}},{{"name":"gembascope:actor_kind","value":{actor_kind}}},{{"name":"gembascope:outcome","value":{outcome}}}'
    )
    for name in ("source", "actor", "actor_kind", "outcome"):
        kinds[f"gembascope:{name}"] = "string"
    kinds["gembascope:seen_at"] = "time"
    kinds["gembascope:sequence"] = "integer"
    if told[-1]:
        kinds["gembascope:error_code"] = "string"
        after_actor += f',{{"name":"gembascope:error_code","value":{error}}}'
    after_actor += ',{"name":"gembascope:sequence","value":"'
    return (
        f'","type":{activity},"time":"',
        f'","attributes":[{{"name":"gembascope:source","value":{system}}},{{"name":"gembascope:seen_at","value":"',
        '"},{"name":"gembascope:actor","value":',
        after_actor,
    )


def _attribute(name: str, time: str, value: str) -> str:
    """A value that an attribute of an object took."""
    return f'{{"name":{quoted(name)},"time":"{time}","value":{quoted(value)}}}'


def _written(value: Any) -> tuple[str, Kind]:
    """A detail as text, and its kind; what OCEL has no kind for is JSON."""
    if isinstance(value, str):
        return value, "string"
    if isinstance(value, bool):
        return ("true" if value else "false"), "boolean"
    text = _encode(value).decode()
    return text, "integer" if isinstance(value, int) else "float" if isinstance(value, float) else "string"


def _objects(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The objects of one part as JSON, by their ids.

    A line is the id of an object, what it tells, and more, between tabs, all but the second as JSON: `b` the type,
    again where the object was told of anew; `a` values of attributes, of which those from the beginning may be told
    anew too, and then the first counts; `r` a relation.
    """
    types: dict[bytes, bytes] = {}
    attributes: dict[bytes, list[bytes]] = {}
    relations: dict[bytes, dict[bytes, None]] = {}
    for line in lines:
        id_, what, *more = line.split(b"\t")
        if what == b"r":
            relations.setdefault(id_, {})[more[0]] = None
        elif what == b"b":
            types.setdefault(id_, more[0])
        else:
            known = attributes.setdefault(id_, [])
            first = {one.partition(_FROM_THE_BEGINNING)[0] for one in known if _FROM_THE_BEGINNING in one}
            known += [
                one
                for one in more
                if _FROM_THE_BEGINNING not in one or one.partition(_FROM_THE_BEGINNING)[0] not in first
            ]
    for id_ in sorted(types, key=msgspec.json.decode):
        yield (
            b'{"id":%b,"type":%b,"attributes":[%b],"relationships":[%b]}'
            % (id_, types[id_], b",".join(attributes.get(id_, ())), b",".join(relations.get(id_, ())))
        )


def _declared(types: Types) -> list[dict[str, Any]]:
    return [
        {"name": name, "attributes": [{"name": key, "type": kind} for key, kind in sorted(kinds.items())]}
        for name, kinds in sorted(types.items())
    ]
