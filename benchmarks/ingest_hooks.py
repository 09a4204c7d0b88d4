"""Signed webhooks, each by itself, as a shop sends them: `hooks` of the section `ingest`.

The sender is this process, with CONNECTIONS open; on each the next is sent when the last was acknowledged. Requests are
written and signed before the clock starts, so that the sender takes little of the machine from the service. What a
webhook says is an order of three lines, which a mapping pack makes one event of, with five objects and three links.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import time
from pathlib import Path
from typing import Any

import yaml

from benchmarks.engine_gembascope import TENANT
from benchmarks.ingest import IngestFailed, Service, fresh, percentile, served
from benchmarks.ingest_wire import exchange, written
from benchmarks.measuring import Row

CONNECTIONS = 24
WARM = 300
LINE = {"type": {"is": "order_line"}, "id": "item.id"}
PACK: dict[str, Any] = {
    "id": "shop",
    "version": 1,
    "title": "A shop",
    "tables": {"topics": {"orders/create": "Order placed"}},
    "rules": [
        {
            "name": "orders",
            "events": [
                {
                    "id": 'headers."webhook-id"',
                    "activity": "lookup('topics', body.topic, sentence(body.topic))",
                    "occurred_at": "body.created_at",
                    "actor": {"is": "shop"},
                    "value": "body.total_price",
                    "currency": "body.currency",
                    "attributes": {"channel": "body.channel"},
                    "objects": [
                        {"type": {"is": "order"}, "id": "body.id", "initial": {"region": "body.region"}},
                        {"type": {"is": "customer"}, "id": "body.customer.id"},
                        {"each": "body.lines", **LINE, "initial": {"sku": "item.sku", "quantity": "item.quantity"}},
                    ],
                    "links": [
                        {
                            "each": "body.lines",
                            "from": {"type": {"is": "order"}, "id": "body.id"},
                            "to": LINE,
                            "qualifier": {"is": "line"},
                        }
                    ],
                }
            ],
        }
    ],
}
SOURCE = {
    "id": "shop",
    "pack": "shop",
    "collect": {"kind": "webhook", "style": "standard", "secrets": ["env:SHOP_SECRET"]},
    "limits": {"requests_per_minute": 10_000_000},
}


def hooked(home: Path, requests: int, run: str) -> list[Row]:
    """Send so many webhooks: CPU of the service and wall seconds until the last is acknowledged (`hooks`), and how long
    each waited for that."""
    key = os.urandom(24)
    secret = "whsec_" + base64.b64encode(key).decode()
    for kind, content in (("mappings", PACK), ("sources", SOURCE)):
        folder = fresh(home) / "tenants" / TENANT / kind
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "shop.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    with served(home, SHOP_SECRET=secret, GEMBASCOPE_STRANGERS_PER_MINUTE="10000000") as (measured, _):
        measured.opened()
        warm, sent = (
            [_request(measured, key, f"{run}-{n}") for n in some] for some in (range(-WARM, 0), range(requests))
        )
        exchange(measured.address, warm, CONNECTIONS, _checked)
        cpu, wall = measured.cpu_s(), time.perf_counter()
        waits = exchange(measured.address, sent, CONNECTIONS, _checked)
        cpu, wall = measured.cpu_s() - cpu, time.perf_counter() - wall
        peak, load = measured.peak_mb(), os.getloadavg()[0]
    rows = [Row("hooks", "gembascope", cpu, wall, peak, load)]
    return rows + [
        Row(f"hook_ack_p{share}", "gembascope", 0.0, percentile(waits, share), peak, load) for share in (50, 99)
    ]


def _checked(head: bytes, body: bytes) -> None:
    if not head.startswith(b"HTTP/1.1 202 ") or json.loads(body)["accepted"] != 1:
        raise IngestFailed(f"a webhook was answered {head[:60]!r} {body[:300]!r}")


def _request(service: Service, key: bytes, name: str) -> bytes:
    """One webhook as it goes over the wire. Its signature is as old as the run: less than what a service takes."""
    order = {
        "topic": "orders/create",
        "id": f"O-{name}",
        "created_at": "2026-03-02T10:16:00.250Z",
        "total_price": "121.50",
        "currency": "EUR",
        "channel": "web",
        "region": "east",
        "customer": {"id": f"C-{len(name) % 500}"},
        "lines": [{"id": f"O-{name}-{line}", "sku": f"sku-{line}", "quantity": line} for line in range(3)],
    }
    body, seconds = json.dumps(order).encode(), str(int(time.time()))
    signed = base64.b64encode(hmac.digest(key, f"m-{name}.{seconds}.".encode() + body, hashlib.sha256)).decode()
    headers = {"webhook-id": f"m-{name}", "webhook-timestamp": seconds, "webhook-signature": f"v1,{signed}"}
    return written("/api/v1/hooks/shop", service.netloc, body, {"Content-Type": "application/json"} | headers)
