"""The timeline of a case: its events in order, with the waits between them, one page of them at a time.

The events of a page go to the browser as words, and `timeline.js` paints them: as components of Dash, each of which
watches every change of the page, five hundred events would stop a browser for minutes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from dash import ClientsideFunction, Input, Output, dcc, html

from dashboards.figures import Wait, time_strip
from dashboards.format import count, duration, plural
from dashboards.layout import FULL_LENGTH, NAME_LENGTH, Component, aria, instant, words
from dashboards.url_state import PageState, link
from kernel import attributes
from mining.cases import CasePart

PAGE_EVENTS = 500
"""Events of one page: as many as a person scrolls through."""
OUTCOMES = {"ok": "", "error": "bad", "timeout": "bad", "rejected": "bad", "retry": "warn", "": ""}
VALUE_LENGTH = 120


def register(app: Any) -> None:
    app.clientside_callback(
        # Without an output Dash would not call it when the page brings its data along.
        ClientsideFunction("timeline", "draw"),
        Output("timeline", "className"),
        Input("timeline-data", "data"),
    )


def page_of(place: int) -> int:
    """The page that holds an event; the first event has the place 0, the first page is 1."""
    return place // PAGE_EVENTS + 1


def last_page(events: int) -> int:
    return page_of(max(events - 1, 0))


def timeline(state: PageState, case: CasePart, waits: Sequence[Wait]) -> Component:
    """The page of the timeline that `state` names. `waits`: those of the case's events on this page."""
    several = case.total > PAGE_EVENTS
    said = "Times are UTC. Bars are waits to scale; a red one is longer than 95 of 100 of its step."
    if several:
        said += " Scales are those of this page."
    return html.Section(
        [
            html.H2("Timeline"),
            html.P(said, className="dim"),
            _pager(state, case.total, "Pages of the timeline") if several else None,
            dcc.Store(id="timeline-data", data=painted(case, waits, (state.page - 1) * PAGE_EVENTS)),
            html.Div(id="timeline"),
            _pager(state, case.total, "Pages of the timeline, again") if several else None,
        ],
        className="card",
    )


def painted(case: CasePart, waits: Sequence[Wait], first: int) -> dict[str, Any]:
    """What the browser paints, words and shares of widths only::

    {first: number of the first event, strip: as `time_strip`, entries: [entry]}
    entry: {late, wait, name, whole, marks, when, where, more}
    wait: null for the first event of the case, or {text, limit or null, late, part: 0..1 or null}
    name, whole: the activity, and all of it where it had to be cut, else null; marks: [[text, kind, hint]]
    more: null or {label, rows: [[name, value, whole or null]]}
    """
    events = case.events.to_dicts()
    longest = max((wait.wait_s or 0.0 for wait in waits), default=0.0)
    entries = [
        _event(row, wait, longest, case.attributes, begins=first + place == 0)
        for place, (row, wait) in enumerate(zip(events, waits, strict=True))
    ]
    return {"first": first + 1, "strip": time_strip(events, waits), "entries": entries}


def _pager(state: PageState, total: int, label: str) -> Component:
    """Where the page stands among all events, and the way to the others."""
    page, last = state.page, last_page(total)
    first = (page - 1) * PAGE_EVENTS
    ways = (
        ("First", 1, page > 1),
        ("Previous", page - 1, page > 1),
        ("Next", page + 1, page < last),
        ("Last", last, page < last),
    )
    links = [
        html.A(said, href=link("/case", replace(state, page=to)), className="go")
        if leads
        else html.Span(said, className="shut", **aria(hidden="true"))
        for said, to, leads in ways
    ]
    at = f"Events {count(first + 1)} to {count(min(first + PAGE_EVENTS, total))} of {count(total)}"
    return html.Nav([*links[:2], html.Span(at, className="number"), *links[2:]], className="pager", **aria(label=label))


def _event(
    event: Mapping[str, Any], wait: Wait, longest: float, of_case: Mapping[str, str], *, begins: bool
) -> dict[str, Any]:
    where = [words(event["source"], 40)] if event["source"] else []
    if event["actor"] or event["actor_kind"]:
        kind = words(event["actor_kind"], 20) if event["actor_kind"] else ""
        who = words(event["actor"], 40) if event["actor"] else ""
        where.append(f"{who} ({kind})" if who and kind else who or kind)
    if event["via"]:
        where.append(f"via {words(event['via']['type'], 30)} {words(event['via']['id'], 40)}")
    if event["outcome"] == "ok":
        where.append("ok")
    when = instant(event["occurred_at"], seconds=True)
    if event["precision"] == "day":
        when = f"{when.partition(',')[0]} (the day only)"
    name, whole = _cut(event["activity"], NAME_LENGTH)
    return {
        "late": wait.late,
        "wait": None if begins else _wait(wait, longest),
        "name": name,
        "whole": whole,
        "marks": _marks(event),
        "when": when,
        "where": " · ".join(where),
        "more": _attributes(event, of_case),
    }


def _marks(event: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    marks = []
    if event["lifecycle"] and event["lifecycle"] != "complete":
        marks.append((words(event["lifecycle"], 30), "", ""))
    if event["outcome"] and event["outcome"] != "ok":
        text = words(event["outcome"], 20) + (f": {words(event['error_code'], 40)}" if event["error_code"] else "")
        marks.append((text, OUTCOMES.get(event["outcome"], ""), ""))
    if event["value"] is not None:
        currency = words(event["currency"], 8) if event["currency"] else ""
        marks.append((f"{event['value']:,.2f} {currency}".strip(), "", ""))
    if event["assumed"]:
        marks.append(("order assumed", "warn", "The data do not prove that this came after the event above."))
    return marks


def _wait(wait: Wait, longest: float) -> dict[str, Any]:
    if wait.wait_s is None:
        return {"text": "wait not known", "limit": None, "late": False, "part": None}
    limit = f"95 of 100 take up to {duration(wait.usual_s)}" if wait.late else None
    text = f"Late: {duration(wait.wait_s)}" if wait.late else duration(wait.wait_s)
    return {"text": text, "limit": limit, "late": wait.late, "part": wait.wait_s / longest if longest else 0.0}


def _attributes(event: Mapping[str, Any], of_case: Mapping[str, str]) -> dict[str, Any] | None:
    """The event's own attributes, folded; what only repeats the case is said once, beside the timeline."""
    held = attributes.decode(event["attributes"]) if event["attributes"] else {}
    rows = [(key, _plain(value)) for key, value in held.items()]
    rows = [(key, value) for key, value in rows if of_case.get(key) != value]
    if event["started_at"] is not None:
        rows.insert(0, ("started", instant(event["started_at"], seconds=True)))
    if not rows:
        return None
    shown = [(words(key, 40), *_cut(value, VALUE_LENGTH)) for key, value in rows]
    return {"label": plural(len(rows), "attribute"), "rows": shown}


def _plain(value: object) -> str:
    """A value of kernel.attributes as text."""
    if isinstance(value, dict):
        for mark in ("$date", "$id", "$value"):
            if mark in value:
                return _plain(value[mark])
    return value if isinstance(value, str) else attributes.encode_value(value)


def _cut(value: str, length: int) -> tuple[str, str | None]:
    """A text as one line, and the whole text where that is not all of it."""
    short = words(value, length)
    return short, None if short == value else value[:FULL_LENGTH]
