"""Spans of the integration layer in OTLP's JSON, as a collector writes them to a file: one request per line.

Each attempt of a message is a span, told when it has ended; the attempts of a message are one trace. What only takes an
instant, such as that a message became a dead letter, is a span without length. Objects of the business that a message
is about are attributes: `order.id`, or a list where there are several of a type.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from simulator.emit.native.told import DayFiles, Told, json_lines, references
from simulator.emit.writer import STARTED, digest, span_id, trace_id
from simulator.world.retailer import INTERFACES

BEGINNINGS = frozenset({"Call started", "Call retried"})
"""What the span of an attempt tells by its start."""
SPANS = 512
"""Of one request, at most."""
INTERNAL, CLIENT = 1, 3
UNSET, ERROR = 0, 2
RESOURCE = {
    "attributes": [
        {"key": "service.name", "value": {"stringValue": "integration-bus"}},
        {"key": "deployment.environment.name", "value": {"stringValue": "production"}},
    ]
}
SCOPE = {"name": "integration-bus", "version": "4.2.0"}


def _text(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": value}}


OF_INTERFACE = {
    one.id: [
        _text("interface", one.id),
        _text("source.system", one.sender),
        _text("target.system", one.receiver),
        _text("messaging.system", one.protocol),
    ]
    for one in INTERFACES.values()
}


class Bus(DayFiles):
    def content(self, told: Sequence[Told]) -> bytes:
        return json_lines(_requests([_span(one) for one in told if one.fact.activity not in BEGINNINGS]))


def _requests(spans: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for first in range(0, len(spans), SPANS):
        scoped = {"scope": SCOPE, "spans": spans[first : first + SPANS]}
        yield {"resourceSpans": [{"resource": RESOURCE, "scopeSpans": [scoped]}]}


def _span(told: Told) -> dict[str, Any]:
    fact, main = told.fact, told.main
    begins_us = fact.details.get(STARTED)
    interface = main.attributes.get("interface", "")
    attributes = [_text("event.id", fact.id), _text("event.name", fact.activity), _text(f"{main.type}.id", main.id)]
    attributes += OF_INTERFACE.get(interface, [])
    if (attempt := fact.details.get("attempt")) is not None:
        attributes.append({"key": "attempt", "value": {"intValue": str(attempt)}})
    for type_, ids in references(fact.things[1:]).items():
        if len(ids) == 1:
            attributes.append(_text(f"{type_}.id", ids[0]))
        else:
            values = [{"stringValue": one} for one in ids]
            attributes.append({"key": f"{type_}.ids", "value": {"arrayValue": {"values": values}}})
    if fact.actor_kind == "human":
        attributes.append(_text("enduser.id", fact.actor))
    failed = fact.outcome not in ("ok", "retry")
    if fact.error:
        attributes.append(_text("error.type", fact.error))
        if fact.error.startswith("http_"):
            code = {"intValue": fact.error.removeprefix("http_")}
            attributes.append({"key": "http.response.status_code", "value": code})
    is_attempt = begins_us is not None
    return {
        "traceId": trace_id(fact) or digest(16, f"{main.type}:{main.id}"),
        "spanId": (is_attempt and span_id(fact)) or digest(8, fact.id),
        "name": f"{interface} {'send' if is_attempt else fact.activity}".strip(),
        "kind": CLIENT if is_attempt else INTERNAL,
        "startTimeUnixNano": str((fact.at_us if begins_us is None else begins_us) * 1000),
        "endTimeUnixNano": str(fact.at_us * 1000),
        "attributes": attributes,
        "status": {"code": ERROR, "message": fact.error or fact.outcome} if failed else {"code": UNSET},
    }
