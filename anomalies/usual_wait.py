"""How long one event is usually awaited after another: the deadline of the missing-event rule, learned or given."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from anomalies.rule_models import MissingEventRule
from kernel.calendar import BusinessCalendar
from kernel.process import ProcessDefinition
from kernel.promise import Within, parse_within
from kernel.timeparse import format_duration
from kernel.warehouse import load_query
from mining.filters import EVERYTHING, CaseFilter
from mining.view import ProcessView

_US = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class NotLearned:
    """The log does not tell what is usual. Nothing is found then: no false alarm."""

    reason: str
    """For a person: what is missing."""


@dataclass(frozen=True, slots=True)
class LearnedWait:
    """The quantile of the waits that were answered.

    Learned from waits that began in [learn_since, learn_until) and were answered within `settle`, where learn_until is
    `settle` before the instant of learning. So each of them was watched for as long as `settle`, the youngest too, and
    none is missing for being slow: the quantile is not shortened by waits that still run (censoring). It is that of
    waits up to `settle`. Of the waits that were watched for twice as long the share that took longer than `settle` is
    known; where it is more than the share beyond the quantile, the quantile lies beyond `settle`, and nothing is
    learned. Waits never answered, or over otherwise, do not teach.
    """

    limit: timedelta
    """The quantile, exact and interpolated, rounded up to a microsecond."""
    median: timedelta
    waits: int
    learn_since: datetime
    learn_until: datetime

    def due(self, asked_at: datetime) -> datetime:
        """By when it has to come."""
        return asked_at + self.limit

    def parameters(self) -> dict[str, str]:
        """For the evidence."""
        return {
            "limit_s": f"{self.limit.total_seconds():.6f}",
            "median_s": f"{self.median.total_seconds():.6f}",
            "waits": str(self.waits),
            "learn_since": self.learn_since.isoformat(),
            "learn_until": self.learn_until.isoformat(),
        }

    def words(self, quantile: float) -> str:
        """As a title says it."""
        return f"{format_duration(self.limit.total_seconds())}, as {100 * quantile:g}% of cases take"


@dataclass(frozen=True, slots=True)
class GivenWait:
    """What the rule says, counted on the calendar of the process where it says so."""

    text: str
    within: Within
    calendar: BusinessCalendar

    def due(self, asked_at: datetime) -> datetime:
        """By when it has to come."""
        if self.within.unit == "elapsed":
            return asked_at + self.within.amount
        if self.within.unit == "time":
            return self.calendar.add_working_time(asked_at, self.within.amount)
        return self.calendar.add_working_days(asked_at, self.within.amount.days)

    def parameters(self) -> dict[str, str]:
        """For the evidence."""
        return {"within": self.text}

    def words(self, quantile: float) -> str:
        """As a title says it."""
        return self.text


Expected = LearnedWait | GivenWait


def usual_wait(
    view: ProcessView, rule: MissingEventRule, now: datetime, chosen: CaseFilter = EVERYTHING
) -> Expected | NotLearned:
    """The wait that is still usual, as known at `now`: later events do not count. Reads all cases of the process that
    began before; it changes slowly, so once a day is enough."""
    if rule.within is not None:
        return GivenWait(rule.within, parse_within(rule.within), view.definition.own_calendar)
    since, until = now - rule.learn_from, now - rule.settle
    found = view.ask(
        load_query(__file__, "learned_waits"),
        chosen,
        **awaited(view.definition, rule, now),
        learn_since=since,
        learn_until=until,
        watched_until=until - rule.settle,
        settle_us=rule.settle // _US,
        quantile=rule.quantile,
    ).row(0, named=True)
    waits, watched, late = found["waits"], found["watched"], found["late"]
    if waits < rule.at_least:
        return NotLearned(
            f"{rule.id}: {waits} waits from {rule.after} to {rule.expect} are known that began between "
            f"{since:%Y-%m-%d} and {until:%Y-%m-%d} and were answered within "
            f"{format_duration(rule.settle.total_seconds())}; {rule.at_least} are needed"
        )
    if late > (1 - rule.quantile) * watched:
        share = 100 * late / watched
        return NotLearned(
            f"{rule.id}: {share:.1f}% of the waits from {rule.after} to {rule.expect} took longer than settle, "
            f"{format_duration(rule.settle.total_seconds())}; make it longer"
        )
    return LearnedWait(math.ceil(found["quantile_us"]) * _US, math.ceil(found["median_us"]) * _US, waits, since, until)


def awaited(definition: ProcessDefinition, rule: MissingEventRule, cut: datetime) -> dict[str, Any]:
    """The parameters of the view `awaited_events`, the filter aside."""
    over = rule.unless if rule.unless is not None else definition.end
    return {
        "ends": list(definition.end),
        "cut": cut,
        "after": rule.after,
        "expect": rule.expect,
        "unless": [name for name in over if name not in (rule.after, rule.expect)],
    }
