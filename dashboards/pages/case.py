"""One case: what happened to it, when, and where it waited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from heapq import nlargest
from typing import Any

from dash import Input, Output, State, html, no_update

from dashboards.cache import Reader
from dashboards.figures import Wait, waits_of
from dashboards.format import count, duration, plural
from dashboards.layout import (
    FULL_LENGTH,
    STATES,
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
from dashboards.pages import timeline
from dashboards.pages.reading import Read, read
from dashboards.pages.timeline import last_page, page_of
from dashboards.url_state import PageState, link, parse
from kernel.errors import GembascopeError, InputError
from mining.cases import CasePart

PATHS = ("/case",)
MEANINGS = {
    "open": "The case has not reached an end activity.",
    "complete": "The case has reached an end activity.",
    "unknown": "The definition of the process names no end activity.",
}


def skeleton_of(state: PageState) -> list[Component]:
    return [html.Div(skeleton(600), id="case")]


def register(app: Any, reader: Reader) -> None:
    def case(search: str | None, path: str) -> Children:
        return case_of(reader, search) if path in PATHS else no_update

    app.callback(Output("case", "children"), Input("url", "search"), State("url", "pathname"))(case)
    timeline.register(app)


def case_of(reader: Reader, search: str | None) -> Children:
    """The page of one case, or the sentence that tells why there is none."""
    try:
        if not parse(search).process and not reader.views.all():
            return [html.H1("What happened to a case?"), nothing_loaded()]
        if not parse(search).case:
            link_out = html.A("Choose one from the list of cases", href=link("/cases", parse(search)), className="go")
            return [html.H1("What happened to a case?"), empty("No case is named", html.P(link_out))]
        found = read(reader, search)
        first = (found.state.page - 1) * timeline.PAGE_EVENTS
        return _page(found, found.asked.case(found.state.case, first, timeline.PAGE_EVENTS))
    except GembascopeError as error:
        try:
            back = replace(parse(search), case="", page=1)
        except InputError:
            back = PageState()
        out = html.P(html.A("To the list of cases", href=link("/cases", back), className="go"))
        return [html.H1("What happened to this case?"), problem(error, out)]


def _page(found: Read, case: CasePart) -> list[Component]:
    state, last = found.state, last_page(case.total)
    p95_s = {(row["source"], row["target"]): row["p95_s"] for row in found.asked.everything.map().edges.to_dicts()}
    waits = waits_of(case.activities, case.waits_s, p95_s)
    late = sum(wait.late for wait in waits)
    said: list[Children] = [
        html.Strong(plural(case.total, "event")),
        f" in {duration((case.ended - case.began).total_seconds())} · ",
        html.Strong(plural(late, "late wait") if late else "no late wait", className="late-words" if late else ""),
    ]
    if case.assumed:
        said.append(f" · {plural(case.assumed, 'pair')} in an assumed order")
    state_words = "No end activity is defined" if case.state == "unknown" else STATES[case.state]
    shown: Component
    if state.page > last:
        way = html.A("Open its last page", href=link("/case", replace(state, page=last)), className="go")
        text = f"This case has {plural(case.total, 'event')} on {plural(last, 'page')}."
        shown = empty(f"There is no page {count(state.page)}", html.P(text), html.P(way))
    else:
        here = _waits_here(case, waits, (state.page - 1) * timeline.PAGE_EVENTS)
        shown = timeline.timeline(state, case, here)
    return [
        html.A("← Cases", href=link("/cases", replace(state, case="", page=1)), className="go back"),
        html.Div(
            [
                html.H1(["What happened to ", name(case.case), "?"]),
                html.Span(
                    state_words,
                    className=f"state {case.state}",
                    title=MEANINGS[case.state],
                ),
            ],
            className="title-line case-title",
        ),
        _whole_name(case.case),
        html.P(said, className="about"),
        html.Div([shown, _facts(found, case, waits)], className="case-and-facts"),
    ]


def _whole_name(case_id: str) -> Component:
    """The name of a case where the title had to cut it, so that keyboard and touch reach all of it too."""
    if words(case_id) == case_id:
        return None
    return html.Details(
        [html.Summary("Show the whole name"), html.Div(case_id[:FULL_LENGTH], className="whole")],
        className="whole-name",
    )


def _waits_here(case: CasePart, waits: Sequence[Wait], first: int) -> list[Wait]:
    """The waits of the events that the page shows. An event that the projection does not hold yet has none."""
    held = list(waits[first : first + case.events.height])
    return held + [Wait(None, None)] * (case.events.height - len(held))


def _pairs(rows: Sequence[tuple[str, str]]) -> Component:
    return html.Dl(
        [html.Div([html.Dt(name(key, 40)), html.Dd(full_name(value[:FULL_LENGTH], 120))]) for key, value in rows],
        className="pairs",
    )


def _promise(row: Mapping[str, Any]) -> str:
    if row["paused_since"] is not None:
        return f"paused since {instant(row['paused_since'])}"
    if row["due"] is None:
        return "nothing is due"
    if row["kept"] is None:
        return f"due {instant(row['due'])}, not kept"
    kept = f"kept {duration(row['late_s'])} late" if row["late_s"] else "kept in time"
    return f"due {instant(row['due'])}, {kept}"


def _facts(found: Read, case: CasePart, waits: Sequence[Wait]) -> Component:
    plain = replace(found.state, page=1)
    alike = replace(plain, case="").without_filters().with_filters(("variant", case.variant))
    longest = nlargest(3, [(wait.wait_s, -place) for place, wait in enumerate(waits) if wait.wait_s])
    waited = []
    for place in (-place for _, place in longest):
        before, after, wait = case.activities[place - 1], case.activities[place], waits[place]
        step = html.Span([name(before, 30), " → ", name(after, 30)])
        if last_page(case.total) > 1:
            there = link("/case", replace(plain, page=page_of(place)))
            step = html.Span([step, ", ", html.A(f"event {count(place + 1)}", href=there, className="go")])
        waited.append(
            html.Li([html.Strong(duration(wait.wait_s), className="late-words" if wait.late else ""), " ", step])
        )
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
