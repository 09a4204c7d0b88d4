"""XES attributes as values: elements, their types, and their text for the quarantine.

Positions are those of tokens, see `ingest.formats.xes_tokens`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from ingest.formats.instants import read_instant
from ingest.formats.xes_tokens import Tokens
from kernel.attributes import date_value
from kernel.errors import UnreadableFile

SCALARS = frozenset({"string", "date", "int", "float", "boolean", "id"})
COLLECTIONS = frozenset({"list", "container"})

RAW_CHARS = 10_000
"""Characters of a rejected piece that are kept."""

_INT = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)
_FLOAT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", re.ASCII)
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_IN_VALUES = {'"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}


@dataclass(slots=True)
class Element:
    """One XML element with its children; text between elements means nothing in XES."""

    tag: str
    attributes: dict[str, str]
    children: list[Element] = field(default_factory=list)


def quoted(text: str) -> str:
    """`text` as the value of an XML attribute, with its quotes."""
    return f'"{escape(text, _IN_VALUES)}"'


def elements(tokens: Tokens, start: int, end: int, max_depth: int) -> list[Element]:
    """The elements between two positions. Raises `UnreadableFile` when they nest deeper than `max_depth`."""
    root = Element("", {})
    path = [root]
    at = start
    while at < end:
        attributes = tokens[at + 1] if at + 1 < len(tokens) else ""
        if isinstance(attributes, list):
            element = Element(str(tokens[at]), dict(zip(attributes[::2], attributes[1::2], strict=True)))
            path[-1].children.append(element)
            path.append(element)
            if len(path) - 1 > max_depth:
                raise UnreadableFile(f"elements are nested more than {max_depth} deep")
            at += 2
        else:
            path.pop()
            at += 1
    return root.children


def raw_element(tokens: Tokens, start: int, end: int) -> str:
    """The XML text of the tokens between two positions, cut at `RAW_CHARS`."""
    pieces: list[str] = []
    length = 0
    at = start
    while at < end and length < RAW_CHARS:
        attributes = tokens[at + 1] if at + 1 < len(tokens) else ""
        if isinstance(attributes, list):
            pairs = zip(attributes[::2], attributes[1::2], strict=True)
            piece = "".join((f"<{tokens[at]}", *(f" {name}={quoted(value[:RAW_CHARS])}" for name, value in pairs)))
            at += 2
            if at < len(tokens) and tokens[at] == tokens[at - 2] and not _starts(tokens, at):
                piece, at = piece + "/>", at + 1
            else:
                piece += ">"
        else:
            piece = f"</{tokens[at]}>"
            at += 1
        pieces.append(piece)
        length += len(piece)
    return "".join(pieces)[:RAW_CHARS]


def _starts(tokens: Tokens, at: int) -> bool:
    return at + 1 < len(tokens) and isinstance(tokens[at + 1], list)


def key_of(element: Element) -> str:
    """The key of an attribute element. Raises ValueError where the element is no attribute."""
    if element.tag not in SCALARS and element.tag not in COLLECTIONS:
        raise ValueError(f"<{element.tag[:60]}> is no attribute of the XES standard")
    key = element.attributes.get("key")
    if key is None:
        raise ValueError(f"a <{element.tag}> has no key")
    return key


def value_of(element: Element, timezone: ZoneInfo | None) -> Any:
    """The typed value of one attribute, as `kernel.attributes` describes it.

    A list in the form of the 2016 standard keeps its items in `<values>`; without that element, all children
    of a list or container are its items. Raises ValueError with the reason where a type or a key is broken.
    """
    key = key_of(element)
    nested = element.children
    value: Any
    if element.tag in COLLECTIONS:
        holders = [child for child in nested if child.tag == "values"]
        items = [item for holder in holders for item in holder.children] if holders else nested
        nested = [child for child in nested if child.tag != "values"] if holders else []
        value = {"$list": [[key_of(item), value_of(item, timezone)] for item in items]}
    else:
        text = element.attributes.get("value")
        if text is None:
            raise ValueError(f"the {element.tag} {_shown(key)} has no value")
        value = scalar(element.tag, key, text, timezone)
    if not nested:
        return value
    return {"$value": value, "$nested": [[key_of(child), value_of(child, timezone)] for child in nested]}


def scalar(tag: str, key: str, text: str, timezone: ZoneInfo | None) -> Any:
    """The value of one written scalar. Raises ValueError where the text does not fit the type `tag`."""
    if tag == "string":
        return text
    if tag == "id":
        return {"$id": text}
    plain = text.strip()
    if tag == "int" and _INT.fullmatch(plain) and -(2**63) <= int(plain) < 2**63:
        return int(plain)
    if tag == "float" and _FLOAT.fullmatch(plain) and math.isfinite(float(plain)):
        return float(plain)
    if tag == "boolean" and plain.lower() in _BOOLEANS:
        return _BOOLEANS[plain.lower()]
    if tag == "date":
        try:
            return date_value(_EPOCH + timedelta(microseconds=read_instant(plain, timezone)[0]))
        except ValueError as error:
            raise ValueError(f"the date {_shown(key)}: {error}") from None
    wanted = {"int": "an integer of 64 bits", "float": "a finite number", "boolean": "true or false"}[tag]
    raise ValueError(f"the {tag} {_shown(key)} is {_shown(text)}, not {wanted}")


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:60] + "…")
