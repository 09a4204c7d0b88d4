"""The case filter: one meaning for the command line, the API, the SDK and the pages.

The meaning itself is the view `selected_cases` (kernel/schema/0014_selected_cases.sql); this is its typed form.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from typing import Any

from kernel.errors import InputError
from kernel.timeparse import parse_duration

ANCHORS = ("started", "ended", "active", "due")
STATES = ("open", "complete", "unknown")


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """Which cases count. Everything given must hold; several values of one attribute, or variants, mean any."""

    since: datetime | None = None  # aware; cases from this instant on
    until: datetime | None = None  # aware; and before this one
    anchor: str = "started"  # what the two are compared with; due: see `due_at` of case_paths
    attributes: tuple[tuple[str, str], ...] = ()  # (name, value)
    activities: tuple[str, ...] = ()  # the case holds all of them
    variants: tuple[str, ...] = ()  # ids, 16 hex digits
    min_duration: timedelta | None = None
    max_duration: timedelta | None = None
    edge: tuple[str, str] | None = None  # the case holds this directly-follows pair
    states: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        for name, moment in (("since", self.since), ("until", self.until)):
            if moment is not None and moment.tzinfo is None:
                raise InputError(f"{name}: give the time with its zone, such as 2026-01-31T00:00:00Z")
        if self.since is not None and self.until is not None and self.until <= self.since:
            raise InputError("until must be after since: the interval holds its beginning and not its end")
        if self.anchor not in ANCHORS:
            raise InputError(f"anchor: {self.anchor!r} is not one of {', '.join(ANCHORS)}")
        for state in self.states:
            if state not in STATES:
                raise InputError(f"state: {state!r} is not one of {', '.join(STATES)}")
        for variant in self.variants:
            if not re.fullmatch(r"[0-9a-f]{16}", variant):
                raise InputError(f"variant: {variant[:40]!r} is not an id of 16 hex digits, as `variants` shows them")

    @property
    def is_empty(self) -> bool:
        """Whether it selects every case."""
        return self == CaseFilter(anchor=self.anchor)

    def whole_days(self) -> dict[str, date | None] | None:
        """`since_day` and `until_day` of queries on day figures, when nothing but whole UTC days of the start is asked
        (None: no bound); None when more is."""
        bounds = {"since_day": self.since, "until_day": self.until}
        moments = {name: moment.astimezone(timezone.utc) for name, moment in bounds.items() if moment is not None}
        only_days = CaseFilter(since=self.since, until=self.until)
        if self != only_days or any(moment.time() != time() for moment in moments.values()):
            return None
        return {name: moments[name].date() if name in moments else None for name in bounds}

    def parameters(self) -> dict[str, Any]:
        """The query parameters of `selected_cases`, tenant and process aside."""
        wanted: dict[str, list[str]] = {}
        for name, value in self.attributes:
            wanted.setdefault(name, []).append(value)
        return {
            "since": self.since.astimezone(timezone.utc) if self.since else None,
            "until": self.until.astimezone(timezone.utc) if self.until else None,
            "anchor": self.anchor,
            "attribute_names": list(wanted),
            "attribute_values": list(wanted.values()),
            "with_activities": list(self.activities),
            "variants": list(self.variants),
            "min_duration_us": _microseconds(self.min_duration),
            "max_duration_us": _microseconds(self.max_duration),
            "edge_source": self.edge[0] if self.edge else "",
            "edge_target": self.edge[1] if self.edge else "",
            "states": list(self.states),
        }


EVERYTHING = CaseFilter()


def parse_instant(text: str, what: str) -> datetime:
    """A time as people type it: ISO 8601 with a zone; a bare date is its first instant in UTC.

    Raises
    ------
    InputError
        It is no time, or a time of day without a zone.
    """
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"{what}: {text[:40]!r} is not a time such as 2026-01-31 or 2026-01-31T08:00:00Z") from None
    if moment.tzinfo is None:
        raise InputError(f"{what}: {text[:40]!r} has no zone; write {text}Z or {text}+01:00")
    return moment.astimezone(timezone.utc)


def parse_attribute(text: str) -> tuple[str, str]:
    """`K=V`; the name ends at the first equals sign."""
    name, mark, value = text.partition("=")
    if not mark or not name:
        raise InputError(f"case-attr: {text[:60]!r} is not of the form NAME=VALUE")
    return name, value


def _microseconds(duration: timedelta | None) -> int | None:
    return None if duration is None else round(duration / timedelta(microseconds=1))


FILTER_WORDS = (
    *("since", "until", "anchor", "case_attr", "activity", "variant", "min_duration", "max_duration"),
    *("edge_source", "edge_target", "state"),
)
"""The names of the filters in addresses and, with dashes, on the command line."""


def read_filter(words: Mapping[str, Sequence[str]]) -> CaseFilter:
    """The filter that a query string or a command line spells: names of FILTER_WORDS to the values given.

    Raises
    ------
    InputError
        A value that is not of its form, or a single filter given twice.
    """
    for name in ("since", "until", "anchor", "min_duration", "max_duration", "edge_source", "edge_target"):
        if len(words.get(name, ())) > 1:
            raise InputError(f"{name}: given {len(words[name])} times")

    def single(name: str) -> str | None:
        values = words.get(name, ())
        return values[0] if values and values[0] != "" else None

    def duration(name: str) -> timedelta | None:
        text = single(name)
        try:
            return parse_duration(text) if text is not None else None
        except ValueError as error:
            raise InputError(f"{name}: {error}") from None

    since, until = single("since"), single("until")
    source, target = single("edge_source"), single("edge_target")
    if (source is None) != (target is None):
        raise InputError("edge_source and edge_target go together")
    return CaseFilter(
        since=parse_instant(since, "since") if since else None,
        until=parse_instant(until, "until") if until else None,
        anchor=single("anchor") or "started",
        attributes=tuple(parse_attribute(text) for text in words.get("case_attr", ())),
        activities=tuple(words.get("activity", ())),
        variants=tuple(words.get("variant", ())),
        min_duration=duration("min_duration"),
        max_duration=duration("max_duration"),
        edge=(source, target) if source is not None and target is not None else None,
        states=tuple(words.get("state", ())),
    )
