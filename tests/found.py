"""Findings for tests, in one line each."""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

from kernel.findings import Finding, Kind, Severity

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc)


def finding(tenant: str, case_id: str, **more: Any) -> Finding:
    """A late refund of a case, unless more is said; `value` may be a text."""
    if isinstance(more.get("value"), str):
        more["value"] = Decimal(more["value"])
    usual: dict[str, Any] = {
        "kind": Kind.SLA_BREACH,
        "rule": "refund in time",
        "process": "returns",
        "store": "K-114",
        "cause": "refund in time after Refund authorised",
        "anchor": "2026-02-27T18:00:00+00:00",
        "severity": Severity.HIGH,
        "title": f"{case_id}: the refund is late",
        "suspect": "Refund authorised → Refund sent to payments",
        "owner": "returns-ops",
        "dependency_owner": "erp-team",
        "since": datetime(2026, 2, 27, 18, 0, tzinfo=timezone.utc),
        "detected_at": NOON,
    }
    return Finding(tenant=tenant, case_id=case_id, **usual | more)
