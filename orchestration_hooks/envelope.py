"""The envelope of what we send: CloudEvents 1.0 as JSON (https://cloudevents.io).

The same message is the same bytes, however often it is sent: so the time in it is that of the message, and where that
is not known there is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from orchestration_hooks.effects import Message
from orchestration_hooks.trigger import Alert

CONTENT_TYPE = "application/cloudevents+json"
TRIGGER_TYPE, ALERT_TYPE = "gembascope.trigger.v1", "gembascope.alert.v1"


def envelope(tenant: str, event_type: str, key: str, data: Mapping[str, Any], *, time: str | None = None) -> bytes:
    """The body of a message; `key` is its id, `data` what JSON can hold, `time` in RFC 3339."""
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": key,
        "source": f"urn:gembascope:{tenant}",
        "type": event_type,
        "datacontenttype": "application/json",
    }
    if time is not None:
        event["time"] = time
    return msgspec.json.encode({**event, "data": data}, order="sorted")


def alert_data(message: Message) -> dict[str, Any]:
    """What a message says, as the data of its envelope: a `gembascope.alert/v1`."""
    return Alert(
        title=message.title,
        text=message.text,
        severity=message.severity,
        link=message.link,
        fields=dict(message.fields),
    ).model_dump(mode="json")
