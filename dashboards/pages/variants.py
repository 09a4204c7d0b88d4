"""The variants: which ways cases run, from the commonest on.

They go to the browser as words, and `variants.js` paints them: each component of Dash watches every change of the
page, so a few thousand of them would stop a browser.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dash import ClientsideFunction, Input, Output, State, dcc, html, no_update

from dashboards.cache import Reader
from dashboards.figures import chevrons
from dashboards.format import count, duration, plural, share
from dashboards.layout import Children, Component, day, skeleton
from dashboards.pages import head
from dashboards.pages.reading import Read, part, read
from dashboards.url_state import TOP_VARIANTS, PageState, link

PATHS = ("/variants",)
MORE = 30


def skeleton_of(state: PageState) -> list[Component]:
    return [head.place(), html.Div(skeleton(480), id="variants")]


def register(app: Any, reader: Reader) -> None:
    def variants(search: str | None, path: str) -> Children:
        return part(lambda: list_of(read(reader, search))) if path in PATHS else no_update

    app.callback(Output("variants", "children"), Input("url", "search"), State("url", "pathname"))(variants)
    app.clientside_callback(
        ClientsideFunction("variants", "draw"), Output("variant-list", "className"), Input("variant-data", "data")
    )


def list_of(found: Read) -> Children:
    """The ranked list, and how much of everything it shows."""
    state, asked = found.state, found.asked
    rows = asked.variants(state.top).to_dicts()
    if not rows:
        return []
    total, shown = rows[0]["total"], len(rows)
    covered = sum(row["cases"] for row in rows)
    cases = asked.summary().cases
    said = f"{count(shown)} of {plural(total, 'variant')}, {share(covered, cases)} of the {plural(cases, 'case')}."
    said += " A variant is one sequence of activities; steps that the commonest variant lacks are marked."
    usual = frozenset(rows[0]["activities"])
    entries = [_entry(state, rank, row, rows[0]["cases"], usual) for rank, row in enumerate(rows, start=1)]
    painted = [dcc.Store(id="variant-data", data=entries), html.Ol(id="variant-list", className="variants")]
    more = None
    if shown < total and state.top < TOP_VARIANTS[-1]:
        top = min(state.top + MORE, TOP_VARIANTS[-1])
        more = html.A(
            f"Show {count(min(top, total) - shown)} more",
            href=link("/variants", replace(state, top=top)),
            className="go button plain",
        )
    return [html.P(said, className="said", role="status"), *painted, more]


def _entry(state: PageState, rank: int, row: dict[str, Any], most: int, usual: frozenset[str]) -> dict[str, Any]:
    """A variant as the browser paints it: words, addresses, the length of its bar (0 to 1), its path as `chevrons`."""
    plain = replace(state, top=20).with_filters(("variant", row["variant"]))
    return {
        "rank": rank,
        "share": share(row["share"]),
        "cases": plural(row["cases"], "case"),
        "part": row["cases"] / most,
        "median": duration(row["p50_s"]),
        "started": f"started {day(row['first'])} to {day(row['last'])}",
        "path": chevrons(row["activities"], usual),
        "map": link("/map", plain),
        "list": link("/cases", plain),
    }
