"""Quarantine: the pieces of files that could not become events, with reason, position and content."""

from __future__ import annotations

import hashlib

import polars as pl

from ingest.formats.base import Rejected
from kernel.clock import Clock
from kernel.warehouse import Warehouse, load_query, parquet


def quarantine(
    warehouse: Warehouse,
    clock: Clock,
    *,
    tenant: str,
    load_id: str,
    source: str,
    file_name: str,
    rejected: list[Rejected],
    keep_raw: bool,
) -> None:
    """Keep the rejected pieces of one load; the same piece again is the same entry."""
    load = bytes.fromhex(load_id)
    frame = pl.DataFrame(
        {
            "tenant": [tenant] * len(rejected),
            "load_id": [load] * len(rejected),
            "entry": [_entry(load, item) for item in rejected],
            "source": [source] * len(rejected),
            "file_name": [file_name] * len(rejected),
            "position": [item.position for item in rejected],
            "reason": [item.reason for item in rejected],
            "raw": [item.raw if keep_raw else "" for item in rejected],
            "quarantined_at": [clock.now()] * len(rejected),
        },
        schema_overrides={"quarantined_at": pl.Datetime("us", "UTC")},
    )
    warehouse.insert_parquet("quarantine", parquet(frame))


def _entry(load: bytes, item: Rejected) -> bytes:
    parts = (load, item.position.encode(), item.raw.encode("utf-8", "replace"))
    framed = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    return hashlib.blake2b(framed, digest_size=16).digest()


def quarantined(warehouse: Warehouse, *, tenant: str, source: str | None = None, limit: int = 100) -> pl.DataFrame:
    """The newest entries: one row each (file_name, source, position, reason, raw, quarantined_at).

    Ordered by time, newest first, then file, position and entry.
    """
    parameters = {"tenant": tenant, "source": source or "", "limit": limit}
    return warehouse.query(load_query(__file__, "quarantined"), parameters)


def quarantine_reasons(warehouse: Warehouse, *, tenant: str, source: str | None = None) -> pl.DataFrame:
    """Why pieces were quarantined: one row per source, file and reason in its general form (source, file_name,
    reason, pieces, example), most pieces first, then by name."""
    parameters = {"tenant": tenant, "source": source or ""}
    return warehouse.query(load_query(__file__, "quarantine_reasons"), parameters)
