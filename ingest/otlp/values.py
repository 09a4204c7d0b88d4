"""A span and a log record as JSON."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from math import isfinite, isnan
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from ingest.event_form import MAX_DEPTH, Unfit

TRACE_ID_BYTES, SPAN_ID_BYTES = 16, 8


def resource_value(resource: Resource) -> dict[str, Any]:
    """Its attributes."""
    return attributes_of(resource.attributes)


def scope_value(scope: InstrumentationScope) -> dict[str, Any]:
    return {"name": scope.name, "version": scope.version, "attributes": attributes_of(scope.attributes)}


def span_value(span: Span) -> dict[str, Any]:
    """The span; what is empty of events, links, counts, flags and parent is left out. `Unfit` without right ids."""
    _check_id("traceId", span.trace_id, TRACE_ID_BYTES)
    _check_id("spanId", span.span_id, SPAN_ID_BYTES)
    found: dict[str, Any] = {"traceId": span.trace_id.hex(), "spanId": span.span_id.hex()}
    if span.parent_span_id:
        found["parentSpanId"] = span.parent_span_id.hex()
    found |= {
        "name": span.name,
        "kind": int(span.kind),
        "startTimeUnixNano": str(span.start_time_unix_nano),
        "endTimeUnixNano": str(span.end_time_unix_nano),
        "attributes": attributes_of(span.attributes),
        "status": {"code": int(span.status.code)},
    }
    if span.status.message:
        found["status"]["message"] = span.status.message
    if span.events:
        found["events"] = [
            {
                "timeUnixNano": str(one.time_unix_nano),
                "name": one.name,
                "attributes": attributes_of(one.attributes),
                **_if_set(droppedAttributesCount=one.dropped_attributes_count),
            }
            for one in span.events
        ]
    if span.links:
        found["links"] = [
            {
                "traceId": one.trace_id.hex(),
                "spanId": one.span_id.hex(),
                "attributes": attributes_of(one.attributes),
                **_if_set(traceState=one.trace_state, flags=one.flags),
                **_if_set(droppedAttributesCount=one.dropped_attributes_count),
            }
            for one in span.links
        ]
    return found | _if_set(
        traceState=span.trace_state,
        flags=span.flags,
        droppedAttributesCount=span.dropped_attributes_count,
        droppedEventsCount=span.dropped_events_count,
        droppedLinksCount=span.dropped_links_count,
    )


def log_value(record: LogRecord) -> dict[str, Any]:
    """The record; what is empty of ids, flags, counts and the name of an event is left out."""
    return {
        "timeUnixNano": str(record.time_unix_nano),
        "observedTimeUnixNano": str(record.observed_time_unix_nano),
        "severityNumber": int(record.severity_number),
        "severityText": record.severity_text,
        "body": plain(record.body),
        "attributes": attributes_of(record.attributes),
        **_if_set(
            traceId=record.trace_id.hex(),
            spanId=record.span_id.hex(),
            eventName=record.event_name,
            flags=record.flags,
            droppedAttributesCount=record.dropped_attributes_count,
        ),
    }


def attributes_of(pairs: Iterable[KeyValue], depth: int = 0) -> dict[str, Any]:
    """Attributes by name; of several of one name the last."""
    return {pair.key: plain(pair.value, depth) for pair in pairs}


def plain(value: AnyValue, depth: int = 0) -> Any:
    """OTLP's value as JSON; None for one that is none. `Unfit` when it is nested deeper than MAX_DEPTH."""
    if depth > MAX_DEPTH:
        raise Unfit(f"values are nested more than {MAX_DEPTH} deep")
    match value.WhichOneof("value"):
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case "int_value":
            return value.int_value
        case "double_value":
            return _number(value.double_value)
        case "array_value":
            return [plain(one, depth + 1) for one in value.array_value.values]
        case "kvlist_value":
            return attributes_of(value.kvlist_value.values, depth + 1)
        case "bytes_value":
            return base64.b64encode(value.bytes_value).decode()
    return None


def _number(value: float) -> float | str:
    if isfinite(value):
        return value
    return "NaN" if isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _if_set(**fields: str | int) -> dict[str, str | int]:
    return {name: value for name, value in fields.items() if value}


def _check_id(name: str, given: bytes, length: int) -> None:
    if len(given) != length or not any(given):
        raise Unfit(f"{name}: is not {length} bytes that are not all zero")
