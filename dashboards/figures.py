"""Small drawings made of page elements: bars, the chevrons of a variant, a case to scale. Pure: rows in, parts out.

All of them are text for those who do not see them: a bar stands beside its number and says nothing more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from dash import html

from dashboards.format import duration, plural
from dashboards.layout import FULL_LENGTH, Component, aria, instant, words

CHEVRONS = 24
"""Steps of a variant that stand in the row; the rest opens."""


def bar(part: float, kind: str = "") -> Component:
    """A bar of the width `part`, 0 to 1."""
    width = f"{100 * min(max(part, 0.0), 1.0):.2f}%"
    return html.Span(html.Span(style={"width": width}), className=f"bar {kind}".strip(), **aria(hidden="true"))


@dataclass(frozen=True, slots=True)
class Stretch:
    """The same activity `times` times in a row."""

    activity: str
    times: int


def stretches(activities: Sequence[str]) -> list[Stretch]:
    """A path with repetitions in a row taken together."""
    return [Stretch(activity, len(list(same))) for activity, same in groupby(activities)]


def chevrons(activities: Sequence[str], usual: frozenset[str]) -> dict[str, Any]:
    """A path as a row of chevrons, repetitions in a row taken together.

    `steps`: [(name, whole name where it was cut, how often in words or "", whether the commonest variant lacks it)];
    `rest`: those that open, and `more`: what says so, None where all stand in the row.
    """
    parts = [_chevron(part, part.activity not in usual) for part in stretches(activities)]
    hidden = len(parts) - CHEVRONS
    more = plural(hidden, "more step") if hidden > 0 else None
    return {"steps": parts[:CHEVRONS], "rest": parts[CHEVRONS:], "more": more}


def _chevron(part: Stretch, unusual: bool) -> tuple[str, str | None, str, bool]:
    short = words(part.activity, 32)
    whole = None if short == part.activity else part.activity[:FULL_LENGTH]
    return short, whole, f"×{part.times}" if part.times > 1 else "", unusual


@dataclass(frozen=True, slots=True)
class Wait:
    """The way to one event: `wait_s` since the event before (None for the first and where the order is assumed) and
    `usual_s`, what 95 of 100 such steps of the process keep within (None where nothing is known)."""

    wait_s: float | None
    usual_s: float | None

    @property
    def late(self) -> bool:
        return self.wait_s is not None and self.usual_s is not None and self.wait_s > self.usual_s


def waits_of(
    activities: Sequence[str], waits_s: Sequence[float | None], p95_s: Mapping[tuple[str, str], float | None]
) -> list[Wait]:
    """The wait before each activity of a case, beside the 95th percentile of its step in the process."""
    steps = zip([None, *activities], activities, waits_s, strict=False)
    return [Wait(wait, None if before is None else p95_s.get((before, activity))) for before, activity, wait in steps]


def time_strip(events: Sequence[Mapping[str, Any]], waits: Sequence[Wait]) -> dict[str, Any] | None:
    """These events as one line to scale: a stretch per wait, late ones marked, an event at each border.

    `parts`: [(left, width, late, words)] with shares of the line, 0 to 1; `ends`: the words below it. None where there
    is no time between the first and the last event.
    """
    if len(events) < 2:
        return None
    first, last = events[0]["occurred_at"], events[-1]["occurred_at"]
    whole = (last - first).total_seconds()
    if whole <= 0:
        return None
    parts = []
    for before, event, wait in zip(events, events[1:], waits[1:], strict=False):
        begin = (before["occurred_at"] - first).total_seconds() / whole
        width = (event["occurred_at"] - before["occurred_at"]).total_seconds() / whole
        said = f"{words(before['activity'], 40)} → {words(event['activity'], 40)}: {duration(wait.wait_s)}"
        parts.append((round(max(begin, 0), 5), round(max(width, 0), 5), wait.late, said))
    return {"parts": parts, "ends": [instant(first), duration(whole), instant(last)]}
