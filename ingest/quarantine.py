"""Quarantine: what could not become events, pieces of files and of what was sent, with reason, position and content."""

from __future__ import annotations

import hashlib
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
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
            "raw": [_bytes(item) if keep_raw else b"" for item in rejected],
            "quarantined_at": [clock.now()] * len(rejected),
            "key": [item.key for item in rejected],
            "headers": [msgspec.json.encode(item.headers).decode() if item.headers else "" for item in rejected],
        },
        schema_overrides={"quarantined_at": pl.Datetime("us", "UTC"), "raw": pl.Binary()},
    )
    warehouse.insert_parquet("quarantine", parquet(frame))


def _entry(load: bytes, item: Rejected) -> bytes:
    parts = (load, item.position.encode(), _bytes(item))
    framed = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    return hashlib.blake2b(framed, digest_size=16).digest()


def _bytes(item: Rejected) -> bytes:
    return item.raw if isinstance(item.raw, bytes) else item.raw.encode("utf-8", "replace")


def quarantined(
    warehouse: Warehouse,
    *,
    tenant: str,
    source: str | None = None,
    reason: str = "",
    entries: Sequence[str] = (),
    ended: bool = False,
    limit: int = 100,
) -> pl.DataFrame:
    """The newest entries that are open, or with `ended` all: one row each (entry, file_name, source, position, key,
    reason, raw, bytes, quarantined_at, ended_as). `reason`: those whose reason holds this text; `raw` is text in which
    what is none is marked.

    Ordered by time, newest first, then file, position and entry.
    """
    parameters = {
        "tenant": tenant,
        "source": source or "",
        "reason": reason,
        "entries": list(entries),
        "ended": int(ended),
        "limit": limit,
    }
    return warehouse.query(load_query(__file__, "quarantined"), parameters)


@dataclass(frozen=True, slots=True)
class Kept:
    """An entry with every byte of what was sent."""

    load_id: str
    entry: str
    source: str
    file_name: str
    position: str
    key: str
    headers: dict[str, str]
    reason: str
    raw: bytes
    ended_as: str


def quarantined_bytes(warehouse: Warehouse, *, tenant: str, entries: Sequence[str]) -> list[Kept]:
    """Entries by their ids, oldest first, 10,000 at most; those that are not there are left out."""
    asked = {"tenant": tenant, "entries": list(entries)}
    found = warehouse.query(load_query(__file__, "quarantined_bytes"), asked).drop("quarantined_at")
    return [
        Kept(
            **row
            | {
                "raw": b64decode(row["raw"]),
                "headers": msgspec.json.decode(row["headers"]) if row["headers"] else {},
            }
        )
        for row in found.to_dicts()
    ]


def end_entries(warehouse: Warehouse, *, tenant: str, entries: Sequence[str], ended_as: str) -> None:
    """Have entries be open no longer; what is told of them stays. Again is the same."""
    with warehouse.writing():
        warehouse.command(
            load_query(__file__, "end_entries"), {"tenant": tenant, "entries": list(entries), "ended_as": ended_as}
        )


def quarantine_reasons(warehouse: Warehouse, *, tenant: str, source: str | None = None) -> pl.DataFrame:
    """Why open entries are in quarantine: one row per source, file and reason in its general form (source, file_name,
    reason, pieces, example), most pieces first, then by name."""
    parameters = {"tenant": tenant, "source": source or ""}
    return warehouse.query(load_query(__file__, "quarantine_reasons"), parameters)
