"""The outer messages of a request in JSON, taken apart without decoding the records, and a record decoded.

OTLP's JSON is protobuf's, but for ids, which are in hex.
"""

from __future__ import annotations

import base64
from typing import Any, TypeVar

import msgspec
from google.protobuf import json_format
from msgspec import Raw, Struct

from ingest.event_form import Unfit
from ingest.otlp.wire import Group, TooMany

EMPTY = Raw(b"{}")
IDS = ("traceId", "spanId", "parentSpanId")
NOT_IDS = ("trace_id", "span_id", "parent_span_id")
"""Protobuf's own names, which OTLP does not take."""
MOST_COMMAS = 1_000_000
"""So many values a body has at most: it bounds the memory that they take. Of real spans 16 MiB have half as many."""
DEEPEST = 60
"""Messages inside one another. A list in a list is three of them."""

Message = TypeVar("Message")


class _Scope(Struct):
    scope: Raw = EMPTY
    spans: list[Raw] | None = None
    logRecords: list[Raw] | None = None  # the name in OTLP


class _Resource(Struct):
    resource: Raw = EMPTY
    scopeSpans: list[_Scope] | None = None
    scopeLogs: list[_Scope] | None = None


class _Request(Struct):
    resourceSpans: list[_Resource] | None = None
    resourceLogs: list[_Resource] | None = None


_request = msgspec.json.Decoder(_Request)


def groups(body: bytes, most: int, *, spans: bool) -> list[Group]:
    """The spans or the log records of an export request, in their order; errors as of `wire.groups`."""
    if body.count(b",") > MOST_COMMAS:
        raise TooMany
    try:
        body.decode()
        request = _request.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError(str(error)[:200]) from None
    found, count = [], 0
    for resource in (request.resourceSpans if spans else request.resourceLogs) or []:
        count += 1
        for scope in (resource.scopeSpans if spans else resource.scopeLogs) or []:
            records = (scope.spans if spans else scope.logRecords) or []
            count += 1 + len(records)
            if count > most:
                break
            parts = [bytes(resource.resource), bytes(scope.scope)]
            found.append(Group(parts[0], parts[1], tuple(bytes(record) for record in records)))
        if count > most:
            raise TooMany
    return found


def message(text: bytes, into: Message) -> Message:
    """The message that the text of one says; `Unfit` when it says none. Fields that are not known are passed over."""
    try:
        said = msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise Unfit("this is no JSON that can be read") from None
    if said is None:
        return into
    if not isinstance(said, dict):
        raise Unfit("expected a JSON object")
    try:
        _ids_of_bytes(said)
        for link in said.get("links") or []:
            _ids_of_bytes(link)
        json_format.ParseDict(said, into, ignore_unknown_fields=True, max_recursion_depth=DEEPEST)
    except (json_format.Error, AttributeError, TypeError, ValueError, RecursionError) as error:
        # ParseDict answers what it did not expect with whatever Python says to it.
        raise Unfit(f"this is no such record: {str(error)[:200]}") from None
    return into


def _ids_of_bytes(said: dict[str, Any]) -> None:
    for name in NOT_IDS:
        said.pop(name, None)
    for name in IDS:
        given = said.get(name)
        if given is not None:
            try:
                said[name] = base64.b64encode(bytes.fromhex(given)).decode()
            except (TypeError, ValueError):
                raise Unfit(f"{name}: is not in hex") from None
