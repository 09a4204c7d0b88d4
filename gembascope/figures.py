"""Answers as plotly figures: pure functions from frames. Names from logs are shown as they are, never as markup."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import plotly.graph_objects as go
import polars as pl

from dashboards.format import duration
from dashboards.process_map import MapActivity, MapEdge, ProcessGraph, process_map
from mining.directly_follows import ProcessMap

BAND_COLOURS = ("#5b8db8", "#8fae5d", "#e0a030", "#c8452f")
"""Of the four bands of waits, short to long."""
PLAIN, NODE, INK = "#8a94a0", "#f2f5f8", "#1c2733"
DASHES = {"none": "solid", "partly": "dash", "mostly": "dot"}
MAX_NAME = 60


def map_figure(found: ProcessMap, cases: int, bottlenecks: pl.DataFrame) -> go.Figure:
    """The process map at the detail that the pages open it with: boxes are activities, the width of a line is its
    frequency, its colour the band of its 95th-percentile wait, dashes an order that is partly assumed. `bottlenecks`
    (frames.BOTTLENECKS) are marked 1, 2, 3. Pointing at a box or the middle of a line tells its figures."""
    if found.activities.is_empty():
        return _empty("no case is selected")
    graph = ProcessGraph(
        activities=[MapActivity(**row) for row in found.activities.to_dicts()],
        edges=[MapEdge(**row) for row in found.edges.to_dicts()],
        starts=found.starts.rows(),
        ends=found.ends.rows(),
        cases=cases,
    )
    drawn = process_map(graph, bottlenecks.select("source", "target").head(3).rows())
    drawing = drawn["steps"][drawn["default_step"]]["drawing"]
    figure = go.Figure()
    figure.update_layout(
        shapes=[shape for edge in drawing["edges"] for shape in _line(edge)]
        + [_box(node) for node in drawing["nodes"]],
        plot_bgcolor="white",
        margin={"l": 10, "r": 10, "t": 40, "b": 10},
        width=max(400, round(drawing["width"]) + 40),
        height=round(drawing["height"]) + 60,
        title={"text": escape(drawn["steps"][drawn["default_step"]]["sentence"]), "font": {"size": 13}},
        showlegend=False,
    )
    hidden = {"visible": False, "fixedrange": False}
    figure.update_xaxes(range=[-10, drawing["width"] + 10], **hidden)
    figure.update_yaxes(range=[drawing["height"] + 10, -10], scaleanchor="x", **hidden)
    figure.add_trace(_texts(drawing["nodes"], [_node_text(node) for node in drawing["nodes"]]))
    labelled = [edge | edge["label"] for edge in drawing["edges"] if edge["label"]]
    figure.add_trace(_texts(labelled, [_edge_text(edge) for edge in labelled]))
    return figure


def durations_figure(cases: pl.DataFrame) -> go.Figure:
    """How long cases take (frames.DURATIONS): for each state its median, 90th and 95th percentile, in hours."""
    if cases.is_empty():
        return _empty("no case is selected")
    states = [state or "all cases" for state in cases["state"]]
    figure = go.Figure()
    for column, title in (("p50_s", "median"), ("p90_s", "90th percentile"), ("p95_s", "95th percentile")):
        seconds = cases[column].to_list()
        figure.add_trace(
            go.Bar(
                name=title,
                x=[value / 3600 for value in seconds],
                y=states,
                orientation="h",
                text=[duration(value) for value in seconds],
                hovertemplate="%{y}: %{text}",
            )
        )
    return _ranked(figure, "Case duration, first to last event", "hours")


def variants_figure(variants: pl.DataFrame) -> go.Figure:
    """The paths that cases took (frames.VARIANTS): a bar per variant, its path in the tooltip."""
    if variants.is_empty():
        return _empty("no case is selected")
    paths = ["<br>→ ".join(_name(activity) for activity in path) for path in variants["activities"]]
    figure = go.Figure(
        go.Bar(
            x=variants["cases"].to_list(),
            y=variants["variant"].to_list(),
            orientation="h",
            text=[f"{share:.1%}" for share in variants["share"]],
            customdata=paths,
            hovertemplate="%{x} cases<br>%{customdata}<extra></extra>",
        )
    )
    return _ranked(figure, "Variants, most frequent first", "cases")


def bottlenecks_figure(bottlenecks: pl.DataFrame) -> go.Figure:
    """The steps that lose the most hours over their target (frames.BOTTLENECKS): a bar per step."""
    if bottlenecks.is_empty():
        return _empty("no step has a wait")
    rows = bottlenecks.to_dicts()
    figure = go.Figure(
        go.Bar(
            x=[row["hours_over_target"] for row in rows],
            y=[f"{_name(row['source'])} → {_name(row['target'])}" for row in rows],
            orientation="h",
            customdata=[f"{row['cases']:,} cases, half of them wait over {duration(row['p50_s'])}" for row in rows],
            hovertemplate="%{y}<br>%{x:,.0f} hours over target<br>%{customdata}<extra></extra>",
        )
    )
    return _ranked(figure, "Where time is lost", "hours over target, all cases together")


def _ranked(figure: go.Figure, title: str, axis: str) -> go.Figure:
    """Bars from the top down in the order of their rows."""
    figure.update_layout(title=title, xaxis_title=axis, template="plotly_white", barmode="group")
    figure.update_yaxes(autorange="reversed", type="category", automargin=True)
    return figure


def _empty(sentence: str) -> go.Figure:
    figure = go.Figure()
    figure.add_annotation(text=sentence, showarrow=False, x=0.5, y=0.5, xref="paper", yref="paper")
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    return figure


def _name(text: str) -> str:
    return escape(text if len(text) <= MAX_NAME else text[: MAX_NAME - 1] + "…")


def _line(edge: Mapping[str, Any]) -> list[dict[str, Any]]:
    colour = PLAIN if edge["band"] is None else BAND_COLOURS[edge["band"]]
    style = {"color": colour, "width": edge["width"], "dash": DASHES[edge["dash"]]}
    shapes = [{"type": "path", "path": edge["path"], "line": style, "layer": "below"}]
    if edge["head"]:
        head = {"type": "path", "path": f"M{edge['head'].replace(' ', ' L')} Z", "fillcolor": colour}
        shapes.append(head | {"line": {"width": 0}, "layer": "below"})
    return shapes


def _box(node: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "rect" if node["kind"] == "activity" else "circle",
        "x0": node["x"] - node["width"] / 2,
        "x1": node["x"] + node["width"] / 2,
        "y0": node["y"] - node["height"] / 2,
        "y1": node["y"] + node["height"] / 2,
        "fillcolor": NODE,
        "line": {"color": INK, "width": 1},
        "layer": "below",
    }


def _texts(places: list[dict[str, Any]], texts: list[str]) -> go.Scatter:
    return go.Scatter(
        x=[place["x"] for place in places],
        y=[place["y"] for place in places],
        mode="text",
        text=texts,
        textfont={"size": 11, "color": INK},
        hovertext=[_facts(place) for place in places],
        hoverinfo="text",
    )


def _facts(place: Mapping[str, Any]) -> str:
    lines = [f"<b>{escape(str(place['title']))}</b>"]
    lines += [f"{escape(str(label))}: {escape(str(value))}" for label, value in place["facts"]]
    return "<br>".join(lines)


def _node_text(node: Mapping[str, Any]) -> str:
    if node["kind"] != "activity":
        return "▶" if node["kind"] == "start" else "■"
    return "<br>".join(escape(line) for line in node["lines"]) + f"  <b>{escape(str(node['count_text']))}</b>"


def _edge_text(edge: Mapping[str, Any]) -> str:
    rank = f"<b>{edge['rank']}</b> " if edge["rank"] else ""
    return rank + escape(str(edge["text"]["time"] or edge["text"]["frequency"]))
