"""How a source tells of what happens: how long after, how often, and up to when all of it was told."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from kernel.events import COUNT, INSTANT, TEXT
from kernel.warehouse import Warehouse, load_query

ROOM = str(Path(__file__).parent)
"""Beside which `sql` lies, with the files of all modules of ingest."""

SECONDS = pl.Float64()
LEARNED_OVER = timedelta(days=28)
LAGS = pl.Schema(
    {
        "source": TEXT,
        "store": TEXT,  # "" where it is not asked for, or events name none
        "events": COUNT,  # stored rows that came at run time
        "last_occurred_at": INSTANT,
        "last_seen_at": INSTANT,
        "lag_p50_s": SECONDS,
        "lag_p95_s": SECONDS,
        "lag_p99_s": SECONDS,
        "gap_p50_s": SECONDS,  # between two seconds in which anything was seen; null: all of it in one
        "gap_p99_s": SECONDS,
        "complete_until": INSTANT,
    }
)


def source_lags(
    warehouse: Warehouse, tenant: str, now: datetime, *, by_store: bool = False, sources: Iterable[str] = ()
) -> pl.DataFrame:
    """One row per source, or per source and store, columns as LAGS, ordered by source and store: how what came at run
    time and was seen in the last 28 days was told. Quantiles are exact and interpolated.

    `complete_until` is the last time that the source was heard of less the 99th percentile of its lags: of what
    happened until then, no more than one in a hundred is still to come, if it goes on as it did. Where a source tells
    in batches, as the ERP of an hourly job, it stands still between two of them.
    """
    scope = {
        "tenant": tenant,
        "sources": sorted(set(sources)),
        "since": now - LEARNED_OVER,
        "by_store": int(by_store),
    }
    found = warehouse.query(load_query(ROOM, "source_lags"), scope)
    lags, gaps = pl.col("lags_s"), pl.col("gaps_s")
    return found.select(
        "source",
        "store",
        "events",
        "last_occurred_at",
        "last_seen_at",
        *(lags.list.get(place).alias(f"lag_{name}_s") for place, name in enumerate(("p50", "p95", "p99"))),
        *(gaps.list.get(place, null_on_oob=True).alias(f"gap_{name}_s") for place, name in enumerate(("p50", "p99"))),
        "complete_until",
    ).cast(LAGS)
