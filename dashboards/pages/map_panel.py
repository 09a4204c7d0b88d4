"""What is behind a line or an activity that was selected on the map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dash import html

from dashboards.cache import Asked
from dashboards.format import count, duration, hours, plural, share
from dashboards.layout import STATES, Children, Component, aria, full_name, name
from dashboards.pages.reading import Read
from dashboards.url_state import PageState, link

WORST = 8
"""Cases that the panel lists."""


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
        facts.append(("Over target", hours(loss["hours_over_target"]), note))
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
                html.Td(STATES[row["state"]]),
                html.Td(duration(row["duration_s"]), className="number"),
            ]
        )
        for row in rows
    ]
    heads = html.Tr([html.Th("Case"), html.Th("State"), html.Th("Duration", className="number")])
    return html.Table([html.Thead(heads), html.Tbody(body)], className="table", id="worst-cases")
