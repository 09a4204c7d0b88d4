"""The event model: what one event, object attribute and object link look like before they are stored.

OCEL 2.0 semantics (https://www.ocel-standard.org): an event happened to any number of typed objects.
Readers and collectors produce frames of these schemas; the loader is their only consumer.
"""

from __future__ import annotations

import polars as pl

OBJECT_REF: pl.DataType = pl.Struct({"type": pl.String, "id": pl.String, "qualifier": pl.String})

OBJECT_REFS: pl.DataType = pl.List(OBJECT_REF)
INSTANT: pl.DataType = pl.Datetime("us", "UTC")
MONEY: pl.DataType = pl.Decimal(38, 6)
TEXT: pl.DataType = pl.String()
COUNT: pl.DataType = pl.UInt64()

PRECISIONS = ("us", "ms", "s", "min", "day")
"""How exact a stamp is, from its written form. `day` marks a business date: an interval of one day."""

EVENT_FRAME = pl.Schema(
    {
        "source_event_id": TEXT,  # the source's own id; "" where it has none
        "activity": TEXT,
        "lifecycle": TEXT,  # e.g. start, complete; "" where unknown
        "occurred_at": INSTANT,
        "precision": TEXT,  # one of PRECISIONS
        "time_kind": TEXT,  # happened | entered | posted
        "started_at": INSTANT,  # null where the source tells no start
        "seen_at": INSTANT,  # null: the time of loading
        "sequence": COUNT,  # the source's sequence, else the row's position in its file
        "actor": TEXT,
        "actor_kind": TEXT,  # human | system | agent | ""
        "outcome": TEXT,  # ok | error | retry | timeout | rejected | ""
        "error_code": TEXT,
        "value": MONEY,  # money; null where unknown
        "currency": TEXT,
        "objects": OBJECT_REFS,
        "attributes": TEXT,  # JSON object, keys sorted, values typed (see `kernel.attributes`)
        "trace_id": TEXT,
        "span_id": TEXT,
        "revision": COUNT,  # of the source, for events that it restates; 0 where it has none
    }
)
"""One row per event, in file order. Only `started_at`, `seen_at` and `value` may be null."""

OBJECT_FRAME = pl.Schema(
    {
        "type": TEXT,
        "id": TEXT,
        "attribute": TEXT,  # "" records that the object exists, without an attribute
        "value": TEXT,  # JSON value, typed as in EVENT_FRAME.attributes
        "changed_at": INSTANT,  # null: true from the beginning
    }
)
"""One row per value that an attribute of an object took."""

LINK_FRAME = pl.Schema(
    {
        "from_type": TEXT,
        "from_id": TEXT,
        "to_type": TEXT,
        "to_id": TEXT,
        "qualifier": TEXT,
    }
)
"""One row per relation between two objects."""
