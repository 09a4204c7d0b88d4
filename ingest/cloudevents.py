"""CloudEvents 1.0 over HTTP, in each of its three modes, to deliveries.

The body of a delivery is one event in the JSON format, its members in the order of their names: attributes without
those that are null, `data` as it was sent (JSON, or text of a text type) or `data_base64`. In whichever mode an event
comes, it says the same. An event that is none is handed over as it came, with the reason
(`ingest.sources.refused`), and never stops the others of a batch.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal
from urllib.parse import unquote_to_bytes

import msgspec

from ingest.event_array import pieces
from ingest.event_form import MAX_EVENTS, Unfit
from ingest.raw_headers import Headers, media_type
from ingest.sources.delivery import Delivery
from ingest.sources.refused import refused
from kernel.errors import InputError

Mode = Literal["structured", "batch", "binary"]

STRUCTURED, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"
PREFIX = b"ce-"
MOST_ATTRIBUTES = 200
LONGEST_ATTRIBUTE = 8_000
LONGEST_KEY = 500
DATA = frozenset({"data", "data_base64"})
_NAME = re.compile(r"[a-z0-9]{1,200}")
_JSON = re.compile(r"(application|text)/([a-z0-9!#$&^_.+-]+\+)?json")

_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_array = msgspec.json.Decoder(list[msgspec.Raw])
_attribute = msgspec.json.Decoder(str | int | bool | None)
_text = msgspec.json.Decoder(str)
_anything = msgspec.json.Decoder()
_UNREADABLE = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)


def mode(headers: Headers) -> Mode | None:
    """How the request carries events; None when it carries none."""
    kind, charset = media_type(headers)
    if kind in (STRUCTURED, BATCH):
        return None if charset not in ("", "utf-8", "utf8") else "batch" if kind == BATCH else "structured"
    if kind.startswith("application/cloudevents"):
        return None  # in a format other than JSON
    return "binary" if any(name.startswith(PREFIX) for name, _ in headers) else None


def deliveries(headers: Headers, body: bytes, how: Mode) -> list[Delivery]:
    """The events of a request, in the order of a batch.

    Raises
    ------
    InputError
        The body of a structured request is no JSON object, or that of a batch no array of at most MAX_EVENTS.
    """
    if how == "binary":
        return [_binary(headers, body)]
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"the body is not UTF-8 text (byte {error.start})") from None
    body = body.strip()
    if not body.startswith(b"[" if how == "batch" else b"{"):
        raise InputError("the body is not a JSON array" if how == "batch" else "the body is not a JSON object")
    found = [_structured(element) for element in _elements(body if how == "batch" else b"[" + body + b"]")]
    if how == "structured" and len(found) != 1:
        raise InputError("the body is more than one JSON object")
    return found


def _elements(body: bytes) -> Iterable[bytes]:
    """The elements of a batch, as they were sent."""
    try:
        found = [bytes(element) for element in _array.decode(body)]
    except _UNREADABLE:
        found = [text.encode() for text, _, _ in pieces(body)]  # one of them is no JSON: which?
    if len(found) > MAX_EVENTS:
        raise InputError(f"a batch has at most {MAX_EVENTS:,} events; send them in several")
    return found


def _structured(text: bytes) -> Delivery:
    try:
        members = _members.decode(text)
    except _UNREADABLE:
        return refused(text, _digest(text), "an event is a JSON object without NaN and halves of surrogate pairs")
    try:
        attributes = {name: value for name, value in members.items() if name not in DATA and bytes(value) != b"null"}
        if len(attributes) > MOST_ATTRIBUTES:
            raise Unfit(f"an event has at most {MOST_ATTRIBUTES} attributes")
        plain = {name: _plain(name, bytes(value)) for name, value in attributes.items()}
        _check(plain)
        return _delivery(plain, _data(members))
    except Unfit as error:
        return refused(text, _digest(text), str(error))


def _plain(name: str, value: bytes) -> str | int | bool:
    try:
        found = _attribute.decode(value)
    except _UNREADABLE:
        raise Unfit(f"{name[:50]}: an attribute is a text, a whole number, true or false") from None
    return "" if found is None else found


def _data(members: Mapping[str, msgspec.Raw]) -> dict[str, Any]:
    """`data` or `data_base64` as it was sent."""
    given = {name: members[name] for name in sorted(DATA & members.keys()) if bytes(members[name]) != b"null"}
    if len(given) > 1:
        raise Unfit("data and data_base64: an event has one of them")
    if "data_base64" in given:
        try:
            base64.b64decode(_text.decode(given["data_base64"]), validate=True)
        except (*_UNREADABLE, binascii.Error, ValueError):
            raise Unfit("data_base64: is no base64") from None
    return dict(given)


def _binary(headers: Headers, body: bytes) -> Delivery:
    sent = [(name[len(PREFIX) :], value) for name, value in headers if name.startswith(PREFIX)]
    try:
        attributes: dict[str, str | int | bool] = {}
        for raw_name, raw_value in sent:
            name = raw_name.decode("latin-1")
            if name in attributes:
                raise Unfit(f"ce-{name[:50]}: is there twice")
            if name in ("datacontenttype", *DATA):
                raise Unfit(f"ce-{name}: is no header, it is told by Content-Type and by the body")
            attributes[name] = _unquoted(name, raw_value)
        kinds = [value for name, value in headers if name == b"content-type"]
        if len(kinds) > 1:
            raise Unfit("content-type: is there twice")
        if kinds:
            attributes["datacontenttype"] = kinds[0].decode("latin-1")
        _check(attributes)
        return _delivery(attributes, _data_of_body(media_type(headers)[0], body))
    except Unfit as error:
        kept = {f"ce-{name.decode('latin-1')}": value.decode("latin-1") for name, value in sent[:MOST_ATTRIBUTES]}
        return refused(body, _digest(repr(sorted(sent)).encode() + body), str(error), kept)


def _unquoted(name: str, value: bytes) -> str:
    """The value of a header: a quoted string without its quotes, then percent-decoded, then UTF-8."""
    if len(value) >= 2 and value[:1] == value[-1:] == b'"':
        value = re.sub(rb"\\(.)", rb"\1", value[1:-1])
    try:
        return unquote_to_bytes(value).decode()
    except UnicodeDecodeError:
        raise Unfit(f"ce-{name[:50]}: is no UTF-8 text") from None


def _data_of_body(kind: str, body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    if not kind or _JSON.fullmatch(kind):
        try:
            body.decode()
            _anything.decode(body)
            return {"data": msgspec.Raw(body)}
        except _UNREADABLE:
            if kind:
                raise Unfit("the body is not JSON, which Content-Type says it is") from None
    if kind.startswith("text/"):
        try:
            return {"data": body.decode()}
        except UnicodeDecodeError:
            pass  # of another character set: as bytes
    return {"data_base64": base64.b64encode(body).decode()}


def _check(attributes: Mapping[str, str | int | bool]) -> None:
    """`Unfit` unless the attributes are those of an event."""
    if len(attributes) > MOST_ATTRIBUTES:
        raise Unfit(f"an event has at most {MOST_ATTRIBUTES} attributes")
    for name, value in attributes.items():
        if not _NAME.fullmatch(name):
            raise Unfit(f"{name[:50]}: the name of an attribute has small letters and digits only")
        if isinstance(value, str) and len(value) > LONGEST_ATTRIBUTE:
            raise Unfit(f"{name[:50]}: an attribute has at most {LONGEST_ATTRIBUTE:,} characters")
    version = attributes.get("specversion")
    if version is None:
        raise Unfit("specversion: is missing")
    if version != "1.0":
        raise Unfit("specversion: is not 1.0")
    for name in ("id", "source", "type"):
        found = attributes.get(name)
        if not isinstance(found, str) or not found:
            raise Unfit(f"{name}: is missing" if found in (None, "") else f"{name}: is no text")


def _delivery(attributes: Mapping[str, str | int | bool], data: Mapping[str, Any]) -> Delivery:
    body = msgspec.json.encode({**attributes, **data}, order="deterministic")
    return Delivery(body, f"{attributes['source']} {attributes['id']}"[:LONGEST_KEY])


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
