"""Object-centric event logs in XML: OCEL 1.0 (typed `string`, `date`, ... children) and OCEL 2.0.

The file is read twice by a streaming parser: once for the declared types of attributes and the type of each
object, once for the rows. So events may stand before the objects that they refer to, as they do in OCEL 1.0,
without the file in memory; memory is about 150 bytes per object.

Document type declarations and entities are refused as soon as one begins, so nothing expands and nothing is
fetched.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr
from zoneinfo import ZoneInfo

from ingest.formats.base import Batch, Limits
from ingest.formats.compression import open_bounded
from ingest.formats.ocel_rows import OcelRows, Reference
from ingest.formats.ocel_values import Kind, declared_kind
from kernel.errors import UnreadableFile

CHUNK_BYTES = 1 << 18
_ITEM_DEPTH = 3  # log, section, item
_SECTIONS = ("object-types", "event-types", "objects", "events")


@dataclass(slots=True)
class _Element:
    """One element of an event, object or type, with all below it."""

    name: str
    keys: dict[str, str]
    children: list[_Element] = field(default_factory=list)
    text: str = ""

    def child(self, name: str) -> list[_Element]:
        """The grandchildren in all children called `name`."""
        return [below for each in self.children if each.name == name for below in each.children]

    def xml(self) -> str:
        keys = "".join(f" {name}={quoteattr(value)}" for name, value in self.keys.items())
        inner = "".join(each.xml() for each in self.children) + escape(self.text)
        return f"<{self.name}{keys}>{inner}</{self.name}>"


class _Items:
    """Cuts the log into its items: the elements two levels below the root, with their section's name."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self._name, self._limits = path.name, limits
        self._depth = self._size = self._fed = 0
        self._section = ""
        self._open: list[_Element] = []
        self.done: list[tuple[str, _Element]] = []
        self.sections: set[str] = set()
        self.wanted: tuple[str, ...] = _SECTIONS
        self._parser = parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.buffer_size = CHUNK_BYTES
        parser.StartDoctypeDeclHandler = self._refuse
        parser.EntityDeclHandler = self._refuse
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text

    def feed(self, piece: bytes, last: bool) -> None:
        """Parses on; `UnreadableFile` with the line where the file is no such log."""
        self._fed += len(piece)
        try:
            self._parser.Parse(piece, last)
            if self._fed - self._parser.CurrentByteIndex > self._limits.max_field_bytes + CHUNK_BYTES:
                raise UnreadableFile(f"{self._name}: one tag or comment is past the size limit")
        except (expat.ExpatError, LookupError, ValueError) as error:  # the latter for unknown encodings
            raise UnreadableFile(f"{self._name} is no valid XML: {error}") from error

    def _refuse(self, *_: object) -> NoReturn:
        raise UnreadableFile(f"{self._name} declares a document type or an entity, which is refused")

    def _start(self, name: str, keys: dict[str, str]) -> None:
        name = name.rpartition(":")[2]
        self._depth += 1
        if self._depth > self._limits.max_depth:
            raise UnreadableFile(f"{self._name} nests elements more than {self._limits.max_depth} deep")
        if self._depth == 1 and name != "log":
            raise UnreadableFile(f"{self._name} is no OCEL file: its root is <{name:.60}>, not <log>")
        if self._depth == _ITEM_DEPTH - 1:
            self._section = name
            self.sections.add(name)
        if self._depth < _ITEM_DEPTH or self._section not in self.wanted:
            return
        element = _Element(name, keys)
        if self._depth > _ITEM_DEPTH:
            self._open[-1].children.append(element)
        else:
            self._size = 0
        self._open.append(element)
        length = sum(len(key) + len(value) for key, value in keys.items())
        self._grow(64 + length, max(map(len, keys.values()), default=0))

    def _text(self, text: str) -> None:
        if self._open:
            element = self._open[-1]
            element.text += text
            self._grow(len(text), len(element.text))

    def _end(self, _: str) -> None:
        self._depth -= 1
        if not self._open:
            return
        element = self._open.pop()
        if element.children:
            element.text = ""  # the white space between them
        if not self._open:
            self.done.append((self._section, element))

    def _grow(self, size: int, longest: int) -> None:
        self._size += size
        if self._size > self._limits.max_item_bytes or longest > self._limits.max_field_bytes:
            line = self._parser.CurrentLineNumber
            raise UnreadableFile(f"{self._name}, line {line}: one event or object is past the size limit")


class OcelXmlReader:
    """Reads an OCEL 1.0 or 2.0 XML file; see `ingest.formats.ocel_rows` for the mapping.

    `timezone` is that of stamps without one; without it they are refused.
    """

    def __init__(self, path: Path, *, timezone: ZoneInfo | None = None, limits: Limits | None = None) -> None:
        self._path = path
        self._limits = limits or Limits()
        self._rows = OcelRows(timezone, self._limits)
        self._types: dict[str, str] = {}
        self._kinds: dict[str, dict[str, dict[str, Kind | None]]] = {"event-types": {}, "object-types": {}}
        self._objects = self._events = 0

    def batches(self) -> Iterator[Batch]:
        """Objects and events in file order."""
        read = 0
        for section, item, _ in self._items("object-types", "event-types", "objects"):
            if section == "objects":
                object_id, object_type = _identity(item)
                self._types.setdefault(object_id, object_type)
            else:
                kinds = {
                    each.keys.get("name", ""): declared_kind(each.keys.get("type", "string"))
                    for each in item.child("attributes")
                }
                self._kinds[section][item.keys.get("name", "")] = kinds
        for section, item, read in self._items("objects", "events"):
            if section == "objects":
                self._objects += 1
                self._object(f"object {self._objects}", item)
            else:
                self._events += 1
                self._event(self._events, item)
            if self._rows.full:
                yield self._rows.cut(read)
        yield self._rows.cut(self._path.stat().st_size)

    def _items(self, *wanted: str) -> Iterator[tuple[str, _Element, int]]:
        items = _Items(self._path, self._limits)
        items.wanted = wanted
        with open_bounded(self._path, self._limits) as source:
            last = False
            while not last:
                piece = source.read(CHUNK_BYTES)
                last = not piece
                items.feed(piece, last)
                done, items.done = items.done, []
                for section, item in done:
                    yield section, item, source.bytes_read
        if not items.sections.intersection(("objects", "events")):
            raise UnreadableFile(f"{self._path.name} is no OCEL file: it has no <events> and no <objects>")

    def _object(self, position: str, item: _Element) -> None:
        object_id, object_type = _identity(item)
        try:
            if self._types.get(object_id) != object_type:
                raise ValueError("the file gives the same id to an object of another type")
            self._rows.add_object(object_type, object_id)
        except ValueError as error:
            self._rows.reject(position, str(error), item.xml())
            return
        kinds = self._kinds["object-types"].get(object_type, {})
        values = [
            (name, each, kinds.get(name), each.keys.get("time"))
            for each in item.child("attributes")
            for name in [each.keys.get("name", "")]
        ] + [(each.keys.get("key", ""), each, None, None) for each in _listed(item, "ovmap")]
        for name, each, kind, stamp in values:
            try:
                value = self._value(each, kind)
                self._rows.add_value(object_type, object_id, name, value, stamp)
            except ValueError as error:
                self._rows.reject(f"{position}, attribute {name:.200}", str(error), item.xml())
        for target, qualifier in _relations(item):
            try:
                if target not in self._types:
                    raise ValueError("the object refers to an object that the file does not declare")
                self._rows.add_link((object_type, object_id), (self._types[target], target), qualifier)
            except ValueError as error:
                self._rows.reject(f"{position}, relation to {target:.200}", str(error), item.xml())

    def _event(self, number: int, item: _Element) -> None:
        event_id, activity, stamp = (
            item.keys.get(new) or _single(item, old)
            for new, old in (("id", "id"), ("type", "activity"), ("time", "timestamp"))
        )
        kinds = self._kinds["event-types"].get(activity, {})
        try:
            attributes = [
                (name, self._value(each, kinds.get(name)))
                for each in item.child("attributes")
                for name in [each.keys.get("name", "")]
            ] + [(each.keys.get("key", ""), self._value(each, None)) for each in _listed(item, "vmap")]
        except ValueError as error:
            self._rows.reject(f"event {number}", str(error), item.xml())
            return
        references: list[Reference] = [
            (self._types.get(target), target, qualifier) for target, qualifier in _relations(item)
        ]
        references += [
            (self._types.get(each.keys.get("value", "")), each.keys.get("value", ""), "")
            for each in _listed(item, "omap")
        ]
        self._rows.add_event(number, item.xml, event_id, activity, stamp, attributes, references)

    def _value(self, element: _Element, kind: Kind | None) -> Any:
        """The value of an attribute: text in OCEL 2.0, the key `value` of a typed element in OCEL 1.0."""
        if "key" not in element.keys:
            return self._rows.value(element.text, kind or declared_kind(element.keys.get("type", "string")))
        if element.name in ("list", "container"):
            return {"$list": [[each.keys.get("key", ""), self._value(each, None)] for each in element.children]}
        return self._rows.value(element.keys.get("value", ""), declared_kind(element.name))


def _identity(item: _Element) -> tuple[str, str]:
    return item.keys.get("id") or _single(item, "id"), item.keys.get("type") or _single(item, "type")


def _single(item: _Element, key: str) -> str:
    for each in item.children:
        if each.keys.get("key", "").removeprefix("ocel:") == key:
            return each.keys.get("value", "")
    return ""


def _listed(item: _Element, key: str) -> list[_Element]:
    return [
        below
        for each in item.children
        if each.keys.get("key", "").removeprefix("ocel:") == key
        for below in each.children
    ]


def _relations(item: _Element) -> list[tuple[str, str]]:
    """OCEL 2.0 files spell a relation `<object object-id qualifier>` or `<relationship ... relationship>`."""
    return [
        (each.keys["object-id"], each.keys.get("qualifier", each.keys.get("relationship", "")))
        for each in item.child("objects")
        if "object-id" in each.keys
    ]
