"""Object-centric event logs in JSON: OCEL 1.0 (`ocel:events`) and OCEL 2.0 (`events`), told apart by keys.

The document is held in memory as bytes, because JSON gives no promise that objects come before events; each
event and object is decoded by itself when its turn comes. So a file past 1 GiB (decompressed) is refused, and
memory is that of the file, about 200 bytes per event, 400 bytes per object and one batch.

Names that stand twice in one JSON object would lose data unseen: at the top and among the events and objects
of OCEL 1.0 they make the file unreadable; inside one event the last one wins.
OCEL 1.0 has no qualifiers; those of its extension `ocel:typedOmap` are read, as are `ocel:o2o` and
`ocel:objectChanges`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from ingest.formats.base import Batch, Limits
from ingest.formats.compression import open_bounded
from ingest.formats.ocel_rows import RAW_CHARS, OcelRows, Reference
from ingest.formats.ocel_values import Kind, declared_kind
from kernel.errors import UnreadableFile

JSON_MAX_BYTES = 1 << 30
"""The largest JSON document that is read, decompressed."""

_Raw = msgspec.Raw
_Id = str | int


class _TypeAttribute(msgspec.Struct):
    name: str
    type: str = "string"


class _Type(msgspec.Struct):
    name: str
    attributes: list[_TypeAttribute] = []


class _Attribute(msgspec.Struct):
    name: str
    value: Any = None
    time: Any = None


class _Relation(msgspec.Struct):
    objectId: _Id
    qualifier: str | None = ""


class _Event(msgspec.Struct):
    id: _Id
    type: str
    time: Any = None
    attributes: list[_Attribute] | None = None
    relationships: list[_Relation] | None = None


class _Object(msgspec.Struct):
    id: _Id
    type: str
    attributes: list[_Attribute] | None = None
    relationships: list[_Relation] | None = None


class _OldRelation(msgspec.Struct):
    id: _Id = msgspec.field(name="ocel:oid")
    qualifier: str | None = msgspec.field(name="ocel:qualifier", default="")


class _OldEvent(msgspec.Struct):
    activity: str = msgspec.field(name="ocel:activity")
    timestamp: Any = msgspec.field(name="ocel:timestamp", default=None)
    omap: list[_Id] = msgspec.field(name="ocel:omap", default_factory=list)
    vmap: dict[str, Any] = msgspec.field(name="ocel:vmap", default_factory=dict)
    typed_omap: list[_OldRelation] = msgspec.field(name="ocel:typedOmap", default_factory=list)


class _OldObject(msgspec.Struct):
    type: str = msgspec.field(name="ocel:type")
    ovmap: dict[str, Any] = msgspec.field(name="ocel:ovmap", default_factory=dict)
    o2o: list[_OldRelation] = msgspec.field(name="ocel:o2o", default_factory=list)


_Kinds = dict[str, dict[str, Kind | None]]
_Item = tuple[str, int, str, msgspec.Raw]  # "event" or "object", its number, its key, the JSON
_T = TypeVar("_T")


class OcelJsonReader:
    """Reads an OCEL 1.0 or 2.0 JSON file; see `ingest.formats.ocel_rows` for the mapping.

    `timezone` is that of stamps without one; without it they are refused.
    """

    def __init__(self, path: Path, *, timezone: ZoneInfo | None = None, limits: Limits | None = None) -> None:
        self._path = path
        self._rows = OcelRows(timezone, limits or Limits())
        self._limits = limits or Limits()
        self._types: dict[str, str] = {}

    def batches(self) -> Iterator[Batch]:
        """All objects with their attributes and relations, then all events, each in file order."""
        document = self._members(self._content(), "the document")
        size = self._path.stat().st_size
        old = "ocel:events" in document or "ocel:objects" in document
        if not old and not ({"events", "objects"} <= document.keys()):
            raise UnreadableFile(
                f"{self._path.name} is no OCEL file: neither ocel:events nor events and objects are there"
            )
        try:
            steps = self._old(document) if old else self._new(document)
            for _ in steps:
                if self._rows.full:
                    yield self._rows.cut(size)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise UnreadableFile(f"{self._path.name} is no valid OCEL JSON: {error}") from error
        yield self._rows.cut(size)

    def _content(self) -> bytes | bytearray:
        limit = min(self._limits.max_bytes, JSON_MAX_BYTES)
        content = bytearray()
        with open_bounded(self._path, self._limits) as source:
            while piece := source.read(1 << 20):
                content += piece
                if len(content) > limit:
                    raise UnreadableFile(
                        f"{self._path.name} is larger than {limit} bytes, the limit for OCEL JSON; "
                        "write it as OCEL SQLite"
                    )
        if content.startswith(b"\xef\xbb\xbf"):
            del content[:3]
        try:
            msgspec.json.decode(content, type=_Raw)
        except (msgspec.MsgspecError, RecursionError):
            # The parser refuses the whole document for half of a surrogate pair. As NUL, which is refused
            # later, it costs only the event or object that holds it.
            return _without_half_pairs(content)
        return content

    # OCEL 2.0 ---------------------------------------------------------------------------------------

    def _new(self, document: dict[str, msgspec.Raw]) -> Iterator[None]:
        event_kinds, object_kinds = (
            {
                kind.name: {each.name: declared_kind(each.type) for each in kind.attributes}
                for kind in msgspec.json.decode(document.get(name, b"[]"), type=list[_Type])
            }
            for name in ("eventTypes", "objectTypes")
        )
        objects = _listed("object", document["objects"])
        for _, item in self._decoded(objects, _Object, report=False):
            self._types.setdefault(str(item.id), item.type)
        for (_, number, _, raw), item in self._decoded(objects, _Object):
            kinds = object_kinds.get(item.type, {})
            self._object(
                f"object {number}",
                raw,
                (item.type, str(item.id)),
                ((each.name, each.value, kinds.get(each.name), each.time) for each in item.attributes or ()),
                ((str(each.objectId), each.qualifier or "") for each in item.relationships or ()),
            )
            yield
        for (_, number, _, raw), event in self._decoded(_listed("event", document["events"]), _Event):
            kinds = event_kinds.get(event.type, {})
            self._event(
                number,
                raw,
                (str(event.id), event.type, event.time),
                ((each.name, each.value, kinds.get(each.name)) for each in event.attributes or ()),
                ((str(each.objectId), each.qualifier or "") for each in event.relationships or ()),
            )
            yield

    # OCEL 1.0 ---------------------------------------------------------------------------------------

    def _old(self, document: dict[str, msgspec.Raw]) -> Iterator[None]:
        objects, events = (
            [
                (noun, number, key, raw)
                for number, (key, raw) in enumerate(self._members(document.get(name, _Raw(b"{}")), name).items(), 1)
            ]
            for noun, name in (("object", "ocel:objects"), ("event", "ocel:events"))
        )
        for (_, _, key, _), item in self._decoded(objects, _OldObject, report=False):
            self._types.setdefault(key, item.type)
        for (_, number, key, raw), item in self._decoded(objects, _OldObject):
            self._object(
                f"object {number}",
                raw,
                (item.type, key),
                ((name, value, None, None) for name, value in item.ovmap.items()),
                ((str(each.id), each.qualifier or "") for each in item.o2o),
            )
            yield
        changes = msgspec.json.decode(document.get("ocel:objectChanges", b"[]"), type=list[dict[str, Any]])
        for number, change in enumerate(changes, 1):
            self._change(f"object change {number}", change)
            yield
        for (_, number, key, raw), event in self._decoded(events, _OldEvent):
            typed = {str(each.id) for each in event.typed_omap}
            references = [(str(each.id), each.qualifier or "") for each in event.typed_omap]
            references += [(str(each), "") for each in event.omap if str(each) not in typed]
            self._event(
                number,
                raw,
                (key, event.activity, event.timestamp),
                ((name, value, None) for name, value in event.vmap.items()),
                references,
            )
            yield

    def _change(self, position: str, change: dict[str, Any]) -> None:
        object_id, name = str(change.get("ocel:oid")), str(change.get("ocel:field"))
        object_type = self._types.get(object_id)
        try:
            if object_type is None or name not in change:
                raise ValueError("the change names no declared object, or no value")
            value = self._rows.value(change[name], None)
            self._rows.add_value(object_type, object_id, name, value, change.get("ocel:timestamp"))
        except ValueError as error:
            self._rows.reject(position, str(error), repr(change)[:RAW_CHARS])

    # Both -------------------------------------------------------------------------------------------

    def _object(
        self,
        position: str,
        raw: msgspec.Raw,
        key: tuple[str, str],
        values: Iterable[tuple[str, Any, Kind | None, Any]],
        relations: Iterable[tuple[str, str]],
    ) -> None:
        object_type, object_id = key
        try:
            if self._types.get(object_id) != object_type:
                raise ValueError("the file gives the same id to an object of another type")
            self._rows.add_object(object_type, object_id)
        except ValueError as error:
            self._rows.reject(position, str(error), _text(raw))
            return
        for name, value, kind, stamp in values:
            try:
                if value is None and self._rows.changed_us(stamp) is None:
                    continue  # never set
                self._rows.add_value(object_type, object_id, name, self._rows.value(value, kind), stamp)
            except ValueError as error:
                self._rows.reject(f"{position}, attribute {name:.200}", str(error), _text(raw))
        for target, qualifier in relations:
            try:
                if target not in self._types:
                    raise ValueError("the object refers to an object that the file does not declare")
                self._rows.add_link(key, (self._types[target], target), qualifier)
            except ValueError as error:
                self._rows.reject(f"{position}, relation to {target:.200}", str(error), _text(raw))

    def _event(
        self,
        number: int,
        raw: msgspec.Raw,
        event: tuple[str, str, Any],
        values: Iterable[tuple[str, Any, Kind | None]],
        references: Iterable[tuple[str, str]],
    ) -> None:
        resolved: Iterable[Reference] = ((self._types.get(each), each, qualifier) for each, qualifier in references)
        attributes = ((name, self._rows.value(value, kind)) for name, value, kind in values if value is not None)
        self._rows.add_event(number, lambda: _text(raw), *event, attributes, resolved)

    def _decoded(self, items: list[_Item], form: type[_T], *, report: bool = True) -> Iterator[tuple[_Item, _T]]:
        """Each item with its content; what does not decode is rejected, or passed over without `report`."""
        decoder = msgspec.json.Decoder(form)
        for item in items:
            noun, number, _, raw = item
            position = f"{noun} {number}"
            if len(memoryview(raw)) > self._limits.max_item_bytes:
                raise UnreadableFile(f"{position} is larger than {self._limits.max_item_bytes} bytes")
            try:
                yield item, decoder.decode(raw)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                if report:
                    self._rows.reject(position, f"not as OCEL describes it: {error}", _text(raw))

    def _members(self, content: bytes | bytearray | msgspec.Raw, what: str) -> dict[str, msgspec.Raw]:
        """The members of a JSON object; `UnreadableFile` if it is none or names one twice."""
        try:
            members = msgspec.json.decode(content, type=dict[str, _Raw])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise UnreadableFile(f"{self._path.name}: {what} is no JSON object: {error}") from error
        view, place = memoryview(content), 0
        for value in (memoryview(each) for each in members.values()):
            start = _MEMBER.match(view, place)
            place = start.end() + len(value) if start else -1
            if start is None or view[start.end() : place] != value:
                raise UnreadableFile(f"{self._path.name}: {what} holds the same name twice")
        if _END.match(view, place) is None and members:
            raise UnreadableFile(f"{self._path.name}: {what} holds the same name twice")
        return members


_MEMBER = re.compile(rb'\s*[{,]\s*"(?:[^"\\]|\\.)*"\s*:\s*', re.DOTALL)
_END = re.compile(rb"\s*\}\s*\Z")
_ESCAPE = re.compile(
    rb"\\u[dD][89aAbB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\."
)


def _without_half_pairs(content: bytearray) -> bytes:
    return _ESCAPE.sub(lambda match: b"\\u0000" if match[1] else match[0], content)


def _listed(noun: str, content: msgspec.Raw) -> list[_Item]:
    items = msgspec.json.decode(content, type=list[_Raw])
    return [(noun, number, "", raw) for number, raw in enumerate(items, 1)]


def _text(raw: msgspec.Raw) -> str:
    return bytes(memoryview(raw)[: 4 * RAW_CHARS]).decode("utf-8", "replace")
