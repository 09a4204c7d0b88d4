"""A retailer's order-to-cash log with two planted bottlenecks, and the truth about them.

The same arguments give the same bytes. Every step of the process moves the clocks of all orders that take
it at once, so the log of 20,000 orders takes about a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import polars as pl

from simulator.distributions import (
    DAY_S,
    DAY_US,
    MILLISECOND_US,
    PAYMENT_ERRORS,
    PAYMENT_FAILS,
    PLACED_BY,
    REGIONS,
    SHARES,
    STEPS,
    Bools,
    Int64s,
    arrivals,
    at_work,
    case_attributes,
    chance,
    first_in_first_out,
    laid_out_alike,
    lognormal_us,
    named,
    people,
    pick,
)

FIRST_ORDER = 100_001
CURRENCY = "EUR"
STARTS = ("Order placed",)
ENDS = ("Payment captured", "Order cancelled", "Refund paid")
COUNTED = {"delivered": "Delivered", "cancelled": "Order cancelled", "returned": "Return requested"}

SLOW_CARRIER: dict[str, Any] = {
    "source": "Label printed",
    "target": "Carrier handover",
    "carrier": "ridge-express",
    "region": "north",
    "probability_in_region": 0.95,
    "probability_elsewhere": 0.15,
    "extra_median_s": 2 * DAY_S,
    "extra_sigma": 0.3,
}
SLOW_CLERK: dict[str, Any] = {
    "source": "Return received",
    "target": "Refund approved",
    "actor": "clerk-03",
    "probability": 0.92,
    "median_s": 5.5 * DAY_S,
    "sigma": 0.35,
    "queue": "first in, first out",
}


@dataclass(frozen=True)
class DemoLog:
    """A simulated log and what was put into it.

    `events`: one row per event, ordered by `occurred_at`, then order, then position in the order's history.
    `order_id`, `activity`, `occurred_at` (UTC, microseconds), `system`, `actor` (a person's id such as
    picker-017 or the name of a service), `actor_kind` (human, system), `outcome` (ok, error, retry, timeout,
    rejected), `error_code` ("" without error), `value` (decimal, 2 digits: the order's value on
    "Order placed", the amount on "Refund approved" and on a "Refund paid" that worked, else null),
    `currency` ("" without value), `event_id` (unique, in the source's own form), and the order's `channel`,
    `region`, `carrier`, `customer_segment` and `payment_method`.

    `truth`: plain values that JSON can hold. `starts`, `ends` and `order` (all activities in their normal
    order) are what a process definition declares; an order is complete when its last event is one of `ends`.
    `counts` holds orders by what happened to them inside the log. `bottlenecks` holds one entry per planted
    bottleneck: `source`, `target`, `parameters`, and what the log shows of it: `pairs`, `affected`,
    `affected_by_region`, `median_wait_affected_s`, `median_wait_others_s`.
    """

    events: pl.DataFrame
    truth: dict[str, Any]


def order_to_cash(*, orders: int = 20_000, days: int = 90, seed: int = 7, end: datetime) -> DemoLog:
    """Simulate the `orders` that were placed in the `days` before `end`.

    Nothing happens after `end`: orders placed shortly before it are still open. ValueError for a naive
    `end`, a negative number of orders, or less than one day.
    """
    if end.tzinfo is None:
        raise ValueError("end has no time zone; give an aware datetime")
    if orders < 0 or days < 1:
        raise ValueError(f"expected orders >= 0 and days >= 1, got orders={orders} and days={days}")
    rng = np.random.Generator(np.random.PCG64(seed))
    since_1970 = end - datetime(1970, 1, 1, tzinfo=timezone.utc)
    end_us = since_1970 // timedelta(milliseconds=1) * MILLISECOND_US
    start_us = end_us - days * DAY_US
    run = _Run(rng, arrivals(rng, orders, start_us, end_us), end_us)
    cents = _checkout(run)
    _fulfil(run)
    slow_carrier = _ship(run)
    slow_clerk = _return(run, cents)
    events = laid_out_alike(run.events())
    cases = events.group_by("order_id").agg(pl.col("activity"), last=pl.col("activity").last())
    truth = {
        "process": "order-to-cash",
        "seed": seed,
        "from": (end - timedelta(days=days)).astimezone(timezone.utc).isoformat(),
        "until": end.astimezone(timezone.utc).isoformat(),
        "starts": list(STARTS),
        "ends": list(ENDS),
        "order": list(STEPS),
        "probabilities": dict(SHARES),
        "counts": {
            "orders": orders,
            "events": len(events),
            "open": len(cases.filter(~pl.col("last").is_in(ENDS))),
            **{
                name: len(cases.filter(pl.col("activity").list.contains(activity)))
                for name, activity in COUNTED.items()
            },
        },
        "bottlenecks": [slow_clerk, slow_carrier],
    }
    return DemoLog(events, truth)


class _Run:
    """The clocks of all orders and the events so far. Orders are named by their row number."""

    def __init__(self, rng: np.random.Generator, placed_us: Int64s, end_us: int) -> None:
        self.rng = rng
        self.end_us = end_us
        self.now_us = placed_us.copy()
        self.going = np.ones(len(placed_us), dtype=np.bool_)  # not cancelled
        self.history: list[pl.DataFrame] = []
        self.crews: dict[str, pl.Series] = {}
        self.cases = case_attributes(rng, placed_us)

    def trait(self, attribute: str, value: str) -> Bools:
        """Which orders have this value of a case attribute."""
        having: Bools = (self.cases[attribute] == value).to_numpy()
        return having

    def rows(self, taken: Bools | None = None) -> Int64s:
        """The orders that were not cancelled, or those of them for which `taken` is true."""
        return np.flatnonzero(self.going if taken is None else self.going & taken)

    def some(self, rows: Int64s, probability: float) -> Int64s:
        """Each of the orders with this probability."""
        return rows[chance(self.rng, probability, len(rows))]

    def at(self, activity: str, rows: Int64s, median_s: float | None = None, sigma: float | None = None) -> Int64s:
        """When these orders reach the activity, from where they stand now."""
        step = STEPS[activity]
        median_s = step.median_s if median_s is None else median_s
        sigma = step.sigma if sigma is None else sigma
        at_us = self.now_us[rows] + lognormal_us(self.rng, len(rows), median_s, sigma, step.at_most_s)
        return at_work(self.rng, at_us, step.closes_hour) if step.crew else at_us

    def crew(self, prefix: str, size: int) -> pl.Series:
        """Who of a crew serves each order: the same person in all its steps."""
        if prefix not in self.crews:
            self.crews[prefix] = named(people(prefix, size), self.rng.integers(0, size, len(self.now_us)))
        return self.crews[prefix]

    def happen(
        self,
        activity: str,
        rows: Int64s,
        at_us: Int64s | None = None,
        *,
        system: str | pl.Series | None = None,
        actor: str | pl.Series | None = None,
        outcome: str | pl.Series = "ok",
        error_code: str | pl.Series = "",
        cents: Int64s | None = None,
    ) -> None:
        """Let the activity happen to these orders, once each, and move their clocks there."""
        step = STEPS[activity]
        at_us = self.at(activity, rows) if at_us is None else at_us
        if actor is None:
            actor = self.crew(step.actor, step.crew).gather(pl.Series(rows)) if step.crew else step.actor
        self.now_us[rows] = at_us
        self.history.append(
            pl.DataFrame({"row": rows, "at_us": at_us}).with_columns(
                pl.lit(activity).alias("activity"),
                _column("system", step.system if system is None else system),
                _column("actor", actor),
                pl.lit("human" if step.crew else "system").alias("actor_kind"),
                _column("outcome", outcome),
                _column("error_code", error_code),
                pl.lit(None if cents is None else pl.Series(cents), pl.Int64).alias("cents"),
            )
        )

    def cancel(self, rows: Int64s, *, system: str, actor: str, error_code: str = "") -> None:
        """Cancel these orders; nothing happens to them afterwards. An error code says what refused them."""
        outcome = "rejected" if error_code else "ok"
        self.happen("Order cancelled", rows, system=system, actor=actor, outcome=outcome, error_code=error_code)
        self.going[rows] = False

    def events(self) -> pl.DataFrame:
        """The log until `end_us`, as `DemoLog.events` describes it."""
        number_in_system = pl.int_range(1, pl.len() + 1).over("system").cast(pl.String).str.zfill(8)
        cents = pl.col("cents").cast(pl.Decimal(18, 2)) / 100
        return (
            pl.concat(self.history)
            .filter(pl.col("at_us") <= self.end_us)
            .sort("at_us", "row", maintain_order=True)
            .select(
                pl.format("SO-{}", pl.col("row") + FIRST_ORDER).alias("order_id"),
                "activity",
                pl.col("at_us").cast(pl.Datetime("us", "UTC")).alias("occurred_at"),
                "system",
                "actor",
                "actor_kind",
                "outcome",
                "error_code",
                cents.cast(pl.Decimal(18, 2)).alias("value"),
                pl.when(pl.col("cents").is_null()).then(pl.lit("")).otherwise(pl.lit(CURRENCY)).alias("currency"),
                pl.format("{}-{}", "system", number_in_system).alias("event_id"),
                *(pl.lit(self.cases[name]).gather(pl.col("row")).alias(name) for name in self.cases.columns),
            )
        )


def _column(name: str, value: str | pl.Series) -> pl.Expr | pl.Series:
    return pl.lit(value).alias(name) if isinstance(value, str) else value.alias(name)


def _checkout(run: _Run) -> Int64s:
    """Place the orders and take the payment, some after failures. Returns each order's value in cents."""
    rng, count = run.rng, len(run.now_us)
    euros = np.clip(62 * np.exp(0.85 * rng.standard_normal(count)), 5, 5_000)
    values: Int64s = (euros * 100 * np.where(run.trait("customer_segment", "business"), 3, 1)).astype(np.int64)
    fails = np.zeros(count, dtype=np.bool_)
    for channel, (system, service) in PLACED_BY.items():
        rows = np.flatnonzero(run.trait("channel", channel))
        run.happen("Order placed", rows, run.now_us[rows], system=system, actor=service, cents=values[rows])
        fails[run.some(rows, PAYMENT_FAILS[channel])] = True
    failing = np.flatnonzero(fails)
    for gives_up, fails_again in ((0.06, 0.28), (0.2, 0.35), (1.0, 0.0)):
        code = pick(rng, {code: share for code, (_, share) in PAYMENT_ERRORS.items()}, len(failing))
        outcome = code.replace_strict(
            {code: outcome for code, (outcome, _) in PAYMENT_ERRORS.items()}, return_dtype=pl.String
        )
        run.happen("Payment failed", failing, outcome=outcome, error_code=code)
        lost = run.some(failing, gives_up)
        run.cancel(lost, system="payments", actor="payment-gateway", error_code="payment_failed")
        failing = failing[run.going[failing]]
        run.happen("Payment retried", failing, outcome="retry")
        failing = run.some(failing, fails_again)
    run.happen("Payment authorised", run.rows())
    return values


def _fulfil(run: _Run) -> None:
    """Check the paid orders, allocate stock, pick, pack and label."""
    reviewed = run.some(run.rows(run.trait("channel", "web")), SHARES["fraud_review"])
    run.happen("Fraud review", reviewed)
    refused = run.some(reviewed, SHARES["fraud_rejected"])
    run.cancel(refused, system="crm", actor="fraud-rules", error_code="fraud_suspected")
    broken = run.some(run.rows(), SHARES["export_error"])
    run.happen("Order exported to ERP", broken, outcome="error", error_code="erp_locked")
    run.happen("Order exported to ERP", run.rows())
    _customer_cancels(run, run.rows(), SHARES["customer_cancels_after_export"])
    invoiced = run.trait("payment_method", "invoice")
    checked = run.rows(invoiced | chance(run.rng, SHARES["credit_check"], len(invoiced)))
    run.happen("Credit check", checked)
    refused = run.some(checked, SHARES["credit_rejected"])
    run.cancel(refused, system="erp", actor="credit-service", error_code="credit_limit")
    waiting = run.some(run.rows(), SHARES["backorder"])
    run.happen("Backorder", waiting)
    _customer_cancels(run, waiting, SHARES["backorder_cancelled"])
    waiting = waiting[run.going[waiting]]
    # A supplier's delivery takes a day or two, where stock at hand is found within minutes.
    restocked_us = run.at("Stock allocated", waiting, median_s=1.5 * DAY_S)
    in_stock = run.going.copy()
    in_stock[waiting] = False
    run.happen("Stock allocated", waiting, restocked_us)
    run.happen("Stock allocated", np.flatnonzero(in_stock))
    _customer_cancels(run, run.rows(), SHARES["customer_cancels_after_allocation"])
    short = run.some(run.rows(), SHARES["short_pick"])
    run.happen("Pick started", short)
    run.happen("Pick completed", short, outcome="error", error_code="short_pick")
    run.happen("Stock allocated", short)
    for activity in ("Pick started", "Pick completed", "Packed", "Label printed"):
        run.happen(activity, run.rows())
    wrong = run.some(run.rows(), SHARES["address_corrected"])
    while len(wrong):
        run.happen("Address corrected", wrong)
        run.happen("Label printed", wrong)
        wrong = run.some(wrong, 0.08)


def _ship(run: _Run) -> dict[str, Any]:
    """Hand over, deliver, invoice and take the money. Returns the truth about the slow carrier."""
    rows = run.rows()
    plan = SLOW_CARRIER
    in_region = run.trait("region", plan["region"])[rows]
    slow = run.trait("carrier", plan["carrier"])[rows]
    slow &= chance(
        run.rng, np.where(in_region, plan["probability_in_region"], plan["probability_elsewhere"]), len(rows)
    )
    printed_us = run.now_us[rows]
    extra_us = lognormal_us(run.rng, len(rows), plan["extra_median_s"], plan["extra_sigma"])
    handed_us = run.at("Carrier handover", rows) + np.where(slow, extra_us, 0)
    run.happen("Carrier handover", rows, at_work(run.rng, handed_us))
    truth = _seen(run, plan, rows, printed_us, slow)
    moving = rows
    for _ in range(6):
        run.happen("In transit scan", moving)
        moving = run.some(moving, SHARES["second_scan"])
    run.happen("Out for delivery", rows)
    missed = run.some(rows, SHARES["delivery_failed"])
    while len(missed):
        run.happen("Delivery attempt failed", missed, outcome="error", error_code="nobody_home")
        run.happen("Out for delivery", missed, run.at("Out for delivery", missed, median_s=0.7 * DAY_S))
        missed = run.some(missed, 0.15)
    run.happen("Delivered", rows)
    run.happen("Invoice issued", rows)
    late = run.some(rows, SHARES["capture_error"])
    run.happen("Payment captured", late, outcome="timeout", error_code="gateway_timeout")
    run.happen("Payment captured", rows)
    return truth


def _return(run: _Run, cents: Int64s) -> dict[str, Any]:
    """Take some orders back and refund them. Returns the truth about the slow clerk."""
    rows = run.some(run.rows(), SHARES["returned"])
    plan = SLOW_CLERK
    run.happen("Return requested", rows)
    run.happen("Return received", rows)
    received_us = run.now_us[rows]
    queued = chance(run.rng, plan["probability"], len(rows))
    approved_us = run.at("Refund approved", rows)
    approved_us[queued] = first_in_first_out(
        received_us[queued], run.at("Refund approved", rows[queued], plan["median_s"], plan["sigma"])
    )
    others = [clerk for clerk in people("clerk", STEPS["Refund approved"].crew) if clerk != plan["actor"]]
    clerk = named([*others, plan["actor"]], np.where(queued, len(others), rows % len(others)))
    in_part = chance(run.rng, SHARES["refund_in_part"], len(rows))
    kept = np.where(in_part, run.rng.uniform(0.3, 0.8, len(rows)), 0.0)
    refund = cents[rows] - (cents[rows] * kept).astype(np.int64)
    run.happen("Refund approved", rows, approved_us, actor=clerk, cents=refund)
    truth = _seen(run, plan, rows, received_us, queued)
    failed = run.some(rows, SHARES["payout_error"])
    run.happen("Refund paid", failed, outcome="error", error_code="account_closed")
    run.happen("Refund paid", rows, cents=refund)
    return truth


def _customer_cancels(run: _Run, rows: Int64s, probability: float) -> None:
    run.cancel(run.some(rows, probability), system="crm", actor="customer-portal")


def _seen(run: _Run, plan: dict[str, Any], rows: Int64s, before_us: Int64s, planted: Bools) -> dict[str, Any]:
    """A planted bottleneck as the log shows it, taken when its second event has just happened to `rows`."""
    seen = run.now_us[rows] <= run.end_us
    wait_s = pl.Series((run.now_us[rows] - before_us) / 1e6)
    slow, others = seen & planted, seen & ~planted
    regions = run.cases["region"].gather(pl.Series(rows[slow]))
    return {
        "source": plan["source"],
        "target": plan["target"],
        "parameters": {name: value for name, value in plan.items() if name not in ("source", "target")},
        "pairs": int(seen.sum()),
        "affected": int(slow.sum()),
        "affected_by_region": {region: int((regions == region).sum()) for region in REGIONS},
        "median_wait_affected_s": wait_s.filter(pl.Series(slow)).median(),
        "median_wait_others_s": wait_s.filter(pl.Series(others)).median(),
    }
