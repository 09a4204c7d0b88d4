"""Attribute values as JSON, with the types that XES and OCEL know and JSON does not.

Strings, integers, floats and booleans are plain JSON. The rest is an object with one marked key:
`{"$date": "2020-01-31T12:00:00Z"}` (UTC, microseconds where needed), `{"$id": "..."}` (XES id),
`{"$list": [[key, value], ...]}` (XES list and container), and `{"$value": v, "$nested": [[key, value], ...]}`
for an attribute that has attributes of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

import msgspec

_encoder = msgspec.json.Encoder(order="sorted")
_decoder = msgspec.json.Decoder()


def date_value(moment: datetime) -> dict[str, str]:
    """The JSON value of an aware instant."""
    if moment.tzinfo is None:
        raise ValueError("a naive datetime has no place on the time line")
    text = moment.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
    return {"$date": text}


def encode(values: Mapping[str, Any]) -> str:
    """Attributes as canonical JSON text: keys sorted, no spaces."""
    return _encoder.encode(values).decode() if values else "{}"


def encode_value(value: Any) -> str:
    """One attribute value as canonical JSON text."""
    return _encoder.encode(value).decode()


def decode(text: str) -> Any:
    """The value or the attributes behind a JSON text."""
    return _decoder.decode(text)
