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
from dashboards.layout import Component, aria, instant, name, words

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


def chevrons(activities: Sequence[str], usual: frozenset[str]) -> Component:
    """A path as a row of chevrons. Activities that the commonest variant does not have stand out, as do repetitions."""
    parts = [_chevron(part, part.activity not in usual) for part in stretches(activities)]
    shown = html.Ol(parts[:CHEVRONS], className="chevrons")
    if len(parts) <= CHEVRONS:
        return shown
    rest = html.Ol(parts[CHEVRONS:], className="chevrons")
    more = html.Details([html.Summary(f"{plural(len(parts) - CHEVRONS, 'more step')}"), rest])
    return html.Div([shown, more])


def _chevron(part: Stretch, unusual: bool) -> Component:
    kind = "chevron unusual" if unusual else "chevron"
    times = html.Strong(f" ×{part.times}") if part.times > 1 else None
    mark = html.Span(" (not in the commonest variant)", className="unseen") if unusual else None
    return html.Li([name(part.activity, 32), times, mark], className=kind)


@dataclass(frozen=True, slots=True)
class Wait:
    """The way to one event: `wait_s` since the event before (None for the first and where the order is assumed) and
    `usual_s`, what 95 of 100 such steps of the process keep within (None where nothing is known)."""

    wait_s: float | None
    usual_s: float | None

    @property
    def late(self) -> bool:
        return self.wait_s is not None and self.usual_s is not None and self.wait_s > self.usual_s


def waits_of(events: Sequence[Mapping[str, Any]], p95_s: Mapping[tuple[str, str], float | None]) -> list[Wait]:
    """The wait of each event of a case, beside the 95th percentile of its step in the process."""
    found = []
    before: str | None = None
    for event in events:
        usual = p95_s.get((before, event["activity"])) if before is not None else None
        found.append(Wait(event["wait_s"], usual))
        before = event["activity"]
    return found


def time_strip(events: Sequence[Mapping[str, Any]], waits: Sequence[Wait]) -> Component:
    """The whole case as one line to scale: a stretch per wait, late ones marked, an event at each border."""
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
        style = {"left": f"{100 * max(begin, 0):.3f}%", "width": f"{100 * max(width, 0):.3f}%"}
        parts.append(html.Span(className="late" if wait.late else "", style=style, title=said))
    ends = html.Div(
        [html.Span(instant(first)), html.Span(duration(whole)), html.Span(instant(last))], className="strip-ends"
    )
    return html.Div([html.Div(parts, className="strip", **aria(hidden="true")), ends], className="strip-box")
