"""Up to when each source has told its events."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from kernel.events import COUNT, INSTANT, TEXT
from kernel.warehouse import Warehouse, load_query

WATERMARKS = pl.Schema(
    {
        "source": TEXT,
        "events": COUNT,  # stored rows, every copy counted
        "last_occurred_at": INSTANT,
        "last_seen_at": INSTANT,
        "live": pl.Boolean(),  # whether any came at run time
    }
)


def watermarks(warehouse: Warehouse, tenant: str, sources: Iterable[str] = ()) -> pl.DataFrame:
    """*How far the events of each source reach.*

    One row per source that has any, columns as WATERMARKS, ordered by source; of `sources` alone where some are
    named. What waits in the spool is not counted yet. Reads three columns of all events of the sources.
    """
    scope = {"tenant": tenant, "sources": sorted(set(sources))}
    return warehouse.query(load_query(__file__, "watermarks"), scope).cast(WATERMARKS)
