"""The process map: where work waits, or which way it goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Input, Output, State, dcc, html, no_update

from dashboards.cache import Asked, Reader
from dashboards.figures import bar
from dashboards.format import count, duration, plural, share, short_count
from dashboards.layout import Children, Component, aria, full_name, name, skeleton, step_name
from dashboards.pages import head
from dashboards.pages.reading import Read, part, read
from dashboards.process_map import MapActivity, MapEdge, ProcessGraph, process_map
from dashboards.url_state import PageState, link
from kernel.errors import GembascopeError

PATHS = ("/", "/map")
BADGES = 3
RANKED = 8
WORST = 8


def skeleton_of(state: PageState) -> list[Component]:
    return [
        head.place(),
        dcc.Store(id="map-drawing"),
        dcc.Store(id="map-key"),
        dcc.Store(id="selected"),
        html.Div(id="readiness"),
        html.Div(
            [
                html.Section(
                    [
                        html.Div(
                            [
                                html.Span("Detail", id="detail-label"),
                                dmc.Slider(
                                    id="detail",
                                    min=1,
                                    max=5,
                                    step=1,
                                    value=state.detail or 3,
                                    marks=[{"value": step, "label": ""} for step in range(1, 6)],
                                    label=None,
                                    thumbLabel="Detail of the map, from 1, the main path, to 5, everything",
                                    updatemode="mouseup",
                                ),
                            ],
                            className="detail",
                        ),
                        html.Div(skeleton(480), id="map"),
                    ],
                    className="card map-card",
                    **aria(label="Process map"),
                ),
                html.Aside(
                    [html.Div(id="panel"), html.Div(skeleton(300), id="ranking")],
                    id="side",
                    className="side",
                    **aria(label="What is behind the map"),
                ),
            ],
            className="map-and-side",
            id="map-area",
        ),
    ]


def register(app: Any, reader: Reader) -> None:
    def drawing(search: str | None, path: str, key: list[Any] | None) -> tuple[Any, Any]:
        if path not in PATHS:
            return no_update, no_update
        try:
            found = read(reader, search)
        except GembascopeError:
            return None, None
        step = None if found.state.detail is None else found.state.detail - 1
        selection = [found.asked.view.definition.id, found.asked.version, repr(found.asked.chosen)]
        if key and key[0] == selection and (step is None or step in key[1]):
            return no_update, no_update
        made = drawing_of(found.asked, step)
        if made is None:
            return None, None
        drawn = [step["index"] for step in made["steps"] if step["drawing"] is not None]
        return made, [selection, drawn]

    app.callback(
        Output("map-drawing", "data"),
        Output("map-key", "data"),
        Input("url", "search"),
        State("url", "pathname"),
        State("map-key", "data"),
    )(drawing)

    def ranking(search: str | None, path: str) -> Children:
        return part(lambda: ranking_of(read(reader, search))) if path in PATHS else no_update

    app.callback(Output("ranking", "children"), Input("url", "search"), State("url", "pathname"))(ranking)

    def readiness(key: list[Any] | None, search: str | None, path: str) -> Children:
        if path not in PATHS:
            return no_update
        return part(lambda: readiness_of(read(reader, search).asked)) if key else []

    # It reads all events, so it waits until the map is there.
    app.callback(
        Output("readiness", "children"), Input("map-key", "data"), State("url", "search"), State("url", "pathname")
    )(readiness)

    def panel(selected: dict[str, Any] | None, search: str | None, path: str) -> Children:
        if path not in PATHS:
            return no_update
        return part(lambda: panel_of(read(reader, search), selected)) if selected else []

    app.callback(
        Output("panel", "children"), Input("selected", "data"), Input("url", "search"), State("url", "pathname")
    )(panel)

    app.clientside_callback(
        ClientsideFunction("pages", "drawMap"),
        Output("detail", "value"),
        Output("detail", "marks"),
        Input("map-drawing", "data"),
        Input("url", "search"),
        Input("selected", "data"),
    )
    app.clientside_callback(
        ClientsideFunction("pages", "chooseDetail"), Input("detail", "value"), State("map-drawing", "data")
    )


def drawing_of(asked: Asked, step: int | None) -> dict[str, Any] | None:
    """The drawing of a selection, with one more step than usual when it is asked for; None for no cases."""
    if not asked.summary().cases:
        return None

    def make(steps: list[int] | None) -> dict[str, Any]:
        return process_map(graph_of(asked), badges_of(asked), steps)

    made = asked.drawn("usual", lambda: make(None))
    if step is None or made["steps"][step]["drawing"] is not None:
        return made
    opened = made["default_step"]
    return asked.drawn(step, lambda: make([opened, step]))


def graph_of(asked: Asked) -> ProcessGraph:
    """The rows of the map as the drawing takes them."""
    found = asked.map()
    return ProcessGraph(
        [MapActivity(row["activity"], row["count"], row["cases"]) for row in found.activities.to_dicts()],
        [MapEdge(**row) for row in found.edges.to_dicts()],
        list(found.starts.iter_rows()),
        list(found.ends.iter_rows()),
        asked.summary().cases,
    )


def badges_of(asked: Asked) -> list[tuple[str, str]]:
    top = asked.bottlenecks().head(BADGES).to_dicts()
    return [(row["source"], row["target"]) for row in top if row["hours_over_target"] > 0]


def ranking_of(found: Read) -> Children:
    """The steps that lose the most hours, each a button that selects its line on the map."""
    asked = found.asked
    if not asked.summary().cases:
        return []
    rows = [row for row in asked.bottlenecks().head(RANKED).to_dicts() if row["hours_over_target"] > 0]
    if not rows:
        return html.Section(
            [html.H2("Where the most time is lost"), html.P("No step waits longer than its target.", className="dim")],
            className="card",
        )
    own = {(item.source, item.target) for item in asked.view.definition.targets}
    usual = next((row["target_s"] for row in rows if (row["source"], row["target"]) not in own), None)
    note = "Hours by which waits pass their target, all cases together."
    if usual is not None:
        note += f" A step without a target of its own is held against the median wait of all steps, {duration(usual)}."
    most = rows[0]["hours_over_target"]
    entries = [
        html.Li(
            html.Button(
                [
                    html.Span(str(rank), className="rank badge" if rank <= BADGES else "rank"),
                    html.Span(
                        [
                            html.Span(step_name(row["source"], row["target"], 40), className="step"),
                            bar(row["hours_over_target"] / most),
                            html.Span(
                                f"{_hours(row['hours_over_target'])} over target in {plural(row['cases'], 'case')}",
                                className="dim",
                            ),
                        ],
                        className="ranked-words",
                    ),
                ],
                className="pick ranked",
                type="button",
                **_data(source=str(row["source"]), target=str(row["target"])),
            )
        )
        for rank, row in enumerate(rows, start=1)
    ]
    return html.Section(
        [html.H2("Where the most time is lost"), html.P(note, className="dim"), html.Ol(entries, className="ranking")],
        className="card",
    )


def readiness_of(asked: Asked) -> Children:
    """What limits the answers, as one line that opens."""
    told = [finding for finding in asked.readiness() if finding.attention]
    if not told or not asked.everything.summary().cases:
        return []
    entries = [
        html.Li(
            [
                html.Strong(finding.aspect.capitalize()),
                f": {count(finding.count)}",
                f" ({share(finding.share)})" if finding.share is not None else "",
                f" – {finding.meaning}.",
            ]
        )
        for finding in told
    ]
    summary = f"{plural(len(told), 'thing limits', 'things limit')} what these data can tell: "
    summary += ", ".join(finding.aspect for finding in told)
    return html.Details([html.Summary(summary), html.Ul(entries)], className="card notice")


def panel_of(found: Read, selected: Mapping[str, Any]) -> Children:
    """What is behind a selected line or activity."""
    source, target, activity = (selected.get(word) for word in ("source", "target", "activity"))
    if isinstance(source, str) and isinstance(target, str):
        title, body = [full_name(source, 40), " → ", full_name(target, 40)], _edge(found, source, target)
    elif isinstance(activity, str):
        title, body = [full_name(activity)], _activity(found, activity)
    elif isinstance(target, str):
        title, body = ["Start → ", full_name(target)], _marker(found, target, "starts")
    elif isinstance(source, str):
        title, body = [full_name(source), " → End"], _marker(found, source, "ends")
    else:
        return []
    close = html.Button("✕", className="pick close", type="button", **aria(label="Close this panel"))
    return html.Section(
        [html.Div([html.H2(title), close], className="panel-title"), *body],
        className="card panel",
        role="region",
        **aria(label="Selected on the map"),
    )


def _edge(found: Read, source: str, target: str) -> list[Component]:
    state, asked = found.state, found.asked
    edges = asked.map().edges
    moves = int(edges["frequency"].sum())
    rows = edges.filter((edges["source"] == source) & (edges["target"] == target)).to_dicts()
    if not rows:
        return [html.P("No selected case takes this step.", className="dim")]
    edge = rows[0]
    ranked = asked.bottlenecks()
    losses = ranked.filter((ranked["source"] == source) & (ranked["target"] == target)).to_dicts()
    there = asked.with_edge(source, target)
    if losses and not edge["assumed"] and asked.chosen.edge is None:
        holding = losses[0]["cases"]  # every pair has a wait, so the ranking has counted all of them
    else:
        holding = there.summary().cases
    facts = [
        ("Moves", count(edge["frequency"]), f"{share(edge['frequency'], moves)} of all moves"),
        ("Cases", count(holding), f"{share(holding, asked.summary().cases)} of the selected cases"),
    ]
    if edge["p50_s"] is None:
        facts.append(("Wait", "not known", "the order of all these pairs is assumed"))
    else:
        facts += [
            ("Median wait", duration(edge["p50_s"]), "half of the moves wait less"),
            ("Mean wait", duration(edge["mean_s"]), ""),
            ("95th percentile", duration(edge["p95_s"]), "1 move in 20 waits longer"),
        ]
    for loss in losses:
        own = any((item.source, item.target) == (source, target) for item in asked.view.definition.targets)
        note = f"target {duration(loss['target_s'])}" + ("" if own else ", the median wait of all steps")
        facts.append(("Over target", _hours(loss["hours_over_target"]), note))
    if edge["assumed"]:
        facts.append(
            (
                "Order assumed",
                count(edge["assumed"]),
                f"{share(edge['assumed'], edge['frequency'])}; these have no wait",
            )
        )
    address = link("/cases", replace(state.with_edge(source, target), view="time", detail=None))
    return [
        _facts(facts),
        html.H3("The longest cases with this step"),
        _worst(state, there),
        html.A(f"All {plural(holding, 'case')} with this step", href=address, className="go button"),
    ]


def _activity(found: Read, activity: str) -> list[Component]:
    state, asked = found.state, found.asked
    activities = asked.map().activities
    rows = activities.filter(activities["activity"] == activity).to_dicts()
    if not rows:
        return [html.P("No selected case holds this activity.", className="dim")]
    row = rows[0]
    there = asked.of(replace(asked.chosen, activities=tuple(sorted({*asked.chosen.activities, activity}))))
    address = link("/cases", replace(state.with_filters(("activity", activity)), view="time", detail=None))
    return [
        _facts(
            [
                ("Events", count(row["count"]), ""),
                ("Cases", count(row["cases"]), f"{share(row['cases'], asked.summary().cases)} of the selected cases"),
                ("Per case", f"{row['count'] / row['cases']:.2f}", "events of it in a case that has it"),
            ]
        ),
        html.H3("The longest cases with this activity"),
        _worst(state, there),
        html.A(f"All {plural(row['cases'], 'case')} with this activity", href=address, className="go button"),
    ]


def _marker(found: Read, activity: str, side: str) -> list[Component]:
    rows = getattr(found.asked.map(), side)
    number = next((row["count"] for row in rows.to_dicts() if row["activity"] == activity), 0)
    verb = "begin" if side == "starts" else "end"
    address = link("/cases", replace(found.state.with_filters(("activity", activity)), view="time", detail=None))
    return [
        _facts(
            [
                (
                    "Cases",
                    count(number),
                    f"{share(number, found.asked.summary().cases)} of the selected cases {verb} here",
                )
            ]
        ),
        html.A("All cases with this activity", href=address, className="go button"),
    ]


def _facts(facts: list[tuple[str, str, str]]) -> Component:
    rows = []
    for label, value, note in facts:
        rows.append(html.Div([html.Dt(label), html.Dd([html.Strong(value), html.Span(note, className="dim")])]))
    return html.Dl(rows, className="facts")


def _worst(state: PageState, there: Asked) -> Component:
    rows = there.worst(WORST).to_dicts()
    if not rows:
        return html.P("None.", className="dim")
    body = [
        html.Tr(
            [
                html.Td(
                    html.A(
                        name(row["case"], 24), href=link("/case", replace(state, case=str(row["case"]))), className="go"
                    )
                ),
                html.Td(str(row["state"])),
                html.Td(duration(row["duration_s"]), className="number"),
            ]
        )
        for row in rows
    ]
    heads = html.Tr([html.Th("Case"), html.Th("State"), html.Th("Duration", className="number")])
    return html.Table([html.Thead(heads), html.Tbody(body)], className="table", id="worst-cases")


def _data(**named: str) -> dict[str, Any]:
    return {f"data-{word}": value for word, value in named.items()}


def _hours(hours: float) -> str:
    return f"{short_count(hours)} hours" if hours >= 1 else duration(hours * 3600)
