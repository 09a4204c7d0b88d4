"""One case: what happened to it, when, and where it waited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from dash import Input, Output, State, html, no_update

from dashboards.cache import Reader
from dashboards.figures import Wait, time_strip, waits_of
from dashboards.format import count, duration, plural
from dashboards.layout import (
    FULL_LENGTH,
    Children,
    Component,
    aria,
    empty,
    full_name,
    instant,
    name,
    nothing_loaded,
    problem,
    skeleton,
    words,
)
from dashboards.pages.reading import Read, read
from dashboards.url_state import PageState, link, parse
from kernel import attributes
from kernel.errors import GembascopeError, InputError
from mining.cases import Case

PATHS = ("/case",)
MOST_EVENTS = 500
"""Events that one page shows; a case of 100,000 events would stop a browser."""
OUTCOMES = {"ok": "", "error": "bad", "timeout": "bad", "rejected": "bad", "retry": "warn", "": ""}


def skeleton_of(state: PageState) -> list[Component]:
    return [html.Div(skeleton(600), id="case")]


def register(app: Any, reader: Reader) -> None:
    def case(search: str | None, path: str) -> Children:
        return case_of(reader, search) if path in PATHS else no_update

    app.callback(Output("case", "children"), Input("url", "search"), State("url", "pathname"))(case)


def case_of(reader: Reader, search: str | None) -> Children:
    """The page of one case, or the sentence that tells why there is none."""
    try:
        if not parse(search).process and not reader.views.all():
            return [html.H1("What happened to a case?"), nothing_loaded()]
        if not parse(search).case:
            link_out = html.A("Choose one from the list of cases", href=link("/cases", parse(search)), className="go")
            return [html.H1("What happened to a case?"), empty("No case is named", html.P(link_out))]
        found = read(reader, search)
        return _page(found, found.asked.case(found.state.case))
    except GembascopeError as error:
        try:
            back = replace(parse(search), case="")
        except InputError:
            back = PageState()
        out = html.P(html.A("To the list of cases", href=link("/cases", back), className="go"))
        return [html.H1("What happened to this case?"), problem(error, out)]


def _page(found: Read, case: Case) -> list[Component]:
    state = found.state
    events = case.events.to_dicts()
    p95_s = {(row["source"], row["target"]): row["p95_s"] for row in found.asked.everything.map().edges.to_dicts()}
    waits = waits_of(events, p95_s)
    back = html.A("← Cases", href=link("/cases", replace(state, case="")), className="go back")
    late = sum(wait.late for wait in waits)
    whole = (events[-1]["occurred_at"] - events[0]["occurred_at"]).total_seconds() if events else None
    said: list[Children] = [html.Strong(plural(len(events), "event")), f" in {duration(whole)} · "]
    said.append(
        html.Strong(plural(late, "late wait") if late else "no late wait", className="late-words" if late else "")
    )
    if case.assumed:
        said.append(f" · {plural(case.assumed, 'pair')} in an assumed order")
    badge = {"open": "Open", "complete": "Complete"}.get(case.state, "No end activity is defined")
    shown = events[:MOST_EVENTS]
    longest = max((wait.wait_s or 0.0 for wait in waits), default=0.0)
    entries = [
        _event(place, row, wait, longest, case.attributes)
        for place, (row, wait) in enumerate(zip(shown, waits, strict=False))
    ]
    cut = None
    if len(events) > MOST_EVENTS:
        cut = html.P(
            f"The first {count(MOST_EVENTS)} of {count(len(events))} events. The API gives all of them.",
            className="dim",
        )
    return [
        back,
        html.Div(
            [
                html.H1(["What happened to ", full_name(case.case), "?"]),
                html.Span(badge, className=f"state {case.state}"),
            ],
            className="title-line case-title",
        ),
        html.P(said, className="about"),
        html.Div(
            [
                html.Section(
                    [
                        html.H2("Timeline"),
                        html.P(
                            "Times are UTC. Bars are waits to scale; a red one is longer than 95 of 100 of its step.",
                            className="dim",
                        ),
                        time_strip(shown, waits),
                        html.Ol(entries, className="timeline"),
                        cut,
                    ],
                    className="card",
                ),
                _facts(found, case, events, waits),
            ],
            className="case-and-facts",
        ),
    ]


def _event(place: int, event: Mapping[str, Any], wait: Wait, longest: float, of_case: Mapping[str, str]) -> Component:
    where = [words(event["source"], 40)] if event["source"] else []
    if event["actor"] or event["actor_kind"]:
        kind = words(event["actor_kind"], 20) if event["actor_kind"] else ""
        who = words(event["actor"], 40) if event["actor"] else ""
        where.append(f"{who} ({kind})" if who and kind else who or kind)
    if event["via"]:
        where.append(f"via {words(event['via']['type'], 30)} {words(event['via']['id'], 40)}")
    if event["outcome"] == "ok":
        where.append("ok")
    marks = []
    if event["lifecycle"] and event["lifecycle"] != "complete":
        marks.append(html.Span(words(event["lifecycle"], 30), className="mark"))
    if event["outcome"] and event["outcome"] != "ok":
        text = words(event["outcome"], 20) + (f": {words(event['error_code'], 40)}" if event["error_code"] else "")
        marks.append(html.Span(text, className=f"mark {OUTCOMES.get(event['outcome'], '')}".strip()))
    if event["value"] is not None:
        marks.append(
            html.Span(
                f"{event['value']:,.2f} {words(event['currency'], 8) if event['currency'] else ''}".strip(),
                className="mark",
            )
        )
    if event["assumed"]:
        marks.append(
            html.Span(
                "order assumed",
                className="mark warn",
                title="The data do not prove that this came after the event above.",
            )
        )
    when = instant(event["occurred_at"], seconds=True)
    if event["precision"] == "day":
        when = f"{when.partition(',')[0]} (the day only)"
    return html.Li(
        [
            _wait(wait, longest) if place else None,
            html.Div(
                [
                    html.Div([html.Strong(full_name(event["activity"])), *marks], className="event-name"),
                    html.Div(
                        [html.Span(when, className="number"), html.Span(" · ".join(where))], className="event-where"
                    ),
                    _attributes(event, of_case),
                ],
                className="event",
            ),
        ],
        className="late" if wait.late else "",
    )


def _wait(wait: Wait, longest: float) -> Component:
    if wait.wait_s is None:
        return html.Div(html.Span("wait not known", className="dim"), className="wait")
    said: list[Component] = [html.Span(duration(wait.wait_s), className="number")]
    if wait.late:
        limit = f"95 of 100 take up to {duration(wait.usual_s)}"
        said = [html.Strong(f"Late: {duration(wait.wait_s)}"), html.Span(limit, className="dim")]
    width = 55 * wait.wait_s / longest if longest else 0.0
    kind = "wait-bar late" if wait.late else "wait-bar"
    drawn = html.Span(className=kind, style={"width": f"{width:.2f}%"}, **aria(hidden="true"))
    return html.Div([drawn, *said], className="wait")


def _attributes(event: Mapping[str, Any], of_case: Mapping[str, str]) -> Component:
    """The event's own attributes, folded; what only repeats the case is said once, beside the timeline."""
    held = attributes.decode(event["attributes"]) if event["attributes"] else {}
    rows = [(key, _plain(value)) for key, value in held.items()]
    rows = [(key, value) for key, value in rows if of_case.get(key) != value]
    if event["started_at"] is not None:
        rows.insert(0, ("started", instant(event["started_at"], seconds=True)))
    if not rows:
        return None
    return html.Details([html.Summary(plural(len(rows), "attribute")), _pairs(rows)], className="attributes")


def _plain(value: object) -> str:
    """A value of kernel.attributes as text."""
    if isinstance(value, dict):
        for mark in ("$date", "$id", "$value"):
            if mark in value:
                return _plain(value[mark])
    return value if isinstance(value, str) else attributes.encode_value(value)


def _pairs(rows: Sequence[tuple[str, str]]) -> Component:
    return html.Dl(
        [html.Div([html.Dt(name(key, 40)), html.Dd(full_name(value[:FULL_LENGTH], 120))]) for key, value in rows],
        className="pairs",
    )


def _promise(row: Mapping[str, Any]) -> str:
    if row["due"] is None:
        return "nothing is due"
    if row["kept"] is None:
        return f"due {instant(row['due'])}, not kept"
    kept = f"kept {duration(row['late_s'])} late" if row["late_s"] else "kept in time"
    return f"due {instant(row['due'])}, {kept}"


def _facts(found: Read, case: Case, events: Sequence[Mapping[str, Any]], waits: Sequence[Wait]) -> Component:
    alike = replace(found.state, case="").without_filters().with_filters(("variant", case.variant))
    longest = sorted(
        (
            (wait, before, event)
            for wait, before, event in zip(waits[1:], events, events[1:], strict=False)
            if wait.wait_s
        ),
        key=lambda item: -(item[0].wait_s or 0),
    )[:3]
    waited = [
        html.Li(
            [
                html.Strong(duration(wait.wait_s), className="late-words" if wait.late else ""),
                " ",
                html.Span([name(before["activity"], 30), " → ", name(event["activity"], 30)]),
            ]
        )
        for wait, before, event in longest
    ]
    parts: list[Component] = [html.H2("Longest waits"), html.Ul(waited, className="plain-list")] if waited else []
    if not case.promises.is_empty():
        rows = [(str(row["name"]), _promise(row)) for row in case.promises.to_dicts()]
        parts += [html.H2("Promises"), _pairs(rows)]
    if case.attributes:
        parts += [html.H2("This case"), _pairs([(key, str(value)) for key, value in case.attributes.items()])]
    parts += [
        html.H2("Cases that ran the same way"),
        html.P(html.A("Open them", href=link("/cases", alike), className="go")),
        html.P(html.A("Show this way on the map", href=link("/map", alike), className="go")),
    ]
    return html.Aside(parts, className="card", **aria(label="About this case"))
