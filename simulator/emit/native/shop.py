"""The web shop's webhooks: one line per delivery, with its headers and its body."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from simulator.emit.native.told import DayFiles, Told, json_lines, listed, noted, slug
from simulator.emit.writer import Stamps, money
from simulator.world.facts import Fact

TOPICS = {"Order placed": "orders/create", "Order cancelled": "orders/cancelled"}
"""Those that have a name of their own; the others follow from what happened to what."""


class Shop(DayFiles):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._stamp = Stamps()

    def content(self, told: Sequence[Told]) -> bytes:
        return json_lines(map(self._delivery, told))

    def _delivery(self, told: Told) -> dict[str, Any]:
        fact, main = told.fact, told.main
        headers = {
            "X-Shop-Topic": TOPICS.get(fact.activity) or f"{main.type}s/{slug(fact.activity)}",
            "X-Shop-Event-Id": fact.id,
            "X-Shop-Triggered-At": self._stamp(fact.at_us),
            "X-Shop-Domain": "shop.hearth.example",
            "Content-Type": "application/json",
        }
        body = order(told, self._stamp) if fact.activity == "Order placed" else self._other(told)
        return {"headers": headers, "received_at": self._stamp(fact.seen_us), "body": body}

    def _other(self, told: Told) -> dict[str, Any]:
        fact = told.fact
        body: dict[str, Any] = {"id": told.main.id, "updated_at": self._stamp(fact.at_us), "result": fact.outcome}
        if fact.error:
            body["error"] = fact.error
        if fact.cents is not None:
            body |= {"amount": money(fact.cents), "currency": fact.currency}
        if fact.actor_kind == "human":
            body["user"] = fact.actor
        return body | ({"related": listed(told.others)} if told.others else {}) | noted(told)


def order(told: Told, stamp: Stamps) -> dict[str, Any]:
    """An order as shops write it, whole whenever it is told; what is decided later is not in it."""
    fact, main = told.fact, told.main
    given = main.attributes
    customer = next((thing for thing in fact.things if thing.type == "customer"), None)
    return {
        "id": main.id,
        "name": f"#{main.id.partition('-')[2]}",
        "created_at": stamp(fact.at_us),
        "currency": fact.currency,
        "total_price": money(fact.cents or 0),
        "financial_status": "pending",
        "gateway": given.get("payment_method", ""),
        "source_name": given.get("channel", ""),
        "location": given.get("store") or None,
        "brand": given.get("brand", ""),
        "tags": [tag for tag in (given.get("purpose", ""),) if tag],
        "customer": None
        if customer is None
        else {
            "id": customer.id,
            "segment": given.get("customer_segment", ""),
            **({"profile": told.beginnings[customer]} if customer in told.beginnings else {}),
        },
        "shipping_address": {"region": given.get("region", "")},
        "promised_delivery_date": given.get("promised_delivery_date", ""),
        "line_items": list(lines(fact)),
    }


def lines(fact: Fact) -> Iterator[dict[str, Any]]:
    """The lines of an order."""
    for thing in fact.things:
        if thing.type == "order_line":
            yield {
                "id": thing.id,
                "sku": thing.attributes["sku"],
                "quantity": int(thing.attributes["quantity"]),
                "price": thing.attributes["price"],
                "total": thing.attributes["line_value"],
            }
