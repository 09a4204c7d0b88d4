"""The head of the pages about many cases: the question, what is looked at, the filters, the key figures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import dash_mantine_components as dmc
from dash import Input, Output, State, html, no_update

from dashboards.cache import Asked, Reader
from dashboards.format import UNKNOWN, count, duration, plural, share, short_count
from dashboards.layout import (
    Children,
    Component,
    aria,
    day,
    empty,
    instant,
    name,
    nothing_loaded,
    problem,
    skeleton,
    tile,
    words,
)
from dashboards.pages.reading import read, way_out
from dashboards.url_state import PageState, link, parse
from kernel.errors import DefinitionError, GembascopeError, InputError
from mining.summary import LogSummary

PATHS = ("/", "/map", "/variants", "/cases")
ANCHOR_WORDS = {"started": "started", "ended": "ended", "active": "active", "due": "due"}


def place() -> Component:
    """Where the head will be."""
    return html.Div(skeleton(180), id="head", className="head")


def question(path: str, state: PageState) -> str:
    """The question that a page answers; it is the page's title."""
    if path == "/variants":
        return "Which ways do cases run?"
    if path == "/cases":
        return "Which cases are these?"
    return "Where does work wait?" if state.view == "time" else "Which way does work go?"


def register(app: Any, reader: Reader) -> None:
    def head(search: str | None, path: str) -> Children:
        return head_of(reader, path, search) if path in PATHS else no_update

    app.callback(Output("head", "children"), Input("url", "search"), State("url", "pathname"))(head)


def head_of(reader: Reader, path: str, search: str | None) -> Children:
    """The head for an address, or the sentence that tells what is wrong with it."""
    try:
        if not parse(search).process and not reader.views.all():
            return [html.H1(question(path, PageState())), nothing_loaded()]
        found = read(reader, search)
        state, asked = found.state, found.asked
        summary = asked.summary()
        parts = [_title(path, state), _about(asked, summary), _chips(path, state)]
        if summary.cases:
            return [*parts, _figures(state, asked, summary)]
        if asked.everything.summary().cases:
            hint = "Widen the period or remove a filter." if state.filters else "Its definition leaves every case out."
            return [*parts, empty("No case matches", html.P(hint))]
        definition = asked.view.definition
        hint = f"gembascope ingest FILE --process {definition.id}"
        return [
            *parts,
            empty("This process has no events yet", html.P("Load some. In a terminal, type:"), html.Pre(hint)),
        ]
    except GembascopeError as error:
        path_out = None if isinstance(error, DefinitionError) else way_out(reader, path, search)
        return [html.H1(question(path, _state_or_plain(search))), problem(error, path_out)]


def _state_or_plain(search: str | None) -> PageState:
    try:
        return parse(search)
    except InputError:
        return PageState()


def _title(path: str, state: PageState) -> Component:
    tools: list[Component] = []
    if path in ("/", "/map"):
        choices = (("time", "Waiting time"), ("frequency", "Frequency"))
        links = [
            html.A(
                label,
                href=link(path, replace(state, view=view)),
                className="go",
                **(aria(current="true") if state.view == view else {}),
            )
            for view, label in choices
        ]
        tools.append(html.Div(links, className="toggle", role="group", **aria(label="What the map shows")))
    held = len(_filter_groups(state))
    label = f"Filters ({held})" if held else "Filters"
    tools.append(dmc.Button(label, id="filters-open", variant="default", size="sm"))
    return html.Div([html.H1(question(path, state)), html.Div(tools, className="tools")], className="title-line")


def _about(asked: Asked, summary: LogSummary) -> Component:
    definition = asked.view.definition
    everything = asked.everything.summary()
    said: list[Children] = [html.Strong(name(definition.title or definition.id)), " · "]
    if asked.chosen.is_empty:
        said.append(f"all {plural(summary.cases, 'case')}")
    else:
        said.append(
            f"{count(summary.cases)} of {plural(everything.cases, 'case')} ({share(summary.cases, everything.cases)})"
        )
    if summary.first and summary.last:
        said.append(f", {day(summary.first)} to {day(summary.last)}")
    said += [" · data as of ", html.Span(instant(everything.last), className="number"), " UTC (last event)"]
    return html.P(said, className="about")


def _filter_groups(state: PageState) -> list[tuple[str, str, PageState]]:
    """The filters as (label, value, state without it); the two ends of a step are one filter."""
    groups: list[tuple[str, str, PageState]] = []
    values = dict(state.filters)
    for word, value in state.filters:
        without = state.without_filter((word, value))
        if word == "edge_source":
            target = values.get("edge_target", "")
            label, text = "Step", f"{words(value, 40)} → {words(target, 40)}"
            without = state.without_filters("edge_source", "edge_target")
        elif word == "case_attr":
            attribute, _, held = value.partition("=")
            label, text = words(attribute, 30), words(held, 40)
        elif word in ("since", "until"):
            anchor = ANCHOR_WORDS.get(values.get("anchor", "started"), "started")
            label, text = f"{anchor} {'from' if word == 'since' else 'before'}".capitalize(), words(value)
        elif word in ("min_duration", "max_duration"):
            label, text = "At least" if word == "min_duration" else "At most", words(value, 20)
        elif word in ("edge_target", "anchor"):
            continue
        else:
            label, text = {"activity": "With", "variant": "Variant", "state": "State"}[word], words(value, 40)
        groups.append((label, text, without))
    return groups


def _chips(path: str, state: PageState) -> Component:
    groups = _filter_groups(state)
    if not groups:
        return None
    chips: list[Component] = [
        html.Li(
            html.A(
                [
                    html.Span("Remove filter: ", className="unseen"),
                    f"{label}: ",
                    html.Strong(text),
                    html.Span(" ✕", **aria(hidden="true")),
                ],
                href=link(path, without),
                className="go chip",
                title="Remove this filter",
            )
        )
        for label, text, without in groups
    ]
    if len(groups) > 1:
        chips.append(html.Li(html.A("Remove all", href=link(path, state.without_filters()), className="go chip-all")))
    return html.Ul(chips, className="chips", **aria(label="Active filters"))


def _figures(state: PageState, asked: Asked, summary: LogSummary) -> Component:
    rows = {row["state"]: row for row in asked.durations().to_dicts()}
    every = rows.get("", {})
    told = summary.open + summary.complete > 0
    reach = f"95\u00a0% take up to {duration(every.get('p95_s'))}"
    if told and summary.open:
        reach += " (open: until now)"
    plain = replace(state, view="time", detail=None, top=20)
    tiles = [
        tile(
            "Cases",
            short_count(summary.cases),
            f"in {plural(summary.variants, 'variant')}",
            link("/cases", replace(plain, order="newest")),
            count(summary.cases),
        ),
        tile(
            "Events",
            short_count(summary.events),
            f"of {plural(summary.activities, 'activity', 'activities')}",
            link("/cases", replace(plain, order="events")),
            count(summary.events),
        ),
        tile(
            "Median duration",
            duration(every.get("p50_s")),
            reach,
            link("/cases", replace(plain, order="longest")),
        ),
    ]
    if told:
        address = link(
            "/cases",
            replace(plain.without_filters("state") if state.filters else plain, order="oldest").with_filters(
                ("state", "open")
            ),
        )
        tiles.append(
            tile(
                "Open cases",
                short_count(summary.open),
                f"{share(summary.open, summary.cases)} of the cases have not ended",
                address,
                count(summary.open),
            )
        )
    else:
        address = link("/cases", replace(plain, order="oldest"))
        tiles.append(tile("Open cases", UNKNOWN, "the definition names no end activity", address))
    return html.Div(tiles, className="tiles")
