"""The demo's log in figures."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import polars as pl
from hypothesis import strategies as st

from simulator.distributions import DAY_US
from simulator.order_to_cash import DemoLog

END = datetime(2026, 3, 2, 10, tzinfo=timezone.utc)
SEEDS = (1, 2, 3)
MAIN_PATH = (
    "Order placed",
    "Payment authorised",
    "Order exported to ERP",
    "Stock allocated",
    "Pick started",
    "Pick completed",
    "Packed",
    "Label printed",
    "Carrier handover",
    "In transit scan",
    "Out for delivery",
    "Delivered",
    "Invoice issued",
    "Payment captured",
    "Return requested",
    "Return received",
    "Refund approved",
    "Refund paid",
)
INSTANTS_US = st.integers(min_value=0, max_value=30_000 * DAY_US // 1_000).map(lambda ms: ms * 1_000)


def least(column: pl.Series) -> Any:
    return column.min()


def most(column: pl.Series) -> Any:
    return column.max()


def middle(column: pl.Series) -> Any:
    return column.median()


def share(mask: pl.Series) -> Any:
    """Share of true values."""
    return mask.mean()


def pairs(events: pl.DataFrame) -> pl.DataFrame:
    """Directly-follows pairs: `source`, `target`, `wait_s`, with the attributes of the source's row."""
    return (
        events.with_columns(
            pl.col("activity").alias("source"),
            pl.col("activity").shift(-1).over("order_id").alias("target"),
            ((pl.col("occurred_at").shift(-1) - pl.col("occurred_at")).over("order_id")).alias("wait"),
            pl.col("actor").shift(-1).over("order_id").alias("target_actor"),
        )
        .drop_nulls("target")
        .with_columns((pl.col("wait").dt.total_microseconds() / 1e6).alias("wait_s"))
    )


def share_with(log: DemoLog, activity: str) -> float:
    """Share of the orders that have the activity."""
    having = log.events.filter(pl.col("activity") == activity)["order_id"].n_unique()
    return having / log.events["order_id"].n_unique()
