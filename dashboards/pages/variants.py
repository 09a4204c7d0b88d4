"""The variants: which ways cases run, from the commonest on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dash import Input, Output, State, html, no_update

from dashboards.cache import Reader
from dashboards.figures import bar, chevrons
from dashboards.format import count, duration, plural, share
from dashboards.layout import Children, Component, aria, day, skeleton
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
    more = None
    if shown < total and state.top < TOP_VARIANTS[-1]:
        top = min(state.top + MORE, TOP_VARIANTS[-1])
        more = html.A(
            f"Show {count(min(top, total) - shown)} more",
            href=link("/variants", replace(state, top=top)),
            className="go button plain",
        )
    return [html.P(said, className="said", role="status"), html.Ol(entries, className="variants"), more]


def _entry(state: PageState, rank: int, row: dict[str, Any], most: int, usual: frozenset[str]) -> Component:
    plain = replace(state, top=20).with_filters(("variant", row["variant"]))
    facts = [
        html.Span([html.Strong(share(row["share"])), f" · {plural(row['cases'], 'case')}"], className="variant-share"),
        bar(row["cases"] / most),
        html.Span([html.Strong(duration(row["p50_s"])), " median duration"]),
        html.Span(f"started {day(row['first'])} to {day(row['last'])}", className="dim"),
    ]
    links = [
        html.A(
            "Show on the map",
            href=link("/map", plain),
            className="go",
            **aria(label=f"Show on the map: variant {rank}"),
        ),
        html.A(
            "Open its cases",
            href=link("/cases", plain),
            className="go",
            **aria(label=f"Open its cases: variant {rank}"),
        ),
    ]
    return html.Li(
        [
            html.Span(str(rank), className="rank"),
            html.Div(facts, className="variant-facts"),
            html.Div(
                [chevrons(row["activities"], usual), html.P(links, className="variant-links")], className="variant-path"
            ),
        ],
        className="card variant",
    )
