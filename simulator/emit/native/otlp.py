"""Spans of the integration layer in OTLP's JSON, as a collector writes them to a file: one request per line.

Each attempt of a message is a span, told when it has ended; the attempts of a message are one trace. That it began is
an event of the span. What only takes an instant, such as that a message became a dead letter, is a span without length.
Objects of the business that a message is about are attributes: `order.id`, or a list where there are several of a type.
`event.seen`: when it was told. Attempts whose end was never told are spans without one, in a request at the very end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from simulator.emit.native.told import DayFiles, Told, json_lines, references
from simulator.emit.writer import BEGINNINGS, STARTED, Stamps, digest, span_id, trace_id
from simulator.world.facts import Fact
from simulator.world.retailer import INTERFACES

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
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._stamp = Stamps()
        self._begun: dict[str, Told] = {}
        self._last_day: date | None = None

    def take(self, day: date, told: Sequence[Told]) -> None:
        self._last_day = day
        super().take(day, told)

    def content(self, told: Sequence[Told]) -> bytes:
        for one in told:
            if one.fact.activity in BEGINNINGS:
                self._begun[span_id(one.fact) or one.fact.id] = one
        ended = [one for one in told if one.fact.activity not in BEGINNINGS]
        return json_lines(_requests([self._span(one) for one in ended]))

    def close(self) -> None:
        """What is left has begun, and nothing is known of its end."""
        if self._begun and self._last_day is not None:
            spans = [self._span(one) for one in self._begun.values()]
            (self.folder / f"{self._last_day}.unfinished.jsonl").write_bytes(json_lines(_requests(spans)))

    def _span(self, told: Told) -> dict[str, Any]:
        fact, main = told.fact, told.main
        begins_us = fact.details.get(STARTED)
        unfinished = fact.activity in BEGINNINGS
        is_attempt = begins_us is not None or unfinished
        span = (is_attempt and span_id(fact)) or digest(8, fact.id)
        begun = told if unfinished else self._begun.pop(span, None) if is_attempt else None
        interface = main.attributes.get("interface", "")
        attributes = [] if unfinished else self._named(fact)
        attributes += _attributes(told, interface)
        failed = fact.outcome not in ("ok", "retry")
        return {
            "traceId": trace_id(fact) or digest(16, f"{main.type}:{main.id}"),
            "spanId": span,
            "name": f"{interface} {'send' if is_attempt else fact.activity}".strip(),
            "kind": CLIENT if is_attempt else INTERNAL,
            "startTimeUnixNano": str((fact.at_us if begins_us is None else begins_us) * 1000),
            **({} if unfinished else {"endTimeUnixNano": str(fact.at_us * 1000)}),
            "attributes": attributes,
            **({} if begun is None else {"events": [self._beginning(begun.fact)]}),
            "status": {"code": ERROR, "message": fact.error or fact.outcome} if failed else {"code": UNSET},
        }

    def _named(self, fact: Fact) -> list[dict[str, Any]]:
        return [
            _text("event.id", fact.id),
            _text("event.name", fact.activity),
            _text("event.seen", self._stamp(fact.seen_us)),
        ]

    def _beginning(self, fact: Fact) -> dict[str, Any]:
        return {
            "timeUnixNano": str(fact.at_us * 1000),
            "name": fact.activity,
            "attributes": [*self._named(fact), _text("event.outcome", fact.outcome)],
        }


def _requests(spans: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for first in range(0, len(spans), SPANS):
        scoped = {"scope": SCOPE, "spans": spans[first : first + SPANS]}
        yield {"resourceSpans": [{"resource": RESOURCE, "scopeSpans": [scoped]}]}


def _attributes(told: Told, interface: str) -> list[dict[str, Any]]:
    """What a span says besides what happened."""
    fact, main = told.fact, told.main
    attributes = [_text(f"{main.type}.id", main.id), *OF_INTERFACE.get(interface, [])]
    if (attempt := fact.details.get("attempt")) is not None:
        attributes.append({"key": "attempt", "value": {"intValue": str(attempt)}})
    for type_, ids in references(told.others).items():
        if len(ids) == 1:
            attributes.append(_text(f"{type_}.id", ids[0]))
        else:
            values = [{"stringValue": one} for one in ids]
            attributes.append({"key": f"{type_}.ids", "value": {"arrayValue": {"values": values}}})
    if fact.actor_kind == "human":
        attributes.append(_text("enduser.id", fact.actor))
    if fact.error:
        attributes.append(_text("error.type", fact.error))
        if fact.error.startswith("http_"):
            code = {"intValue": fact.error.removeprefix("http_")}
            attributes.append({"key": "http.response.status_code", "value": code})
    return attributes
