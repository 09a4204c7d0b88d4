"""The pages on the server of the API: one Dash application, mounted at the root."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from dash import ClientsideFunction, Dash, Input, Output, State, html, set_props
from fastapi import FastAPI

from dashboards import layout
from dashboards.cache import Reader
from dashboards.pages import (
    case,
    cases,
    filters,
    head,
    incident,
    incidents,
    map,
    overview,
    remediation,
    sla,
    sources,
    tour,
    variants,
)
from dashboards.scenes import Scene
from dashboards.server import our_backend
from dashboards.url_state import PageState, link, parse
from ingest.sources.desk import SourceDesk
from kernel.access import present
from kernel.errors import DefinitionError, InputError
from orchestration_hooks.desk import Desk

log = logging.getLogger(__name__)

PAGES: tuple[ModuleType, ...] = (map, variants, cases, case)
"""What every service shows."""
DESK_PAGES: tuple[ModuleType, ...] = (overview, sla, incidents, incident, remediation)
"""What a service shows that knows of trouble and remedies."""
INDEX = """<!DOCTYPE html>
<html lang="en">
  <head>
    {%metas%}
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>{%title%}</title>
    <link rel="icon" type="image/svg+xml" href="/assets/favicon.svg">
    <script src="/assets/scheme.js"></script>
    {%css%}
  </head>
  <body>
    {%app_entry%}
    <footer>{%config%}{%scripts%}{%renderer%}</footer>
  </body>
</html>"""


def mount(
    app: FastAPI,
    reader: Reader,
    desk: Desk | None = None,
    *,
    csrf_cookie: str = "_csrf_token",
    title: str = "Gembascope",
    scenes: Sequence[Scene] = (),
    source_desk: SourceDesk | None = None,
) -> None:
    """Add the pages of one tenant to `app`: `/map`, `/variants`, `/cases`, `/case` and what these load; with a `desk`
    also `/overview`, `/sla`, `/incidents`, `/incident` and `/remediation`; with `scenes` the `/tour` of a demo; with a
    `source_desk` `/sources`. `/` is the overview, else the map.

    Call it before the first request, after all other routes and middleware: the pages' own middleware goes inside
    all that is there. Every other address stays with the app. The hashes of the inline scripts, for a content
    security policy, are in `app.state.csp_script_hashes`. Dash keeps one application per process as "the" one; the
    last mounted is it, and earlier ones go on working. `csrf_cookie`: where the browser finds what it sends with every
    callback.
    """
    with our_backend():
        dash: Any = Dash(
            "dashboards",
            server=cast(Any, app),
            title=title,
            update_title="",
            assets_folder=str(Path(__file__).parent / "assets"),
            assets_ignore=r"scheme\.js",
            index_string=INDEX,
            suppress_callback_exceptions=True,
            on_error=_tell_failure,
            serve_locally=True,
            csrf_token_name=csrf_cookie,
            compress=False,
        )
    demo = desk is not None and desk.demo
    shown = PAGES if desk is None else (*DESK_PAGES, *PAGES)
    shown = (*shown, tour) if scenes else shown
    shown = (*shown, sources) if source_desk is not None else shown
    dash.layout = layout.shell(title, demo=demo, home=shown[0].PATHS[-1])
    _register_frame(dash, reader, shown)
    for page in (head, filters, *PAGES):
        page.register(dash, reader)
    for page in DESK_PAGES if desk is not None else ():
        page.register(dash, reader, desk)
    if scenes:
        tour.register(dash, reader, scenes)
    if source_desk is not None:
        sources.register(dash, source_desk)
    if desk is not None and demo:
        _register_clock(dash, desk)
    # Dash would do this with the first page that it serves itself; pages of ours may come first.
    dash._setup_server()
    for path in ("/", *(path for page in shown for path in page.PATHS if path != "/")):
        dash.backend.add_page(dash, path)
    dash.backend.add_not_found(dash)
    app.state.dash = dash
    app.state.csp_script_hashes = csp_hashes(app)


def csp_hashes(app: FastAPI) -> list[str]:
    """The sources of a script-src directive for the inline scripts of the pages on `app`, quotes included."""
    return list(dict.fromkeys(app.state.dash.csp_hashes()))


def _register_frame(dash: Any, reader: Reader, shown_pages: Sequence[ModuleType]) -> None:
    served = {path for page in shown_pages for path in page.PATHS}
    entries = [(at, label) for at, label in layout.NAVIGATION if at in served]

    def page(path: str, search: str | None) -> layout.Children:
        shown = next((page for page in shown_pages if path in page.PATHS), None)
        if shown is None:
            there = [html.Li(html.A(label, href=at, className="go")) for at, label in entries]
            said = layout.empty("There is no such page", html.P("These are there:"), html.Ul(there, className="chips"))
            return [html.H1("What are you looking for?"), said]
        return shown.skeleton_of(_state_or_plain(search))

    dash.callback(Output("page", "children"), Input("url", "pathname"), State("url", "search"))(page)

    def frame(path: str, search: str | None) -> tuple[Any, Any, Any, Any, bool]:
        state = _state_or_plain(search)
        try:
            definitions = reader.views.all()
        except DefinitionError:
            definitions = []
        offered = [{"value": item.id, "label": layout.words(item.title or item.id, 50)} for item in definitions]
        known = {item.id for item in definitions}
        current = state.process or (definitions[0].id if definitions else None)
        plain = PageState(process=state.process, view=state.view, filters=state.filters)
        links = [(at, label, link(at, plain)) for at, label in entries]
        principal = present()
        person = principal.name if principal is not None and principal.kind == "user" else None
        here = layout.HERE.get(path, path) if path != "/" else shown_pages[0].PATHS[-1]
        stranger = principal is not None and principal.kind == "anonymous"
        return (
            layout.navigation(here, links, person, stranger=stranger),
            offered,
            current if current in known else None,
            current,
            next((page for page in shown_pages if path in page.PATHS), None) not in PAGES,
        )

    dash.callback(
        Output("navigation", "children"),
        Output("process", "data"),
        Output("process", "value"),
        Output("current-process", "data"),
        Output("process-choice", "hidden"),  # other pages are about all processes, or name their own
        Input("url", "pathname"),
        Input("url", "search"),
    )(frame)

    pages = "pages"
    dash.clientside_callback(
        ClientsideFunction(pages, "chooseProcess"), Input("process", "value"), State("current-process", "data")
    )
    dash.clientside_callback(
        ClientsideFunction(pages, "openFilters"),
        Output("filters", "opened"),
        Input("filters-open", "n_clicks", allow_optional=True),
    )
    dash.clientside_callback(
        ClientsideFunction(pages, "navbar"),
        Output("shell", "navbar"),
        Input("burger", "opened"),
        State("shell", "navbar"),
    )
    dash.clientside_callback(
        ClientsideFunction(pages, "arrive"),
        Output("burger", "opened"),
        Input("url", "pathname"),
    )


def _register_clock(dash: Any, desk: Desk) -> None:
    def clock(_: int | None, __: str | None) -> layout.Children:
        return [html.Span("Demo · it is ", className="wide"), f"{layout.instant(desk.now())} UTC"]

    dash.callback(Output("clock", "children"), Input("clock-tick", "n_intervals"), Input("url", "pathname"))(clock)


def _state_or_plain(search: str | None) -> PageState:
    """The state of an address; the plain one where it is wrong, which the head of the page tells."""
    try:
        return parse(search)
    except InputError:
        return PageState()


def _tell_failure(error: Exception) -> None:
    """A failure that nobody expected: a reference for the reader, the details for the log."""
    reference = secrets.token_hex(3)
    log.error("a page failed, reference %s", reference, exc_info=error)
    message = {
        "action": "show",
        "id": reference,
        "color": "red",
        "title": "A part of this page could not be made",
        "message": f"Nothing was changed. Try again; the service's log has the details under {reference}.",
        "autoClose": 12_000,
    }
    set_props("toasts", {"sendNotifications": [message]})
