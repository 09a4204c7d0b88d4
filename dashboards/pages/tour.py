"""The tour of a demo: five scenes, each with a sentence and the page where it is seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import Input, Output, State, html, no_update

from dashboards.cache import Reader
from dashboards.layout import Children, Component, aria, empty, skeleton
from dashboards.scenes import Claim, Scene
from dashboards.url_state import PageState
from kernel.errors import DefinitionError, NotFound

PATHS = ("/tour",)
QUESTION = "What is there to see?"
CLAIMS = {
    Claim.FOUND: ("Found by a rule", "mark good"),
    Claim.PLANTED: ("Planted, not found yet", "mark"),
    Claim.SILENT: ("Silent, as it should be", "mark"),
}
"""What is said of a scene, and how it looks."""


def skeleton_of(state: PageState) -> list[Component]:
    return [html.H1(QUESTION), html.Div(skeleton(420), id="tour", className="stack")]


def register(app: Any, reader: Reader, scenes: Sequence[Scene]) -> None:
    def tour(_: str | None, path: str) -> Children:
        return tour_of(reader, scenes) if path in PATHS else no_update

    app.callback(Output("tour", "children"), Input("url", "search"), State("url", "pathname"))(tour)


def tour_of(reader: Reader, scenes: Sequence[Scene]) -> Children:
    """The scenes that whoever asks may read of, in their order and with their numbers."""
    shown = [_scene(number, scene) for number, scene in enumerate(scenes, start=1) if _may_read(reader, scene)]
    if not shown:
        return empty("There is nothing to see for you", html.P("The scenes are about processes that you may not read."))
    about = (
        "A simulated retailer of whom all that goes wrong is known. Figures are those of its data; times are in UTC."
    )
    return [html.P(about, className="about"), html.Ol(shown, className="scenes")]


def _scene(number: int, scene: Scene) -> Component:
    words, look = CLAIMS[scene.claim]
    title = html.Div([html.H2(scene.title), html.Span(words, className=look)], className="scene-title")
    go = html.P(html.A(scene.see, href=scene.link, className="go"))
    parts = [title, html.P(scene.sentence), html.P(scene.why, className="about"), go]
    shown = html.Span(str(number), className="scene-number", **aria(hidden="true"))  # the list has its number already
    return html.Li(html.Section([shown, *parts], className="card scene"))


def _may_read(reader: Reader, scene: Scene) -> bool:
    """Whether all that a scene tells of may be read: its figures are those of all stores."""
    try:
        return all(reader.views.view(process).stores is None for process in scene.processes)
    except (DefinitionError, NotFound):
        return False
