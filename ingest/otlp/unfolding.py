"""An export request to deliveries: one per span or log record."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Literal, Protocol, TypeVar

import msgspec
from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from ingest.event_form import Unfit
from ingest.otlp import wire, written
from ingest.otlp.values import log_value, resource_value, scope_value, span_value
from ingest.sources.delivery import Delivery
from ingest.sources.refused import refused
from kernel.errors import InputError

Signal = Literal["traces", "logs"]
OtlpEncoding = Literal["protobuf", "json"]

MAX_RECORDS = 20_000
"""Most messages of one request: resources, scopes, records. SDKs send 512 spans, collectors some thousands."""
MAX_RECORD_BYTES = 1 << 20
"""Of one record, of one resource and of one scope, as sent."""
MAX_UNFOLDED_BYTES = 64 << 20
"""Of all deliveries of a request: each has its resource again."""


class OverLimit(InputError):
    """A request has more than may be sent at once."""

    reason = "too_large"


class _Parsed(Protocol):
    def ParseFromString(self, content: bytes) -> object: ...  # protobuf's name


Message = TypeVar("Message", bound=_Parsed)


def deliveries(signal: Signal, encoding: OtlpEncoding, body: bytes) -> list[Delivery]:
    """The records of a request in their order. One that is none is handed over as it came, with the reason.

    Raises
    ------
    OverLimit
        There are more than MAX_RECORDS messages, or more than MAX_UNFOLDED_BYTES when each record has its resource.
    InputError
        The body is no export request.
    """
    try:
        if encoding == "protobuf":
            found = wire.groups(body, MAX_RECORDS)
        else:
            found = written.groups(body, MAX_RECORDS, spans=signal == "traces")
    except wire.TooMany:
        raise OverLimit(f"a request has at most {MAX_RECORDS:,} messages; send them in several") from None
    except ValueError as error:
        raise InputError(f"the body is no export request: {error}") from None
    made: list[Delivery] = []
    length = 0
    for group in found:
        try:
            resource = _encoded(resource_value(_message(encoding, group.resource, Resource())))
            scope = _encoded(scope_value(_message(encoding, group.scope, InstrumentationScope())))
        except Unfit as error:
            raise InputError(f"a resource or a scope cannot be read: {error}") from None
        for record in group.records:
            one = _delivery(signal, encoding, record, resource, scope)
            length += len(one.body)
            if length > MAX_UNFOLDED_BYTES:
                raise OverLimit("the records and what they are of are too long together; send them in several")
            made.append(one)
    return made


def _delivery(
    signal: Signal, encoding: OtlpEncoding, record: bytes, resource: msgspec.Raw, scope: msgspec.Raw
) -> Delivery:
    try:
        if signal == "traces":
            span = span_value(_message(encoding, record, Span()))
            content = {"resource": resource, "scope": scope, "span": span}
            return Delivery(_body(content), f"{span['traceId']}/{span['spanId']}")
        content = {"resource": resource, "scope": scope, "log": log_value(_message(encoding, record, LogRecord()))}
        return Delivery(_body(content), _digest(_encode(content)))
    except Unfit as error:
        return refused(record, _digest(record), str(error))


def _message(encoding: OtlpEncoding, content: bytes, into: Message) -> Message:
    if len(content) > MAX_RECORD_BYTES:
        raise Unfit(f"a record, a resource or a scope has at most {MAX_RECORD_BYTES:,} bytes")
    if encoding == "json":
        return written.message(content, into)
    try:
        into.ParseFromString(content)
    except DecodeError as error:
        raise Unfit(f"this is no such message: {error}") from None
    return into


_encode: Callable[[Any], bytes] = msgspec.json.Encoder(order="sorted").encode
_in_order: Callable[[Any], bytes] = msgspec.json.Encoder().encode


def _encoded(value: Any) -> msgspec.Raw:
    return msgspec.Raw(_encode(value))


def _body(content: dict[str, Any]) -> bytes:
    """Attributes stay in the order in which they were sent: that of the objects which they name."""
    return _in_order(content)


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
