"""The form in which systems send events, as msgspec decodes it and as the API describes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

MAX_EVENTS = 10_000
"""Most events of one request."""
MAX_SOURCE = 200
"""Most characters of the name of a source."""
MAX_DEPTH = 16
"""Of lists and objects in an attribute."""

Name = Annotated[str, Meta(min_length=1, max_length=500)]
Short = Annotated[str, Meta(max_length=500)]
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Stamp = Annotated[
    str,
    Meta(description="RFC 3339 with an offset: 2026-01-31T12:00:00.250Z", extra_json_schema={"format": "date-time"}),
]


class ObjectRef(Struct, forbid_unknown_fields=True, frozen=True):
    """An object that an event happened to. `attributes` take these values when the event happens."""

    type: Name
    id: Name
    qualifier: Short = ""
    attributes: dict[Name, Any] = {}


class Named(Struct, forbid_unknown_fields=True, frozen=True):
    """One end of a link."""

    type: Name
    id: Name


class Link(Struct, forbid_unknown_fields=True, frozen=True, rename={"from_": "from"}):
    """A relation between two objects."""

    from_: Named
    to: Named
    qualifier: Short = ""


class Change(Struct, forbid_unknown_fields=True, frozen=True):
    """A value that an attribute of an object takes."""

    type: Name
    id: Name
    attribute: Name
    value: Any
    at: Annotated[Stamp | None, Meta(description="When it takes it; absent: it has it from its beginning.")] = None


class Event(Struct, forbid_unknown_fields=True, frozen=True):
    """Something that happened in a source."""

    id: Annotated[
        str, Meta(min_length=1, max_length=500, description="The source's own id; sent again it adds nothing.")
    ]
    activity: Name
    occurred_at: Stamp
    source: Annotated[
        str, Meta(max_length=MAX_SOURCE, description="The system it is from; else the source of the request.")
    ] = ""
    seen_at: Stamp | None = None
    started_at: Stamp | None = None
    lifecycle: Short = ""
    sequence: Annotated[int, Meta(ge=0, le=2**63 - 1, description="Orders events of one instant.")] = 0
    actor: Short = ""
    actor_kind: Literal["", "human", "system", "agent"] = ""
    outcome: Literal["", "ok", "error", "retry", "timeout", "rejected"] = ""
    error_code: Short = ""
    value: Annotated[Decimal | None, Meta(description="Money, as decimal text or number, with `currency`.")] = None
    currency: Annotated[str, Meta(max_length=16)] = ""
    objects: Annotated[list[ObjectRef], Meta(max_length=1_000)] = []
    attributes: dict[Name, Any] = {}
    links: Annotated[list[Link], Meta(max_length=1_000)] = []
    changes: Annotated[
        list[Change], Meta(max_length=1_000, description="What is known of objects at other times than the event's.")
    ] = []
    trace_id: Short = ""
    span_id: Short = ""
    revision: Annotated[int, Meta(ge=0, le=2**63 - 1, description="Of the source; the highest one counts.")] = 0


@dataclass(frozen=True, slots=True)
class Refused:
    """An event of a request that cannot be kept. `index` counts from 0; `raw` is what was sent, byte for byte."""

    index: int
    id: str  # "" where it has none
    source: str
    reason: str
    raw: bytes
    key: str = ""
    """Of the delivery that it came in; "" where it was sent as an event."""
    headers: dict[str, str] = field(default_factory=dict)
    """Of that delivery, so that it can be mapped again."""


class Unfit(ValueError):
    """Why an event cannot be kept."""


def schema() -> dict[str, Any]:
    """The JSON Schema of a request, with its parts by name, for the documentation of the API."""
    (found,), parts = msgspec.json.schema_components([list[Event]], ref_template="#/components/schemas/{name}")
    return {"schema": {**found, "maxItems": MAX_EVENTS}, "parts": parts}
