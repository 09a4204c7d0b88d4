"""What a business calendar is defined by: zone, weekly hours, holidays, extra openings and closures."""

from __future__ import annotations

import difflib
import re
import zoneinfo
from datetime import date, datetime, timezone
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

FIRST_YEAR, LAST_YEAR = 1970, 2300
"""UTC years that calendars cover: those of events, and a century for what falls due after them."""

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEK: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Minutes = tuple[tuple[int, int], ...]
_SPAN = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-4]):([0-5][0-9])")


def minutes_of(spans: tuple[str, ...]) -> Minutes:
    """Spans as minutes since the local midnight, in order; ValueError for a wrong or overlapping one."""
    parsed = []
    for text in spans:
        match = _SPAN.fullmatch(text)
        if match is None or (match[3] == "24" and match[4] != "00"):
            raise ValueError(f"{text!r} is not a span of a day: expected HH:MM-HH:MM such as 08:00-12:30")
        begin, end = (60 * int(match[i]) + int(match[i + 1]) for i in (1, 3))
        if end <= begin:
            raise ValueError(
                f"{text!r} does not end after it begins: a span over midnight is written as two, "
                "one to 24:00 and one from 00:00 on the next day"
            )
        parsed.append((begin, end, text))
    parsed.sort()
    for (_, end, one), (begin, _, other) in pairwise(parsed):
        if begin < end:
            raise ValueError(f"{one!r} and {other!r} overlap")
    return tuple((begin, end) for begin, end, _ in parsed)


def _check_spans(spans: tuple[str, ...]) -> tuple[str, ...]:
    minutes_of(spans)
    return spans


def known_timezone(name: str) -> str:
    try:
        zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):  # OSError: the name of a folder of zones
        near = difflib.get_close_matches(name, zoneinfo.available_timezones(), n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise ValueError(f"{name!r} is not a time zone of the IANA database, such as Europe/Berlin{hint}") from None
    return name


def iso_date(value: object) -> object:
    """Only dates and ISO dates: pydantic alone would also take a number of seconds for a date."""
    if isinstance(value, str):
        return date.fromisoformat(value)
    if isinstance(value, datetime) or not isinstance(value, date):
        raise ValueError(f"expected a date such as 2026-12-24, got {value!r}")
    return value


def _bound(value: object) -> object:
    """A date stays a date; an instant must be aware and becomes UTC."""
    if isinstance(value, str) and len(value) > 10:
        value = datetime.fromisoformat(value)
    if not isinstance(value, datetime):
        return iso_date(value)
    if value.utcoffset() is None:
        raise ValueError(f"{value.isoformat()} has no offset: write one, such as 2026-12-24T12:00:00+01:00")
    return value.astimezone(timezone.utc)


def _country(value: object) -> object:
    if value is False:
        raise ValueError("expected a country code; YAML reads a bare NO as false, so write it in quotes")
    return value


Spans = Annotated[tuple[str, ...], AfterValidator(_check_spans)]
Day = Annotated[date, BeforeValidator(iso_date)]
Bound = Annotated[datetime | date, BeforeValidator(_bound)]


class PublicHolidays(BaseModel):
    """Public holidays of a country or of one of its subdivisions, as the `holidays` package knows them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    country: Annotated[str, BeforeValidator(_country)] = Field(
        description="ISO 3166-1 code of the country in capitals, such as DE. Years that the holidays package "
        "does not know for a country have no public holidays."
    )
    subdivision: str | None = Field(
        default=None,
        min_length=1,
        description="Code of the state, region or canton, such as BY; without it only nationwide days count.",
    )

    @model_validator(mode="after")
    def _known(self) -> Self:
        from holidays import country_holidays, list_supported_countries

        try:
            country_holidays(self.country, subdiv=self.subdivision)
        except NotImplementedError:
            known = list_supported_countries()
            if self.country not in known:
                raise ValueError(
                    f"no public holidays are known for country {self.country!r}: expected a code such as DE"
                ) from None
            raise ValueError(
                f"{self.country} has no subdivision {self.subdivision!r}: expected "
                + (f"one of {', '.join(known[self.country])}" if known[self.country] else "none")
            ) from None
        return self


class Closure(BaseModel):
    """A time without openings: a freeze week, a stocktaking, a move."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    begin: Bound = Field(
        alias="from",
        description="First closed date (local), or the instant, with an offset, at which it closes.",
    )
    end: Bound = Field(
        alias="to",
        description="Last closed date (local), or the instant, with an offset, at which it opens again.",
    )
    reason: str = Field(min_length=1, description="Why it is closed, for people.")


class CalendarDefinition(BaseModel):
    """One business calendar as written in YAML."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(
        pattern=r"^[a-z0-9][a-z0-9._-]*$",
        description="Name of the calendar: lower-case letters, digits, dots, hyphens and underscores.",
    )
    timezone: Annotated[str, AfterValidator(known_timezone)] = Field(
        description="IANA time zone whose wall clock the hours are read on, such as Europe/Berlin."
    )
    hours: dict[Weekday, Spans] = Field(
        description="Opening hours per weekday (mon to sun), each a list of HH:MM-HH:MM spans in local time; "
        "an end may be 24:00. A missing day is closed. Spans must not overlap; a night is two spans."
    )
    holidays: dict[Day, Annotated[str, Field(min_length=1)]] = Field(
        default={}, description="Closed dates with the name of the holiday, besides the public holidays."
    )
    public_holidays: PublicHolidays | None = Field(
        default=None, description="Country, and subdivision if any, whose public holidays are closed."
    )
    extra_openings: dict[Day, Annotated[Spans, Field(min_length=1)]] = Field(
        default={},
        description="Hours of single dates. They replace the hours of the weekday and win over a holiday.",
    )
    closures: tuple[Closure, ...] = Field(
        default=(), description="Closed periods, such as freeze weeks. They win over everything else."
    )

    @model_validator(mode="after")
    def _closures_in_order(self) -> Self:
        zone = zoneinfo.ZoneInfo(self.timezone)
        for closure in self.closures:
            begin, end = closure.begin, closure.end
            if isinstance(begin, datetime) and isinstance(end, datetime):
                ordered = begin < end
            else:  # a date on one side makes both dates: it stands for the whole day
                first, last = (
                    bound.astimezone(zone).date() if isinstance(bound, datetime) else bound for bound in (begin, end)
                )
                ordered = first <= last
            if not ordered:
                raise ValueError(f"the closure {closure.reason!r} does not end after it begins")
        return self
