"""The payment provider's webhooks: envelopes of events, as its servers sent them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simulator.emit.native.told import DayFiles, Told, json_lines, listed, noted, slug
from simulator.world.times import SECOND

TYPES = {
    "Payment authorised": ("payment_intent.amount_capturable_updated", "requires_capture"),
    "Payment failed": ("payment_intent.payment_failed", "requires_payment_method"),
    "Payment captured": ("payment_intent.succeeded", "succeeded"),
    "Payment confirmed": ("refund.succeeded", "succeeded"),
    "Refund failed": ("refund.failed", "failed"),
}
"""Type and status of what most happens; the others follow from their names."""


class Payments(DayFiles):
    def content(self, told: Sequence[Told]) -> bytes:
        return json_lines(map(_envelope, told))


def _envelope(told: Told) -> dict[str, Any]:
    fact, main = told.fact, told.main
    type_, status = TYPES.get(fact.activity, (f"{main.type}.{slug(fact.activity)}", fact.outcome))
    given: dict[str, Any] = {"id": main.id, "object": main.type, "status": status}
    if fact.cents is not None:
        given |= {"amount": fact.cents, "currency": fact.currency.lower()}
    if fact.error:
        given["last_error"] = {"code": fact.error}
    given |= {"related": listed(told.others), **noted(told)}
    return {
        "id": fact.id,
        "object": "event",
        "api_version": "2026-01-28",
        "created": fact.at_us // SECOND,
        "created_ms": fact.at_us // 1000,
        "type": type_,
        "livemode": True,
        "request": {"by": fact.actor, "kind": fact.actor_kind},
        "outcome": fact.outcome,
        "data": {"object": given},
        "delivered_ms": fact.seen_us // 1000,
    }
