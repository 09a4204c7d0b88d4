"""The numbers of a simulated retailer: when orders arrive, how long steps take, when people work.

Instants are microseconds since 1970 (UTC) and durations are microseconds, both as int64 arrays and whole
milliseconds. Every draw comes from the generator passed in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

Int64s = NDArray[np.int64]
Bools = NDArray[np.bool_]

MILLISECOND_US = 1_000
SECOND_US = 1_000_000
HOUR_US = 3_600 * SECOND_US
DAY_US = 24 * HOUR_US

HOUR_S = 3_600.0
DAY_S = 86_400.0

WORK_OPENS_HOUR = 7
WORK_CLOSES_HOUR = 19
SUNDAY = 6

ORDERS_BY_HOUR = (
    *(0.25, 0.15, 0.10, 0.10, 0.12, 0.25, 0.60, 1.10, 1.70, 2.10, 2.30, 2.30),
    *(2.20, 2.00, 1.90, 1.90, 1.80, 1.70, 1.50, 1.30, 1.20, 1.10, 0.80, 0.45),
)
"""Relative demand in each hour of the day, UTC."""

ORDERS_BY_WEEKDAY = (1.10, 1.05, 1.00, 1.00, 1.05, 0.85, 0.55)
"""Relative demand on each day of the week, Monday first."""


@dataclass(frozen=True)
class Step:
    """How an activity usually happens: where, by whom, how long after the event before it."""

    system: str
    actor: str  # a service; with a crew, the first part of the person ids
    crew: int  # people who do it; 0: a service does
    median_s: float
    sigma: float  # of the logarithm of the wait
    at_most_s: float = np.inf
    closes_hour: int = WORK_CLOSES_HOUR  # people start no such step later in the day


STEPS = {
    "Order placed": Step("webshop", "checkout", 0, 0, 0),
    "Payment failed": Step("payments", "payment-gateway", 0, 25, 0.6),
    "Payment retried": Step("payments", "payment-gateway", 0, 240, 1.0),
    "Payment authorised": Step("payments", "payment-gateway", 0, 20, 0.6),
    "Fraud review": Step("crm", "analyst", 6, 1.5 * HOUR_S, 0.8),
    "Order exported to ERP": Step("erp", "order-export", 0, 240, 0.5),
    "Credit check": Step("erp", "credit-service", 0, 90, 0.7),
    "Backorder": Step("erp", "allocation", 0, 120, 0.5),
    "Stock allocated": Step("erp", "allocation", 0, 300, 0.6),
    "Pick started": Step("wms", "picker", 24, 0.7 * HOUR_S, 0.7, closes_hour=18),
    "Pick completed": Step("wms", "picker", 24, 14 * 60, 0.5, at_most_s=45 * 60),
    "Packed": Step("wms", "packer", 12, 18 * 60, 0.6),
    "Label printed": Step("wms", "packer", 12, 90, 0.5),
    "Address corrected": Step("crm", "clerk", 8, 0.8 * HOUR_S, 0.7),
    "Carrier handover": Step("carrier", "dock", 6, 1.1 * HOUR_S, 0.6),
    "In transit scan": Step("carrier", "carrier-tracking", 0, 2.2 * HOUR_S, 0.5),
    "Out for delivery": Step("carrier", "driver", 60, 1.2 * HOUR_S, 0.6, closes_hour=17),
    "Delivery attempt failed": Step("carrier", "driver", 60, 1.1 * HOUR_S, 0.4, at_most_s=2 * HOUR_S),
    "Delivered": Step("carrier", "driver", 60, 1.1 * HOUR_S, 0.4, at_most_s=2 * HOUR_S),
    "Invoice issued": Step("erp", "billing", 0, 12 * 60, 0.6),
    "Payment captured": Step("payments", "payment-gateway", 0, 25 * 60, 0.7),
    "Return requested": Step("crm", "customer-portal", 0, 30 * HOUR_S, 0.7),
    "Return received": Step("wms", "returns", 5, 36 * HOUR_S, 0.5),
    "Refund approved": Step("erp", "clerk", 8, 3 * HOUR_S, 0.7),
    "Refund paid": Step("payments", "payment-gateway", 0, 2 * HOUR_S, 0.6),
    "Order cancelled": Step("crm", "customer-portal", 0, 0.6 * HOUR_S, 0.8),
}
"""Every activity, in the normal order of the process."""

REGIONS = {"north": 0.36, "south": 0.25, "east": 0.22, "west": 0.17}
SEGMENTS = {"consumer": 0.70, "loyalty": 0.23, "business": 0.07}
CARRIERS = {"ridge-express": 0.38, "meadow-post": 0.37, "harbor-parcel": 0.25}
PLACED_BY = {"web": ("webshop", "checkout"), "marketplace": ("marketplace", "feed"), "store": ("pos", "till")}
METHODS = {
    "web": {"card": 0.52, "wallet": 0.36, "bank_transfer": 0.12},
    "marketplace": {"marketplace_pay": 1.0},
    "store": {"card": 0.85, "gift_card": 0.15},
}
PAYMENT_FAILS = {"web": 0.075, "marketplace": 0.015, "store": 0.03}
PAYMENT_ERRORS = {
    "card_declined": ("rejected", 0.45),
    "insufficient_funds": ("rejected", 0.20),
    "authentication_failed": ("error", 0.20),
    "issuer_timeout": ("timeout", 0.15),
}

SHARES = {
    "customer_cancels_after_export": 0.03,
    "customer_cancels_after_allocation": 0.033,
    "fraud_review": 0.05,  # of orders from the web
    "fraud_rejected": 0.08,  # of the reviewed
    "export_error": 0.012,
    "credit_check": 0.06,  # besides invoices, which always have one
    "credit_rejected": 0.03,  # of the checked
    "backorder": 0.05,
    "backorder_cancelled": 0.10,  # of the backorders
    "short_pick": 0.012,
    "address_corrected": 0.03,
    "second_scan": 0.32,  # and as many again of those for a third, and so on up to six
    "delivery_failed": 0.07,
    "capture_error": 0.008,
    "returned": 0.1,  # of the delivered: 9 % of all orders within 90 days
    "refund_in_part": 0.25,
    "payout_error": 0.03,
}
"""Probabilities of what leaves the main path."""


def weekday(at_us: Int64s) -> Int64s:
    """Day of the week of each instant, Monday 0."""
    return (at_us // DAY_US + 3) % 7  # 1 January 1970 was a Thursday


def within_work(at_us: Int64s, closes_hour: int = WORK_CLOSES_HOUR) -> Bools:
    """Whether people work at each instant: Monday to Saturday from 07:00 until `closes_hour`, UTC."""
    of_day_us = at_us % DAY_US
    early, late = of_day_us < WORK_OPENS_HOUR * HOUR_US, of_day_us >= closes_hour * HOUR_US
    working: Bools = ~(early | late | (weekday(at_us) == SUNDAY))
    return working


def arrivals(rng: np.random.Generator, count: int, start_us: int, end_us: int) -> Int64s:
    """`count` order instants in [start, end), ascending, with the rhythm of the day and of the week."""
    edges_us = np.append(np.arange(start_us, end_us, HOUR_US, dtype=np.int64), np.int64(end_us))
    opens_us, width_us = edges_us[:-1], np.diff(edges_us)
    middle_us = opens_us + width_us // 2
    demand = np.asarray(ORDERS_BY_HOUR)[middle_us % DAY_US // HOUR_US] * width_us
    demand *= np.asarray(ORDERS_BY_WEEKDAY)[weekday(middle_us)]
    hour = rng.choice(len(opens_us), size=count, p=demand / demand.sum())
    at_us = opens_us[hour] + (rng.random(count) * width_us[hour]).astype(np.int64)
    at_us -= at_us % MILLISECOND_US
    return np.sort(np.maximum(at_us, start_us))


def lognormal_us(
    rng: np.random.Generator, count: int, median_s: float, sigma: float, at_most_s: float = np.inf
) -> Int64s:
    """Log-normal durations by their median and the standard deviation of their logarithm; at least 1 s."""
    seconds = np.clip(median_s * np.exp(sigma * rng.standard_normal(count)), 1.0, at_most_s)
    return (seconds * 1_000).astype(np.int64) * MILLISECOND_US


def at_work(rng: np.random.Generator, at_us: Int64s, closes_hour: int = WORK_CLOSES_HOUR) -> Int64s:
    """Each instant, or a moment soon after the next opening where nobody works then.

    What waited overnight is not done at the stroke of seven: it is spread over the first three hours.
    """
    of_day_us = at_us % DAY_US
    late = of_day_us >= WORK_OPENS_HOUR * HOUR_US  # outside hours and not before opening: after closing
    opens_us = at_us - of_day_us + late * DAY_US + WORK_OPENS_HOUR * HOUR_US
    opens_us += (weekday(opens_us) == SUNDAY) * DAY_US
    backlog_us = lognormal_us(rng, len(at_us), 25 * 60, 0.8, at_most_s=3 * 3_600)
    return np.where(within_work(at_us, closes_hour), at_us, opens_us + backlog_us)


def first_in_first_out(arrived_us: Int64s, served_us: Int64s) -> Int64s:
    """The same service instants, given out in the order of arrival: one queue, nobody overtakes.

    The n-th smallest service instant is never before the n-th arrival when each one follows its own
    arrival, so no wait turns negative and the sum of all waits stays what it was.
    """
    in_turn = np.empty_like(served_us)
    in_turn[np.argsort(arrived_us, kind="stable")] = np.sort(served_us)
    return in_turn


def pick(rng: np.random.Generator, weights: Mapping[str, float], count: int) -> pl.Series:
    """`count` names drawn by weight."""
    share = np.asarray(list(weights.values()), dtype=np.float64)
    return named(list(weights), rng.choice(len(share), size=count, p=share / share.sum()))


def named(names: Sequence[str], codes: NDArray[np.integer]) -> pl.Series:
    """The name behind each code."""
    return pl.Series(names, dtype=pl.String).gather(pl.Series(codes, dtype=pl.UInt32))


def people(prefix: str, size: int) -> list[str]:
    """The ids of a crew: picker-017 of a large one, clerk-03 of a small one."""
    digits = 3 if size > 20 else 2
    return [f"{prefix}-{number:0{digits}d}" for number in range(1, size + 1)]


def chance(rng: np.random.Generator, probability: float | NDArray[np.float64], count: int) -> Bools:
    """`count` independent draws that are true with the given probability (one, or one each)."""
    drawn: Bools = rng.random(count) < probability
    return drawn


def case_attributes(rng: np.random.Generator, placed_us: Int64s) -> pl.DataFrame:
    """One row per order: its attributes. Shops sell in working hours only."""
    count = len(placed_us)
    in_shop = pl.Series(within_work(placed_us) & chance(rng, 0.24, count))
    online = pick(rng, {"web": 0.72, "marketplace": 0.28}, count)
    cases = pl.DataFrame(
        {
            "online": online,
            "region": pick(rng, REGIONS, count),
            "carrier": pick(rng, CARRIERS, count),
            "customer_segment": pick(rng, SEGMENTS, count),
            **{channel: pick(rng, methods, count) for channel, methods in METHODS.items()},
        }
    ).with_columns(pl.when(in_shop).then(pl.lit("store")).otherwise("online").alias("channel"))
    on_invoice = pl.Series(chance(rng, 0.6, count)) & (pl.col("customer_segment") == "business")
    method = pl.coalesce(
        pl.when(on_invoice & (pl.col("channel") == "web")).then(pl.lit("invoice")),
        *(pl.when(pl.col("channel") == channel).then(pl.col(channel)) for channel in METHODS),
    )
    return cases.select("channel", "region", "carrier", "customer_segment", method.alias("payment_method"))


def laid_out_alike(events: pl.DataFrame) -> pl.DataFrame:
    """The same rows in memory laid out by their values alone.

    Threads decide where polars keeps the bytes of longer strings, and Arrow files show it. Arrow's older
    string layout, text after text, leaves no such choice.
    """
    alike = pl.from_arrow(events.to_arrow(compat_level=pl.CompatLevel.oldest()), schema=events.schema)
    assert isinstance(alike, pl.DataFrame)  # a table gives a frame, an array would give a series
    return alike
