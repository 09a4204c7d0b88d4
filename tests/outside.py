"""Connections of a test: their files, their secrets, and effects that use them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kernel.clock import Clock
from kernel.egress import Egress
from kernel.secrets import Secrets
from orchestration_hooks.connections import Connections
from orchestration_hooks.http_effects import HttpEffects

KEY = b"0123456789abcdefghijklmn"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
OTHER = "whsec_" + base64.b64encode(b"another-secret-of-24-bytes").decode()
TOKEN = "Bearer hunter2-hunter2"
ENVIRONMENT = {"N8N_SECRET": SECRET, "OLD_SECRET": OTHER, "ERP_TOKEN": TOKEN}


def connection(home: Path, name: str, text: str, tenant: str = "local") -> None:
    """Write the file of a connection."""
    folder = home / "tenants" / tenant / "connections"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.yaml").write_text(f"id: {name}\n{text}", encoding="utf-8")


def webhook(home: Path, name: str, url: str, more: str = "") -> None:
    connection(home, name, f"kind: webhook\nurl: {url}\nsecret: env:N8N_SECRET\n{more}")


def effects(home: Path, clock: Clock, *listed: str, environ: Mapping[str, str] = ENVIRONMENT) -> HttpEffects:
    return HttpEffects("local", Connections(home, "local"), Secrets(home, environ), Egress(listed), clock)


def trigger_body(key: str = "run1:resend:1", **more: Any) -> dict[str, Any]:
    """A trigger of two cases."""
    return {
        "schema": "gembascope.trigger/v1",
        "run_id": "run1",
        "step_id": "resend",
        "visit": 1,
        "idempotency_key": key,
        "workflow": "resend-refunds",
        "parameters": {"reason": "stuck"},
        "process": "return-to-refund",
        "incident_id": "4" * 32,
        "cases": [
            {"case_id": "R-1", "amount": "49.90", "currency": "EUR", "store": "Köln"},
            {"case_id": "R-2", "amount": None, "currency": "", "store": ""},
        ],
        "callback": {"url": "https://ops.example/api/v1/callbacks/abc", "token": "abc"},
        "requested_by": "playbook:refund_stuck",
        "approved_by": ["u2"],
        "requested_at": "2026-03-01T12:00:00Z",
        "expires_at": "2026-03-01T13:00:00Z",
        **more,
    }
