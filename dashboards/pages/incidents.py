"""All incidents that last: what broke, how much of it, and who has it."""

from __future__ import annotations

from typing import Any

from dash import Input, Output, State, html, no_update

from dashboards.cache import Reader
from dashboards.format import plural
from dashboards.layout import Children, Component, empty, problem, skeleton
from dashboards.pages.trouble import incident_list
from dashboards.url_state import PageState
from kernel.errors import GembascopeError
from orchestration_hooks.desk import Desk

PATHS = ("/incidents",)
QUESTION = "What broke, and who has it?"
RECENT = 50


def skeleton_of(state: PageState) -> list[Component]:
    return [html.H1(QUESTION), html.Div(skeleton(420), id="incidents", className="stack")]


def register(app: Any, reader: Reader, desk: Desk) -> None:
    def incidents(_: str | None, path: str) -> Children:
        return incidents_of(desk) if path in PATHS else no_update

    app.callback(Output("incidents", "children"), Input("url", "search"), State("url", "pathname"))(incidents)


def incidents_of(desk: Desk) -> Children:
    """The list, the severest and dearest first, and below it what was resolved last."""
    try:
        lasting = desk.lasting()
        over = sorted(
            desk.incidents.lines(states=("resolved",), most=RECENT),
            key=lambda line: line.incident.resolved_at or line.incident.opened_at,
            reverse=True,
        )
        nows = desk.nows_of({line.incident.process for line in (*lasting, *over)})
    except GembascopeError as error:
        return problem(error)
    shown: list[Component] = []
    if lasting:
        title = html.H2(f"{plural(len(lasting), 'incident')} not resolved, the severest and dearest first")
        shown.append(html.Section([title, incident_list(PageState(), lasting, nows.__getitem__)], className="card"))
    else:
        shown.append(empty("No incident is open", html.P("What is found wrong becomes one, and is listed here.")))
    if over:
        title = html.H2(f"Resolved: the last {plural(len(over), 'incident')}")
        shown.append(html.Section([title, incident_list(PageState(), over, nows.__getitem__)], className="card"))
    return shown
