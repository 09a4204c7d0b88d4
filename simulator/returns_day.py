"""The returns of one day and all that ever happens to them.

A day's returns depend on the plan and the date alone. So what a log shows until its end and what comes after it are two
pieces of the same lives, and any instant can be continued from without having simulated what came before.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from itertools import accumulate

import numpy as np
import polars as pl

from simulator.distributions import (
    DAY_US,
    HOUR_S,
    ORDERS_BY_WEEKDAY,
    Bools,
    Int64s,
    arrivals,
    chance,
    lognormal_us,
    people,
    pick,
)
from simulator.returns_numbers import (
    CARRIERS,
    CHANNELS,
    CURRENCY,
    LEAST_EUROS,
    MEDIAN_EUROS,
    MOST_EUROS,
    PAYMENT_METHODS,
    REASONS,
    RETURN_SHARES,
    RETURN_STEPS,
    SENDING_ERRORS,
    SIGMA_EUROS,
    STORES,
    ReturnsPlan,
    in_hours,
    next_batch,
)

TRAITS = ("store", "channel", "payment_method", "carrier", "reason")
"""Attributes of a return, told by its first event."""

DAY_EVENTS = pl.Schema(
    {
        "return_id": pl.String(),
        "activity": pl.String(),
        "occurred_at": pl.Datetime("us", "UTC"),
        "system": pl.String(),
        "actor": pl.String(),
        "actor_kind": pl.String(),
        "outcome": pl.String(),
        "error_code": pl.String(),
        "value": pl.Decimal(18, 2),
        "currency": pl.String(),
        "event_id": pl.String(),
        **dict.fromkeys(TRAITS, pl.String()),
        "refund_amount": pl.String(),
        "refund_currency": pl.String(),
        "skipped": pl.Boolean(),
    }
)


ACTIVITIES = list(RETURN_STEPS)
CREWS = [people(step.actor, step.crew) if step.crew else [step.actor] for step in RETURN_STEPS.values()]
ACTORS = [actor for crew in CREWS for actor in crew]
ACTOR_KINDS = ["human" if step.crew else "system" for step in RETURN_STEPS.values() for _ in range(step.crew or 1)]
FIRST_ACTOR = dict(zip(ACTIVITIES, accumulate(map(len, CREWS), initial=0), strict=False))
RESULTS = [("ok", ""), ("rejected", ""), *((outcome, code) for code, (outcome, _) in SENDING_ERRORS.items())]
"""Outcomes with their error codes; those of sending come last."""
EVENT_CODES = ("row", "at_us", "cents", "activity", "actor", "result")
"""Of an event while a day is made: numbers, and positions in the lists above."""
UNPRICED = -1


def return_id(day: date, number: int) -> str:
    return f"RT-{day:%y%m%d}-{number:04d}"


def date_of(case_id: str) -> date:
    """The date in a return's id; ValueError if it is no such id."""
    prefix, day, number = case_id.split("-")
    if prefix != "RT" or len(number) < 4 or not number.isdecimal() or not day.isdecimal():
        raise ValueError(f"{case_id!r} is not the id of a return")
    return datetime.strptime(day, "%y%m%d").replace(tzinfo=timezone.utc).date()


def returns_of(plan: ReturnsPlan, day: date) -> pl.DataFrame:
    """All events of the returns requested on one UTC date, whenever they happen. Columns: `DAY_EVENTS`.

    Ordered by return, then instant. `skipped`: the planted fault keeps this return's refund back for good.
    The other columns are those of `simulator.return_to_refund.ReturnsLog`.
    """
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([plan.seed, day.toordinal()])))
    midnight = datetime(day.year, day.month, day.day, tzinfo=timezone.utc)
    midnight_us = (midnight - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(microseconds=1)
    rhythm = ORDERS_BY_WEEKDAY[day.weekday()] / np.mean(ORDERS_BY_WEEKDAY)
    count = int(rng.poisson(plan.per_day * rhythm))
    if not count:
        return pl.DataFrame(schema=DAY_EVENTS)
    lives = _Lives(rng, arrivals(rng, count, midnight_us, midnight_us + DAY_US), day)
    lives.to_the_returns_centre()
    lives.inspected()
    lives.authorised()
    return lives.events(lives.refunded(plan))


class _Lives:
    """The clocks of a day's returns and their events so far. Returns are named by their row number."""

    def __init__(self, rng: np.random.Generator, requested_us: Int64s, day: date) -> None:
        self.rng = rng
        self.day = day
        self.count = len(requested_us)
        self.now_us = requested_us.copy()
        self.going = np.ones(self.count, dtype=np.bool_)  # not rejected
        self.history: dict[str, list[Int64s]] = {name: [] for name in EVENT_CODES}
        channel = pick(rng, CHANNELS, self.count)
        methods = {name: pick(rng, weights, self.count) for name, weights in PAYMENT_METHODS.items()}
        self.traits = pl.DataFrame(
            {
                "store": pick(rng, STORES, self.count),
                "channel": channel,
                "carrier": pick(rng, CARRIERS, self.count),
                "reason": pick(rng, REASONS, self.count),
                **{f"by {name}": method for name, method in methods.items()},
            }
        ).with_columns(
            pl.coalesce(pl.when(pl.col("channel") == name).then(f"by {name}") for name in methods).alias(
                "payment_method"
            ),
            pl.when(pl.col("channel") != "store").then("carrier").alias("carrier"),  # a store's van brings it otherwise
        )
        euros = np.clip(MEDIAN_EUROS * np.exp(SIGMA_EUROS * rng.standard_normal(self.count)), LEAST_EUROS, MOST_EUROS)
        self.cents: Int64s = (euros * 100).astype(np.int64)
        self._expected = self.cents.copy()
        self.unpriced = chance(rng, RETURN_SHARES["without_amount"], self.count)
        self.happen("Return requested", self.rows(), self.now_us.copy())

    def trait(self, attribute: str, value: str) -> Bools:
        having: Bools = (self.traits[attribute] == value).fill_null(False).to_numpy()
        return having

    def rows(self, taken: Bools | None = None) -> Int64s:
        """The returns that were not rejected, or those of them for which `taken` is true."""
        return np.flatnonzero(self.going if taken is None else self.going & taken)

    def some(self, rows: Int64s, probability: float) -> Int64s:
        return rows[chance(self.rng, probability, len(rows))]

    def waited(self, activity: str, rows: Int64s, median_s: float | None = None) -> Int64s:
        """When these returns reach the activity, from where they stand now."""
        step = RETURN_STEPS[activity]
        wait_us = lognormal_us(self.rng, len(rows), median_s or step.median_s, step.sigma, step.at_most_s)
        return in_hours(self.rng, self.now_us[rows] + wait_us, step.hours, self.day.year)

    def in_batch(self, activity: str, rows: Int64s) -> Int64s:
        """When the next batch gets to these returns."""
        step = RETURN_STEPS[activity]
        begins_us = next_batch(activity, self.now_us[rows])
        return begins_us + lognormal_us(self.rng, len(rows), step.median_s, step.sigma, step.at_most_s)

    def happen(
        self,
        activity: str,
        rows: Int64s,
        at_us: Int64s | None = None,
        *,
        result: int | Int64s = 0,
        priced: bool = False,
    ) -> None:
        """Let the activity happen to these returns, once each, and move their clocks there. `result`: of RESULTS."""
        step = RETURN_STEPS[activity]
        at_us = self.waited(activity, rows) if at_us is None else at_us
        actor = self.rng.integers(0, step.crew, len(rows)) if step.crew else np.zeros(len(rows), dtype=np.int64)
        self.now_us[rows] = at_us
        columns = {
            "row": rows,
            "at_us": at_us,
            "cents": np.where(priced & ~self.unpriced[rows], self.cents[rows], UNPRICED),
            "activity": np.full(len(rows), ACTIVITIES.index(activity)),
            "actor": FIRST_ACTOR[activity] + actor,
            "result": np.broadcast_to(result, len(rows)),
        }
        for name, values in columns.items():
            self.history[name].append(values)

    def to_the_returns_centre(self) -> None:
        """By parcel, or with the store's own van where it was brought to a store."""
        by_parcel = self.rows(~self.trait("channel", "store"))
        self.happen("Return label sent", by_parcel)
        self.happen("Parcel scanned", by_parcel)
        self.happen("Return received", self.rows())

    def inspected(self) -> None:
        self.happen("Return inspected", self.rows())
        doubtful = self.some(self.rows(), RETURN_SHARES["inspected_again"])
        self.happen("Return inspected", doubtful, self.waited("Return inspected", doubtful, median_s=8 * HOUR_S))
        rejected = self.some(self.rows(), RETURN_SHARES["rejected"])
        self.happen("Return rejected", rejected, result=RESULTS.index(("rejected", "")))
        self.going[rejected] = False

    def authorised(self) -> None:
        """Ask some customers for their account first."""
        rows = self.rows()
        share = np.where(
            self.trait("payment_method", "bank_transfer"),
            RETURN_SHARES["details_for_bank_transfer"],
            RETURN_SHARES["details_otherwise"],
        )
        asked = rows[chance(self.rng, share[rows], len(rows))]
        self.happen("Customer details requested", asked)
        self.happen("Customer details received", asked)
        in_part = self.some(rows, RETURN_SHARES["refund_in_part"])
        self.cents[in_part] = (self.cents[in_part] * self.rng.uniform(0.5, 0.9, len(in_part))).astype(np.int64)
        self.happen("Refund authorised", rows, priced=True)

    def refunded(self, plan: ReturnsPlan) -> Bools:
        """Send and pay what the fault does not skip. Returns which returns it skips."""
        fault = plan.fault
        epoch, us = datetime(1970, 1, 1, tzinfo=timezone.utc), timedelta(microseconds=1)
        begin_us, until_us = (fault.begin - epoch) // us, (fault.until - epoch) // us
        skipped = self.going & self.trait("store", fault.store) & self.trait("payment_method", fault.payment_method)
        skipped &= (begin_us <= self.now_us) & (self.now_us <= until_us)
        activity = "Refund sent to payments"
        failing = self.some(self.rows(~skipped), RETURN_SHARES["sending_fails"])
        while len(failing):
            weights = np.asarray([share for _, share in SENDING_ERRORS.values()])
            result = len(RESULTS) - len(weights) + self.rng.choice(len(weights), len(failing), p=weights)
            self.happen(activity, failing, self.in_batch(activity, failing), result=result)
            failing = self.some(failing, RETURN_SHARES["sending_fails_again"])
        rows = self.rows(~skipped)
        self.happen(activity, rows, self.in_batch(activity, rows), priced=True)
        self.happen("Payment confirmed", rows, self.in_batch("Payment confirmed", rows), priced=True)
        return skipped

    def events(self, skipped: Bools) -> pl.DataFrame:
        """The lives as `returns_of` describes them."""
        ids = pl.Series([return_id(self.day, number) for number in range(1, self.count + 1)], dtype=pl.String)
        events = pl.DataFrame({name: np.concatenate(values) for name, values in self.history.items()})
        events = events.sort("row", "at_us", maintain_order=True)
        row, first = pl.col("row"), pl.col("activity") == "Return requested"
        systems = [step.system for step in RETURN_STEPS.values()]
        cents, priced = pl.col("cents"), pl.col("cents") != UNPRICED
        # What is refunded is known when it is authorised; until then it is what the customer paid.
        expected = first & ~pl.lit(pl.Series(self.unpriced)).gather(row)
        told = pl.when(expected).then(pl.lit(pl.Series(self._expected)).gather(row)).otherwise(cents)
        tells = expected | (priced & (pl.col("activity") == "Refund authorised"))
        return events.with_columns(
            _named("activity", systems).alias("system"),
            _named("activity", ACTIVITIES).alias("activity"),
            _named("actor", ACTORS).alias("actor"),
            _named("actor", ACTOR_KINDS).alias("actor_kind"),
            _named("result", [outcome for outcome, _ in RESULTS]).alias("outcome"),
            _named("result", [code for _, code in RESULTS]).alias("error_code"),
            pl.lit(ids).gather(row).alias("return_id"),
            pl.int_range(1, pl.len() + 1).over("row").alias("position"),
        ).select(
            "return_id",
            "activity",
            pl.col("at_us").cast(pl.Datetime("us", "UTC")).alias("occurred_at"),
            "system",
            "actor",
            "actor_kind",
            "outcome",
            "error_code",
            pl.when(priced).then(_euros(cents)).alias("value"),
            pl.when(priced).then(pl.lit(CURRENCY)).otherwise(pl.lit("")).alias("currency"),
            pl.format("{}-{}-{}", "system", "return_id", "position").alias("event_id"),
            *(pl.when(first).then(pl.lit(self.traits[name]).gather(row)).alias(name) for name in TRAITS),
            pl.when(tells).then(_euros(told).cast(pl.String)).alias("refund_amount"),
            pl.when(tells).then(pl.lit(CURRENCY)).alias("refund_currency"),
            pl.lit(pl.Series(skipped)).gather(row).alias("skipped"),
        )


def _named(codes: str, names: list[str]) -> pl.Expr:
    """The name behind each code of a column."""
    return pl.lit(pl.Series(names, dtype=pl.String)).gather(pl.col(codes))


def _euros(cents: pl.Expr) -> pl.Expr:
    return (cents.cast(pl.Decimal(18, 2)) / 100).cast(pl.Decimal(18, 2))
