"""The process map: where work waits, or which way it goes."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Input, Output, State, dcc, html, no_update

from dashboards.cache import Asked, Reader
from dashboards.figures import bar
from dashboards.format import count, duration, hours, plural, share
from dashboards.layout import Children, Component, aria, skeleton, step_name
from dashboards.pages import head
from dashboards.pages.map_panel import panel_of
from dashboards.pages.reading import Read, part, read
from dashboards.process_map import MapActivity, MapEdge, ProcessGraph, process_map
from dashboards.url_state import PageState
from kernel.errors import GembascopeError

PATHS = ("/", "/map")
BADGES = 3
RANKED = 8
LIMITS_NAMED = 4
"""Of what limits the answers, by name before it is opened."""


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
                                html.Span(
                                    "Moves shown",
                                    id="detail-label",
                                    title="A move is one step from an activity to the next.",
                                ),
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
                                f"{hours(row['hours_over_target'])} over target in {plural(row['cases'], 'case')}",
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
    summary += ", ".join(finding.aspect for finding in told[:LIMITS_NAMED])
    if len(told) > LIMITS_NAMED:
        summary += f" and {len(told) - LIMITS_NAMED} more"
    return html.Details([html.Summary(summary), html.Ul(entries)], className="card notice")


def _data(**named: str) -> dict[str, Any]:
    return {f"data-{word}": value for word, value in named.items()}
