"""A mapping pack of a test, and deliveries for it."""

from __future__ import annotations

import json
from typing import Any

from ingest.mappings.pack import MappingPack
from ingest.sources.delivery import Delivery

RULES: dict[str, Any] = {
    "id": "shop",
    "version": 1,
    "title": "A shop",
    "tables": {"topics": {"orders/create": "Order placed"}},
    "event": {"id": 'headers."event-id"', "outcome": {"is": "ok"}},
    "rules": [
        {"name": "pings", "when": "headers.topic == 'ping'", "ignore": "says that it is there"},
        {
            "name": "orders",
            "when": "starts_with(headers.topic || '', 'orders/')",
            "events": [
                {
                    "activity": "lookup('topics', headers.topic)",
                    "occurred_at": "body.created_at",
                    "value": "minor(body.total, `2`)",
                    "currency": {"is": "EUR"},
                    "attributes": {"email": "body.customer.email"},
                    "objects": [
                        {"type": {"is": "order"}, "id": "body.id", "attributes": {"channel": {"is": "web"}}},
                        {"type": {"is": "customer"}, "id": "body.customer.id"},
                        {
                            "each": "body.lines",
                            "type": {"is": "order_line"},
                            "id": "item.id",
                            "initial": "without(item, ['id'])",
                        },
                    ],
                    "links": [
                        {
                            "from": {"type": {"is": "order"}, "id": "body.id"},
                            "to": {"type": {"is": "erp_order"}, "id": "body.erp"},
                            "qualifier": {"is": "is"},
                        },
                        {
                            "each": "body.lines",
                            "from": {"type": {"is": "order"}, "id": "body.id"},
                            "to": {"type": {"is": "order_line"}, "id": "item.id"},
                            "qualifier": {"is": "has"},
                        },
                    ],
                    "changes": [
                        {
                            "type": {"is": "order"},
                            "id": "body.id",
                            "attribute": {"is": "state"},
                            "value": {"is": "placed"},
                            "at": "body.created_at",
                        }
                    ],
                }
            ],
        },
        {
            "name": "spans",
            "when": "headers.topic == 'spans'",
            "events": [
                {
                    "each": "body.spans",
                    "id": "join('-', [headers.\"event-id\", to_string(number)])",
                    "activity": "item.a",
                    "occurred_at": "epoch(item.t, 's')",
                    "objects": [{"type": {"is": "trace"}, "id": "key"}],
                }
            ],
        },
    ],
}


def pack(**changes: Any) -> MappingPack:
    return MappingPack.model_validate({**RULES, **changes})


SHOP = pack()


def delivery(body: Any, key: str = "k", **headers: str) -> Delivery:
    """Bytes as they are, anything else as JSON; names of headers with - for _."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Delivery(content, key, {name.replace("_", "-"): value for name, value in headers.items()})
