"""Signed webhooks, each by itself, as a shop sends them: `hooks` of the section `ingest`.

The sender is this process, with CONNECTIONS of them open; each waits for its acknowledgement. What a webhook says is an
order of three lines, which a mapping pack makes one event of, with five objects and three links.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

from benchmarks.engine_gembascope import TENANT
from benchmarks.ingest import IngestFailed, fresh, percentile, served
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
        _send(measured.connected, key, iter(range(-WARM, 0)), run)
        cpu, wall = measured.cpu_s(), time.perf_counter()
        waits = _send(measured.connected, key, iter(range(requests)), run)
        cpu, wall = measured.cpu_s() - cpu, time.perf_counter() - wall
        peak, load = measured.peak_mb(), os.getloadavg()[0]
    rows = [Row("hooks", "gembascope", cpu, wall, peak, load)]
    return rows + [
        Row(f"hook_ack_p{share}", "gembascope", 0.0, percentile(waits, share), peak, load) for share in (50, 99)
    ]


def _send(connected: Any, key: bytes, numbers: Iterator[int], run: str) -> list[float]:
    """Send webhooks of these numbers; the waits for their acknowledgements, seconds."""
    waits: list[float] = []
    taking = threading.Lock()

    def sender() -> None:
        connection: http.client.HTTPConnection = connected()
        while True:
            with taking:
                number = next(numbers, None)
            if number is None:
                return
            body, headers = _request(key, f"{run}-{number}")
            begun = time.perf_counter()
            connection.request("POST", "/api/v1/hooks/shop", body, headers)
            answer = connection.getresponse()
            content = answer.read()
            waits.append(time.perf_counter() - begun)
            if answer.status != 202 or json.loads(content)["accepted"] != 1:
                raise IngestFailed(f"a webhook was answered {answer.status} {content[:300]!r}")

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        for done in [pool.submit(sender) for _ in range(CONNECTIONS)]:
            done.result()
    return waits


def _request(key: bytes, name: str) -> tuple[bytes, dict[str, str]]:
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
    return body, {
        "Content-Type": "application/json",
        "webhook-id": f"m-{name}",
        "webhook-timestamp": seconds,
        "webhook-signature": f"v1,{signed}",
    }
