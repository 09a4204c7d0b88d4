"""XES 1.0 files (IEEE 1849), written trace by trace.

What `XesReader` reads comes back equal from what this writes: activity, time, start, lifecycle, actor, money and
all attributes with their types. Three things XES cannot say. A stamp with the precision `min` or `day` is written
with seconds. A JSON null is left out, and plain JSON arrays and objects become lists. An attribute whose key is
taken by a field of the event (an attribute `concept:name` beside another activity) is written as
`original:KEY`.
"""

from __future__ import annotations

import gzip
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ingest.formats.instants import read_instant, written
from ingest.formats.xes_values import quoted
from kernel.attributes import decode

_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="1.0" xes.features="nested-attributes" xmlns="http://www.xes-standard.org/">
  <extension name="Concept" prefix="concept" uri="http://www.xes-standard.org/concept.xesext"/>
  <extension name="Time" prefix="time" uri="http://www.xes-standard.org/time.xesext"/>
  <extension name="Lifecycle" prefix="lifecycle" uri="http://www.xes-standard.org/lifecycle.xesext"/>
  <extension name="Organizational" prefix="org" uri="http://www.xes-standard.org/org.xesext"/>
  <extension name="Cost" prefix="cost" uri="http://www.xes-standard.org/cost.xesext"/>
  <global scope="trace">
    <string key="concept:name" value="UNKNOWN"/>
  </global>
  <global scope="event">
    <string key="concept:name" value="UNKNOWN"/>
    <date key="time:timestamp" value="1970-01-01T00:00:00+00:00"/>
  </global>
  <classifier name="Activity" keys="concept:name"/>
"""
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class XesWriter:
    """Writes one file; use it in a `with` block.

    The file appears under its name only when the block ends without an error: until then it is `NAME.tmp`, which
    is removed on an error. `compress` gzips it. Equal calls give equal bytes.
    """

    def __init__(self, path: Path, *, compress: bool) -> None:
        self._path, self._compress = path, compress
        self._partial = path.with_name(path.name + ".tmp")
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        self._file = self._closing.enter_context(self._partial.open("wb"))
        self._out: Any = self._file
        if self._compress:
            self._out = gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=self._file, mtime=0)
            self._closing.push(self._out)
        self._out.write(_HEAD.encode())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with self._closing:
                if kind is None:
                    self._out.write(b"</log>\n")
                    if self._compress:
                        self._out.close()
                    self._file.flush()
                    os.fsync(self._file.fileno())
            if kind is None:
                self._partial.replace(self._path)
        finally:
            self._partial.unlink(missing_ok=True)

    def trace(self, case_id: str, attributes: Mapping[str, Any], events: Iterable[Mapping[str, Any]]) -> None:
        """Write one case.

        `attributes` are values as `kernel.attributes` types them. An event is a row of `kernel.events.EVENT_FRAME`
        as mapping; `activity` and `occurred_at` are needed, and `attributes` may be a mapping or its JSON text.
        Raises ValueError where a text holds a character that XML cannot carry (then the file is not to be kept)
        and where an id, an activity or the key of a trace attribute is blank.
        """
        if not case_id.strip() or "" in attributes:
            raise ValueError("a trace needs an id, and its attributes need keys")
        head = "".join(f"    {xml}\n" for xml in _elements([("string", "concept:name", case_id)], attributes))
        self._out.write(f"  <trace>\n{head}".encode())
        for event in events:
            body = "".join(f"      {xml}\n" for xml in _event(event))
            self._out.write(f"    <event>\n{body}    </event>\n".encode())
        self._out.write(b"  </trace>\n")


def write_xes(path: Path, traces: Iterable[tuple[str, Mapping[str, Any], Iterable[Mapping[str, Any]]]]) -> None:
    """Write (case id, attributes, events) of each case to `path`, gzipped where its name ends in `.gz`."""
    with XesWriter(path, compress=path.suffix == ".gz") as writer:
        for case_id, attributes, events in traces:
            writer.trace(case_id, attributes, events)


def attribute_xml(key: str, value: Any) -> str:
    """One attribute value, as `kernel.attributes` types it, as an XES element; "" for null.

    Raises ValueError for text that XML cannot carry and for numbers that are not finite.
    """
    if isinstance(value, dict):
        if _is_nested(value):
            inner = attribute_xml(key, value["$value"])
            return _with_children(inner, value["$nested"]) if inner else ""
        if value.keys() == {"$date"} and isinstance(value["$date"], str):
            return _element("date", key, value["$date"])
        if value.keys() == {"$id"} and isinstance(value["$id"], str):
            return _element("id", key, value["$id"])
        if value.keys() == {"$list"} and _is_pairs(value["$list"]):
            return _list(key, value["$list"])
        return _list(key, value.items())
    if isinstance(value, list | tuple):
        return _list(key, (("item", item) for item in value))
    if value is None:
        return ""
    if isinstance(value, bool):
        return _element("boolean", key, "true" if value else "false")
    if isinstance(value, int):  # XES integers have 64 bits; a longer one keeps its digits as text
        return _element("int" if -(2**63) <= value < 2**63 else "string", key, str(value))
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"the attribute {key!r} is not a finite number")
        return _element("float", key, repr(value))
    return _element("string", key, str(value))


def _event(event: Mapping[str, Any]) -> Iterator[str]:
    if not event["activity"].strip():
        raise ValueError("an event needs an activity")
    attributes = event.get("attributes") or {}
    if isinstance(attributes, str):
        attributes = decode(attributes)
    precision = event.get("precision") or "us"
    fields = [("string", "concept:name", event["activity"])]
    fields.append(("date", "time:timestamp", written(event["occurred_at"], precision)))
    if event.get("started_at") is not None:
        fields.append(("date", "start_timestamp", written(event["started_at"], precision)))
    if event.get("lifecycle"):
        fields.append(("string", "lifecycle:transition", event["lifecycle"]))
    if event.get("actor"):
        fields.append(("string", "org:resource", event["actor"]))
    if event.get("value") is not None and event.get("currency"):
        fields.append(("float", "cost:total", f"{Decimal(event['value']):f}"))
        fields.append(("string", "cost:currency", event["currency"]))
    yield from _elements(fields, attributes)


def _elements(fields: Sequence[tuple[str, str, str]], attributes: Mapping[str, Any]) -> Iterator[str]:
    """Fields (type, key, text) and then attributes; one that only adds nested attributes to a field joins it."""
    taken = {key: text for _, key, text in fields}
    joined = {key for key, text in taken.items() if key in attributes and _repeats(attributes[key], text)}
    for tag, key, text in fields:
        element = _element(tag, key, text)
        yield _with_children(element, attributes[key]["$nested"]) if key in joined else element
    for key, value in attributes.items():
        if key not in joined and (element := attribute_xml(_free(key, taken, attributes), value)):
            yield element


def _free(key: str, taken: Mapping[str, str], attributes: Mapping[str, Any]) -> str:
    name = key
    while name in taken or (name != key and name in attributes):
        name = f"original:{name}"
    return name


def _repeats(value: Any, text: str) -> bool:
    """Whether an attribute is the field `text` of its event again, for the sake of its nested attributes."""
    if not _is_nested(value):
        return False
    own = value["$value"]
    if isinstance(own, dict) and own.keys() == {"$date"}:
        try:
            return read_instant(own["$date"])[0] == read_instant(text)[0]
        except (ValueError, AttributeError):
            return False
    return bool(own == text)


def _is_nested(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"$value", "$nested"} and _is_pairs(value["$nested"])


def _with_children(element: str, nested: Iterable[tuple[str, Any]]) -> str:
    """An element with attributes of its own; those of a list stand before its values."""
    children = "".join(attribute_xml(key, value) for key, value in nested)
    if element.endswith("</list>"):
        start = element.index(">") + 1
        return f"{element[:start]}{children}{element[start:]}"
    tag = element[1 : element.index(" ")]
    return f"{element[:-2]}>{children}</{tag}>" if children else element


def _list(key: str, items: Iterable[tuple[str, Any]]) -> str:
    children = "".join(attribute_xml(name, item) for name, item in items)
    values = f"<values>{children}</values>" if children else "<values/>"
    return f"<list key={_text(key)}>{values}</list>"


def _element(tag: str, key: str, text: str) -> str:
    return f"<{tag} key={_text(key)} value={_text(text)}/>"


def _text(text: str) -> str:
    fault = _FORBIDDEN.search(text)
    if fault is not None:
        raise ValueError(f"XML cannot carry the character U+{ord(fault.group()):04X}")
    return quoted(text)


def _is_pairs(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(pair, list | tuple) and len(pair) == 2 and isinstance(pair[0], str) for pair in value
    )
