"""The process of returns and refunds, as tests of rules know it."""

from __future__ import annotations

from typing import Any

from kernel.calendar_definition import CalendarDefinition
from kernel.process import ProcessDefinition

SHOP_HOURS = CalendarDefinition.model_validate(
    {
        "id": "returns_center",
        "timezone": "Europe/Berlin",
        "hours": {day: ["07:00-19:00"] for day in ("mon", "tue", "wed", "thu")} | {"fri": ["07:00-17:00"]},
        "holidays": {"2024-04-01": "Easter Monday"},
    }
)
PROCESS = "return-to-refund"
AUTHORISED, SENT, CONFIRMED, REJECTED = (
    "Refund authorised",
    "Refund sent to payments",
    "Payment confirmed",
    "Return rejected",
)
ACTIVITIES = (
    "Return requested",
    "Parcel scanned",
    "Return received",
    "Return inspected",
    AUTHORISED,
    SENT,
    CONFIRMED,
    REJECTED,
)
PROMISE = "refund within five working days of receipt"


def returns(**more: Any) -> ProcessDefinition:
    """The definition, with its calendar."""
    fields: dict[str, Any] = {
        "id": PROCESS,
        "object_type": "return",
        "activities": ACTIVITIES,
        "start": ("Return requested",),
        "end": (CONFIRMED, REJECTED),
        "calendar": "returns_center",
        "promises": [
            {"name": PROMISE, "from": "Return received", "to": CONFIRMED, "within": "5 working days"},
        ],
    }
    return ProcessDefinition.model_validate(fields | more).with_calendars({"returns_center": SHOP_HOURS})
