"""A retailer's return-to-refund log in which one group of refunds got stuck, and the truth about them.

The same plan gives the same bytes. What happens after its end is told by `simulator.returns_shop`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl

from kernel.calendar import BusinessCalendar
from simulator.distributions import laid_out_alike
from simulator.retailer import RETURN_TO_REFUND, RETURNS_CENTER, returns_center
from simulator.returns_day import DAY_EVENTS, returns_of
from simulator.returns_numbers import (
    CURRENCY,
    ENDS,
    PROMISED_DAYS,
    RETURN_SHARES,
    RETURN_STEPS,
    STARTS,
    ReturnsPlan,
)

STATES = {
    "Return requested": "on its way",
    "Return label sent": "on its way",
    "Parcel scanned": "on its way",
    "Return received": "in the returns centre",
    "Return inspected": "in the returns centre",
    "Customer details requested": "waiting for the customer",
    "Customer details received": "waiting for authorisation",
    "Refund authorised": "waiting to be sent",
    "Refund sent to payments": "waiting for payment",
    "Payment confirmed": "refunded",
    "Return rejected": "rejected",
}
"""What a return waits for after an activity. One whose refund the fault skips is "stuck" instead."""


@dataclass(frozen=True)
class ReturnsLog:
    """A simulated log of returns and what was put into it.

    `events`: one row per event, ordered by `occurred_at`, then event id. `return_id`, `activity`, `occurred_at` (UTC,
    microseconds), `system` (shop, carrier, wms, crm, erp, payments), `actor` (a person's id such as inspector-07 or
    the name of a service), `actor_kind` (human, system), `outcome` (ok, error, timeout, rejected), `error_code` ("" if
    there is no error), `value` (decimal, 2 digits: the refund on "Refund authorised", and on "Refund sent to payments"
    and "Payment confirmed" that worked; null where no amount is known, and elsewhere), `currency` ("" without value),
    `event_id` (unique, in the source's own form). On "Return requested" alone: `store`, `channel`, `payment_method`,
    `carrier` (null where the store's van brought it), `reason`. On that event (what the customer paid) and on "Refund
    authorised" (what is refunded): `refund_amount` (text with 2 digits; null if unknown) and `refund_currency`.

    `truth`: plain values that JSON can hold; see `return_to_refund`.
    """

    events: pl.DataFrame
    truth: dict[str, Any]
    plan: ReturnsPlan


def return_to_refund(*, end: datetime, days: int = 60, per_day: int = 100, seed: int = 7) -> ReturnsLog:
    """Simulate the returns requested on the `days` UTC dates up to that of `end`, about `per_day` on each.

    Nothing happens after `end`. ValueError as `ReturnsPlan`.

    The truth: `starts`, `ends`, `order` and `shares` as the process has them; `counts` (`returns`, `events`, and the
    returns by `states`, of which each return has exactly one); `fault` (since when and where, what causes it);
    `stuck`, one entry per refund that it keeps back, ordered by case id, with `amount` (null where unknown),
    `authorised_at`, `received_at`, `paused` (from and to, if the customer's details were asked for), `due_at` of the
    promise and whether it is `late` at `end`; `late_others`, the returns that are late at `end` for other reasons; and
    `finding`, what a detector should say. A pause moves the due instant by the working time that it took.
    """
    plan = ReturnsPlan(end, days, per_day, seed)
    lives = pl.concat(
        [pl.DataFrame(schema=DAY_EVENTS), *(returns_of(plan, plan.first_date + timedelta(days=i)) for i in range(days))]
    )
    seen = lives.filter(pl.col("occurred_at") <= plan.end)
    cases = _cases(seen)
    events = laid_out_alike(seen.drop("skipped").sort("occurred_at", "event_id"))
    return ReturnsLog(events, _truth(plan, cases, len(events)), plan)


def _cases(seen: pl.DataFrame) -> pl.DataFrame:
    """One row per return, ordered by id: where it stands, and the instants that its promise depends on."""

    def when(activity: str) -> pl.Expr:
        return pl.col("occurred_at").filter(pl.col("activity") == activity).first()

    cases = seen.group_by("return_id").agg(
        last=pl.col("activity").last(),
        skipped=pl.col("skipped").first(),
        amount=pl.col("value").last(),
        received_at=when("Return received"),
        paused_at=when("Customer details requested"),
        resumed_at=when("Customer details received"),
        authorised_at=when("Refund authorised"),
    )
    stuck = pl.col("skipped") & (pl.col("last") == "Refund authorised")
    state = pl.when(stuck).then(pl.lit("stuck")).otherwise(pl.col("last").replace_strict(STATES))
    return cases.with_columns(state=state).sort("return_id")


def _truth(plan: ReturnsPlan, cases: pl.DataFrame, events: int) -> dict[str, Any]:
    calendar, fault = returns_center(), plan.fault
    promised = cases.filter(~pl.col("state").is_in(["refunded", "rejected"]), pl.col("received_at").is_not_null())
    due = {case["return_id"]: _due_at(calendar, case) for case in promised.iter_rows(named=True)}
    late = {case_id for case_id, due_at in due.items() if due_at is not None and due_at < plan.end}
    stuck = [
        {
            "case_id": case["return_id"],
            "amount": None if case["amount"] is None else str(case["amount"]),
            "currency": None if case["amount"] is None else CURRENCY,
            "authorised_at": case["authorised_at"].isoformat(),
            "received_at": case["received_at"].isoformat(),
            "paused": _pause(case),
            "due_at": _text(due[case["return_id"]]),
            "late": case["return_id"] in late,
        }
        for case in cases.filter(pl.col("state") == "stuck").iter_rows(named=True)
    ]
    states = dict(cases.group_by("state").len().sort("state").iter_rows())
    return {
        "process": RETURN_TO_REFUND,
        "seed": plan.seed,
        "days": plan.days,
        "per_day": plan.per_day,
        "until": plan.end.isoformat(),
        "starts": list(STARTS),
        "ends": list(ENDS),
        "order": list(RETURN_STEPS),
        "shares": dict(RETURN_SHARES),
        "counts": {"returns": len(cases), "events": events, "states": states},
        "fault": {
            "begin": fault.begin.isoformat(),
            "until": fault.until.isoformat(),
            "interface": "erp → payments",
            "store": fault.store,
            "payment_method": fault.payment_method,
            "cause": f"The ERP's batch skips the refunds of store {fault.store} by {fault.payment_method}, and never "
            "takes up again what it skipped.",
        },
        "stuck": stuck,
        "late_others": sorted(late - {entry["case_id"] for entry in stuck}),
        "finding": {
            "process": RETURN_TO_REFUND,
            "calendar": RETURNS_CENTER,
            "after": "Refund authorised",
            "missing": ["Refund sent to payments", "Payment confirmed"],
            "because": "step did not happen",  # and not: source silent
            "suspect": "erp",
            "shared": {"store": fault.store, "payment_method": fault.payment_method},
            "cases": len(stuck),
            "late": sum(entry["late"] for entry in stuck),
            "value": {CURRENCY: str(sum((Decimal(e["amount"]) for e in stuck if e["amount"]), Decimal("0.00")))},
            "unpriced": sum(entry["amount"] is None for entry in stuck),
        },
    }


def _due_at(calendar: BusinessCalendar, case: dict[str, Any]) -> datetime | None:
    """When the refund is due; None while the clock stands still."""
    due_at = calendar.add_working_days(case["received_at"], PROMISED_DAYS)
    if case["paused_at"] is None:
        return due_at
    if case["resumed_at"] is None:
        return None
    return calendar.add_working_time(due_at, calendar.working_time(case["paused_at"], case["resumed_at"]))


def _pause(case: dict[str, Any]) -> list[str] | None:
    return None if case["paused_at"] is None else [_text(case["paused_at"]), _text(case["resumed_at"])]


def _text(at: datetime | None) -> str:
    assert at is not None, "what is authorised has its customer's details, so its clock runs"
    return at.isoformat()
