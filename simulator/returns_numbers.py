"""The numbers of the demo's returns: who works when, how long steps take, how returns differ, and the planted fault.

Instants and durations are as in `simulator.distributions`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from functools import lru_cache
from typing import Literal

import numpy as np

from kernel.calendar import BusinessCalendar
from kernel.calendar_definition import CalendarDefinition
from simulator.distributions import DAY_S, HOUR_S, HOUR_US, SECOND_US, Int64s, lognormal_us
from simulator.retailer import returns_center

CURRENCY = "EUR"
STARTS = ("Return requested",)
ENDS = ("Payment confirmed", "Return rejected")
PROMISED_DAYS = 5

Hours = Literal["always", "returns centre", "service desk", "carrier", "customers"]


@dataclass(frozen=True)
class ReturnStep:
    """How an activity usually happens: in which system, by whom, in which hours, how long after the event before it."""

    system: str
    actor: str  # a service; with a crew, the first part of the person ids
    crew: int  # people who do it; 0: a service does
    hours: Hours
    median_s: float
    sigma: float  # of the logarithm of the wait
    at_most_s: float


RETURN_STEPS = {
    "Return requested": ReturnStep("shop", "returns-portal", 0, "always", 0, 0, 0),
    "Return label sent": ReturnStep("shop", "label-service", 0, "always", 75, 0.5, 15 * 60),
    "Parcel scanned": ReturnStep("carrier", "carrier-tracking", 0, "carrier", 1.6 * DAY_S, 0.6, 12 * DAY_S),
    "Return received": ReturnStep("wms", "dock", 5, "returns centre", 1.4 * DAY_S, 0.35, 6 * DAY_S),
    "Return inspected": ReturnStep("wms", "inspector", 12, "returns centre", 5 * HOUR_S, 0.7, 30 * HOUR_S),
    "Customer details requested": ReturnStep("crm", "agent", 10, "service desk", 3 * HOUR_S, 0.6, 12 * HOUR_S),
    "Customer details received": ReturnStep("crm", "customer-portal", 0, "customers", 18 * HOUR_S, 0.9, 7 * DAY_S),
    "Refund authorised": ReturnStep("crm", "agent", 10, "service desk", 4 * HOUR_S, 0.7, 20 * HOUR_S),
    "Refund sent to payments": ReturnStep("erp", "refund-batch", 0, "always", 15, 0.6, 50),
    "Payment confirmed": ReturnStep("payments", "settlement", 0, "always", 90, 0.6, 5 * 60),
    "Return rejected": ReturnStep("wms", "inspector", 12, "returns centre", 0.7 * HOUR_S, 0.6, 5 * HOUR_S),
}
"""Every activity, in the normal order of the process. Of the two batches the wait is that within the batch."""

LONGEST_LIFE = timedelta(days=60)
"""No return lives longer: the sum of `at_most_s` is under 30 days, and holidays and nights add less than the rest."""

BATCHES = {
    "Refund sent to payments": (HOUR_US, 40 * 60 * SECOND_US),
    "Payment confirmed": (2 * HOUR_US, HOUR_US + 5 * 60 * SECOND_US),
}
"""How often a batch runs, around the clock, and how long after midnight UTC it runs first."""

STORES = {
    **{"K-101": 0.14, "K-103": 0.12, "K-106": 0.11, "K-108": 0.11, "K-109": 0.09},
    **{"K-111": 0.09, "K-112": 0.08, "K-114": 0.13, "K-117": 0.07, "K-120": 0.06},
}
CHANNELS = {"web": 0.62, "app": 0.17, "marketplace": 0.09, "store": 0.12}
CARRIERS = {"ridge-express": 0.38, "meadow-post": 0.37, "harbor-parcel": 0.25}
REASONS = {"does not fit": 0.46, "not as expected": 0.24, "changed my mind": 0.17, "damaged": 0.08, "wrong item": 0.05}
PAYMENT_METHODS = {
    "web": {"card": 0.44, "wallet": 0.28, "bank_transfer": 0.28},
    "app": {"card": 0.36, "wallet": 0.40, "bank_transfer": 0.24},
    "marketplace": {"marketplace_pay": 1.0},
    "store": {"card": 0.58, "gift_card": 0.12, "bank_transfer": 0.30},
}
SENDING_ERRORS = {"gateway_timeout": ("timeout", 0.6), "payments_unavailable": ("error", 0.4)}

MEDIAN_EUROS, SIGMA_EUROS = 85.0, 0.8
LEAST_EUROS, MOST_EUROS = 5.0, 2_500.0

RETURN_SHARES = {
    "without_amount": 0.015,
    "inspected_again": 0.012,
    "rejected": 0.045,
    "details_for_bank_transfer": 0.16,
    "details_otherwise": 0.03,
    "refund_in_part": 0.06,
    "sending_fails": 0.025,
    "sending_fails_again": 0.10,  # of those, and as many again of them
}
"""Probabilities of what leaves the main path."""


@dataclass(frozen=True)
class Fault:
    """The ERP's batch skips the refunds of one store by one payment method that are authorised in [begin, until].

    They stay behind for good: the batch takes what was authorised since its last run, and never looks back.
    """

    store: str
    payment_method: str
    begin: datetime
    until: datetime


@dataclass(frozen=True)
class ReturnsPlan:
    """Which returns there are: equal plans make equal returns, day by day, before `end` and after it.

    ValueError for a naive `end`, for less than one day or return a day, and for a negative seed.
    """

    end: datetime
    days: int = 60
    per_day: int = 100
    seed: int = 7

    def __post_init__(self) -> None:
        if self.end.tzinfo is None:
            raise ValueError("end has no time zone; give an aware datetime")
        if self.days < 1 or self.per_day < 1 or self.seed < 0:
            raise ValueError(
                f"expected days >= 1, per_day >= 1 and seed >= 0, got {self.days}, {self.per_day} and {self.seed}"
            )
        object.__setattr__(self, "end", self.end.astimezone(timezone.utc))

    @property
    def first_date(self) -> date:
        """The UTC date of the first return; the date of `end` is the last of `days` dates."""
        return self.end.date() - timedelta(days=self.days - 1)

    @property
    def fault(self) -> Fault:
        """It begins nine days before `end`, or with the log if that is shorter."""
        return Fault("K-114", "bank_transfer", self.end - timedelta(days=min(9, self.days)), self.end)


def next_batch(activity: str, at_us: Int64s) -> Int64s:
    """When the batch of this activity runs next, after each instant."""
    every_us, first_us = BATCHES[activity]
    return ((at_us - first_us) // every_us + 1) * every_us + first_us


def in_hours(rng: np.random.Generator, at_us: Int64s, hours: Hours, year: int) -> Int64s:
    """Each instant, or a moment soon after the next opening where it is closed; what waited is spread over three hours.

    `year`: the one in which the first instant lies, or the year before.
    """
    if hours == "always":
        return at_us
    starts_us, ends_us = _openings(hours, year)
    opens_us = starts_us[np.searchsorted(ends_us, at_us, side="right")]
    backlog_us = lognormal_us(rng, len(at_us), 25 * 60, 0.8, at_most_s=3 * 3_600)
    return np.where(at_us < opens_us, opens_us + backlog_us, at_us)


@lru_cache(maxsize=64)
def _openings(hours: Hours, year: int) -> tuple[Int64s, Int64s]:
    """First and last instants of the openings in a year and the one after it."""
    begin, end = (datetime(y, 1, 1, tzinfo=timezone.utc) for y in (year, year + 2))
    epoch, us = datetime(1970, 1, 1, tzinfo=timezone.utc), timedelta(microseconds=1)
    spans = [((a - epoch) // us, (b - epoch) // us) for a, b in calendar_of(hours).open_spans(begin, end)]
    starts_us, ends_us = np.asarray(spans, dtype=np.int64).T
    return starts_us, ends_us


@lru_cache(maxsize=8)
def calendar_of(hours: Hours) -> BusinessCalendar:
    """When work of this kind is done."""
    center = returns_center()
    workdays = ("mon", "tue", "wed", "thu", "fri")
    weekly: dict[str, dict[str, tuple[str, ...]]] = {
        "always": {day: ("00:00-24:00",) for day in (*workdays, "sat", "sun")},
        "service desk": {**dict.fromkeys(workdays, ("08:00-18:00",)), "sat": ("09:00-14:00",)},
        "carrier": {day: ("06:00-20:00",) for day in (*workdays, "sat")},
        "customers": {day: ("07:00-22:30",) for day in (*workdays, "sat", "sun")},
    }
    if hours == "returns centre":
        return center
    holidays = {} if hours in ("always", "customers") else center.definition.holidays
    fields = {"id": hours.replace(" ", "_"), "timezone": "Europe/Berlin", "hours": weekly[hours], "holidays": holidays}
    return BusinessCalendar(CalendarDefinition.model_validate(fields))
