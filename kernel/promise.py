"""Promises of a process: by when something has to happen to a case.

A promise has a clock that starts, an event that keeps it, and a due instant between the two. What the due instant is
relates to nothing but the log, the definition and the calendar: it never depends on now.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr, ValidationInfo, model_validator

from kernel.calendar import BusinessCalendar
from kernel.case_value import CaseValue, LateCost, Loss
from kernel.condition import Condition, shown
from kernel.definitions import suggestion
from kernel.timeparse import parse_duration

LONGEST = timedelta(days=3653)
"""Ten years: as far as calendars look for an opening. Of working days there may be as many."""

_NEVER = datetime(2299, 12, 31, tzinfo=timezone.utc)
"""Past every due instant."""

_WORKING = re.compile(r"([0-9]{1,9}) working (minute|hour|day)s?")

Take = Literal["first", "last"]


@dataclass(frozen=True, slots=True)
class Within:
    """How long a promise gives.

    `elapsed`: time on the wall, whatever the calendar. `time`: open time of the calendar (`add_working_time`): an
    amount that fills an opening is due when it closes. `days`: the end of the last opening of the days-th open day
    after the local date of the start (`add_working_days`); that date never counts, whatever the hour.
    """

    unit: Literal["elapsed", "time", "days"]
    amount: timedelta
    """For `days` their number in days of 24 hours."""


def parse_within(text: str) -> Within:
    """`48h` and `2d` are elapsed time; `5 working days`, `30 working hours` and `90 working minutes` the calendar's.

    Raises ValueError for anything else, for nothing, and for more than ten years (3653 working days).
    """
    words = _WORKING.fullmatch(text.strip())
    if words is None:
        try:
            found = Within("elapsed", parse_duration(text))
        except ValueError as error:
            raise ValueError(f"{error}; of a calendar write 5 working days or 30 working hours") from None
    elif words[2] == "day":
        found = Within("days", timedelta(days=int(words[1])))
    else:
        found = Within("time", int(words[1]) * timedelta(**{f"{words[2]}s": 1}))
    if not timedelta() < found.amount <= LONGEST:
        raise ValueError(f"{text!r} is not more than nothing and at most ten years")
    return found


def _check_within(text: str) -> str:
    parse_within(text)
    return text


def known_calendar(name: str, info: ValidationInfo) -> str:
    """Refuse a calendar that no file defines; who reads definitions gives the names that there are as context."""
    known: Collection[str] | None = info.context
    if known is not None and name not in known:
        there = ", ".join(sorted(known)) or "none"
        raise ValueError(f"no calendar {name!r} in the folder calendars{suggestion(name, known)}; there are: {there}")
    return name


CalendarName = Annotated[str, Field(min_length=1), AfterValidator(known_calendar)]


class Pause(BaseModel):
    """A time in which the clock of a promise stands, such as one of waiting for the customer."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    begins_with: str = Field(alias="from", min_length=1, description="Activity at which the clock stops.")
    ends_with: str = Field(alias="to", min_length=1, description="Activity at which it runs on.")

    @model_validator(mode="after")
    def _two_activities(self) -> Self:
        if self.begins_with == self.ends_with:
            raise ValueError(f"from and to are both {self.begins_with!r}: the same event would begin and end the pause")
        return self


class Promise(BaseModel):
    """One promise (SLA) to every case, or to those of which its conditions hold. To others nothing is promised: their
    clock never starts.

    Instants are those by which events are ordered; an event known to the day only counts at the end of its day.
    What cannot be told apart proves nothing and breaks nothing: an event of the day on which the clock starts may
    keep the promise, and one known to the day only is late when its whole day lies after the due instant.

    In a pause the clock stands: from an occurrence of its `from` after the start to the next occurrence of its `to`, or
    to what keeps the promise; where pauses overlap it stands once. So the due instant is that at which the clock has
    run for all the time promised: elapsed time on the wall, or open time of the calendar, outside of pauses. Of working
    days it is the last closing of the open day that makes the number full: the date of the start does not count, and
    neither does a day whose last closing falls in a pause (after its begin, up to and with its end). A pause that
    begins when the clock has run out changes nothing. While a pause lasts nothing is due.
    Where the order of events is only assumed, a `from` that may have come after the start begins a pause, and a `to`
    that may have come after a `from` ends its pause at once.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str = Field(min_length=1, description="What is promised, in words for people.")
    where: Condition = Field(
        default=(),
        description="Cases that it is promised to: case attributes with values, such as {region: [north, east]}; a "
        "case must have one of the values of each. Absent: every case.",
    )
    unless: tuple[Condition, ...] = Field(
        default=(),
        max_length=100,
        description="Cases that it is not promised to: those that meet one of these conditions, each as in where.",
    )
    starts_with: str | None = Field(
        default=None,
        alias="from",
        min_length=1,
        description="Activity that starts the clock; absent: the start of the case. A case without it is promised "
        "nothing yet.",
    )
    from_take: Take = Field(default="first", description="Which occurrence of it starts the clock: first or last.")
    kept_by: str | None = Field(
        default=None,
        alias="to",
        min_length=1,
        description="Activity that keeps the promise, once the clock runs; absent: any end activity of the process.",
    )
    to_take: Take = Field(
        default="first",
        description="first: its first occurrence after the start keeps the promise, such as the first parcel of an "
        "order. last: its last occurrence in the case does, such as the last parcel; another one postpones it.",
    )
    within: Annotated[str, AfterValidator(_check_within)] | None = Field(
        default=None,
        description="Time from the start to the due instant: elapsed (48h, 2d), or counted on the calendar "
        "(5 working days, 30 working hours). Working days are due at the end of the last opening of that day, and "
        "the day of the start does not count.",
    )
    by_attribute: str | None = Field(
        default=None,
        min_length=1,
        description="Instead of within: case attribute that holds the due instant, in ISO 8601 with its offset, or a "
        "date: then it is due at the end of that day in the calendar's zone. Other values are no due instant, nor are "
        "years outside 1970 to 2299.",
    )
    calendar: CalendarName | None = Field(
        default=None, description="Calendar of this promise; absent: that of the process, else around the clock in UTC."
    )
    pauses: tuple[Pause, ...] = Field(
        default=(), max_length=20, description="When its clock stands: pairs of activities, from and to."
    )
    at_risk: Annotated[str, AfterValidator(_check_within)] | None = Field(
        default=None,
        description="How long before it is due a case is at risk: elapsed (4h), or counted on the calendar from now on "
        "(1 working day, 8 working hours). Absent: no case is ever at risk.",
    )
    late_cost: LateCost | None = Field(
        default=None, description="What each hour or day costs by which it is late; absent: nothing that is known."
    )
    _stands_for: str = PrivateAttr(default="")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.within is None) == (self.by_attribute is None):
            raise ValueError("give either within or by_attribute, and not both")
        within = parse_within(self.within) if self.within is not None else None
        risk = parse_within(self.at_risk) if self.at_risk is not None else None
        if (
            self.calendar is not None
            and within is not None
            and within.unit == "elapsed"
            and (risk is None or risk.unit == "elapsed")
        ):
            raise ValueError(
                f"within {self.within} is elapsed time, which no calendar changes: write working hours or working "
                "days, or leave the calendar out"
            )
        if self.starts_with is None and self.from_take == "last":
            raise ValueError("from_take says which occurrence of from counts, but from is not given")
        if self.starts_with is not None and self.starts_with == self.kept_by:
            raise ValueError(f"from and to are both {self.kept_by!r}: the same event would start the clock and stop it")
        if within is not None and risk is not None and within.unit == risk.unit and risk.amount >= within.amount:
            raise ValueError(
                f"at_risk {self.at_risk} is not shorter than within {self.within}: every case would be at risk from "
                "its start"
            )
        if self.pauses and within is None:
            raise ValueError("pauses need within: a due instant that an attribute holds is not postponed by a pause")
        if self.kept_by in {pause.begins_with for pause in self.pauses}:
            raise ValueError(f"pauses begin with {self.kept_by!r}, which keeps the promise")
        return self

    def answers_to(self, name: str) -> bool:
        """Whether it is the promise of this name, or what is promised to some cases in its place."""
        return name in (self.name, self._stands_for)

    def for_cases(self, cases: Condition) -> Promise:
        """The same promise to these cases alone, called NAME (region north). It answers to NAME too."""
        where = tuple(sorted((*self.where, *cases)))
        found = self.model_copy(update={"name": f"{self.name} ({shown(cases)})", "where": where})
        found._stands_for = self.name
        return found

    def risky_until(self, calendar: BusinessCalendar, now: datetime) -> datetime | None:
        """At `now` a case is at risk that is due from `now` to this instant, both included; None: none is.

        It is `now` plus the time of `at_risk`: on the wall (`4h`), open time of the calendar (`8 working hours`,
        `add_working_time`), or to the last closing of an open day after the local date of `now` (`1 working day`,
        `add_working_days`: on a Friday all that is due until Monday's closing). Where the calendar does not open for so
        long no time of it is left, so everything is at risk.
        """
        if self.at_risk is None:
            return None
        risk = parse_within(self.at_risk)
        if risk.unit == "elapsed":
            return now + risk.amount
        try:
            if risk.unit == "days":
                return calendar.add_working_days(now, risk.amount // timedelta(days=1))
            return calendar.add_working_time(now, risk.amount)
        except ValueError:
            return _NEVER


def problems_of(promise: Promise, activities: Collection[str], ends: Collection[str]) -> list[str]:
    """What does not fit the activities (none: all that occur) and the end activities of its process."""
    named = [("from", promise.starts_with), ("to", promise.kept_by)]
    for number, pause in enumerate(promise.pauses):
        named += [(f"pauses.{number}.from", pause.begins_with), (f"pauses.{number}.to", pause.ends_with)]
    found = [
        f"{field}: {name!r} is not among the process's activities{suggestion(name, activities)}"
        for field, name in named
        if name is not None and activities and name not in activities
    ]
    found += [
        f"pauses.{number}.from: {pause.begins_with!r} is an end activity, which keeps the promise"
        for number, pause in enumerate(promise.pauses)
        if promise.kept_by is None and pause.begins_with in ends
    ]
    if promise.kept_by is None and not ends:
        found.append("names no activity in to, and the process has no end activity either")
    if promise.kept_by is None and promise.starts_with in ends:
        found.append(f"starts with {promise.starts_with!r}, which is also an end activity, and names none in to")
    return found


def price_problems(promise: Promise, value: CaseValue | None) -> list[str]:
    """What of its cost does not fit what the process says about the value of a case."""
    loss = promise.late_cost.loss() if promise.late_cost is not None else Loss()
    if loss.share and value is None:
        return ["late_cost is a share of the value of a case, and the process names no value"]
    if loss.currency and value is not None and value.currency not in (None, loss.currency):
        return [f"late_cost is in {loss.currency}, and the value of a case in {value.currency}"]
    return []
