"""The frame of all pages, and the small parts that they share: names, dates, figures, problems, empty states.

Names and values come from events and are hostile. They reach a page through `name` or `words`, which make plain text
of one line; Dash sets it as text, never as markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html

from dashboards.format import UNKNOWN
from dashboards.process_map.labels import shown_name
from kernel.errors import DefinitionError, GembascopeError, InputError

Component = Any
Children = Any

NAVIGATION = (
    ("/tour", "Tour"),
    ("/overview", "Overview"),
    ("/sla", "SLA & exceptions"),
    ("/incidents", "Incidents"),
    ("/remediation", "Remediation"),
    ("/map", "Process map"),
    ("/variants", "Variants"),
    ("/cases", "Cases"),
    ("/sources", "Sources"),
)
HERE = {"/case": "/cases", "/incident": "/incidents"}
"""Of pages without an entry the one that they belong to."""
NAME_LENGTH = 60
CLOCK_MS = 10_000
STATES = {"open": "Open", "complete": "Complete", "unknown": "Not known"}
"""What pages call the states of a case."""
FULL_LENGTH = 12_000

THEME: dict[str, Any] = {
    "fontFamily": "-apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'Liberation Sans', sans-serif",
    "primaryColor": "blue",
    "primaryShade": 8,
    "defaultRadius": "md",
    "autoContrast": True,
}


def shell(title: str, *, demo: bool = False, home: str = "/map") -> Component:
    """The frame: header, navigation, the place of the page, the drawer of filters. `demo`: the time is not the
    machine's, so the header tells it. `home`: the page that is at `/`."""
    header = dmc.AppShellHeader(
        html.Div(
            [
                html.Div(
                    [
                        dmc.Burger(
                            id="burger", size="sm", hiddenFrom="sm", attributes={"root": {"aria-label": "Menu"}}
                        ),
                        html.A(
                            [
                                html.Img(src="/assets/favicon.svg", alt="", width=26),
                                html.Span(title, className="brand-name"),
                            ],
                            href="/",
                            className="go brand",
                        ),
                    ],
                    className="row",
                ),
                html.Div(
                    [
                        html.Div(
                            dmc.Select(
                                id="process",
                                data=[],
                                size="sm",
                                w={"base": 150, "xs": 220},
                                allowDeselect=False,
                                searchable=True,
                                placeholder="Choose a process",
                                nothingFoundMessage="No such process",
                                attributes={"input": {"aria-label": "Process"}},
                            ),
                            id="process-choice",
                        ),
                        html.Span(id="clock", className="demo-clock", title="The clock of the demo") if demo else None,
                        dmc.ColorSchemeToggle(
                            lightIcon=html.Span("☀", **aria(hidden="true")),
                            darkIcon=html.Span("☾", **aria(hidden="true")),
                            id="scheme",
                            variant="default",
                            size="lg",
                        ),
                    ],
                    className="row",
                ),
            ],
            className="header",
            role="region",
            **aria(label="Service"),
        )
    )
    return dmc.MantineProvider(
        [
            dcc.Location(id="url", refresh="callback-nav"),
            dcc.Store(id="current-process"),
            dcc.Interval(id="clock-tick", interval=CLOCK_MS, disabled=not demo),
            html.A("Skip to content", href="#main", className="skip"),
            dmc.NotificationContainer(id="toasts", position="bottom-right"),
            dmc.Drawer(
                html.Div(id="filter-form"),
                id="filters",
                title="Which cases count?",
                position="right",
                size="md",
                closeButtonProps={"aria-label": "Close the filters"},
            ),
            dmc.AppShell(
                [
                    header,
                    dmc.AppShellNavbar(html.Nav(html.Ul(id="navigation"), **aria(label="Pages")), p="xs"),
                    dmc.AppShellMain(html.Div(id="page", className="page", **data(home=home)), id="main", tabIndex=-1),
                ],
                id="shell",
                header={"height": 56},
                navbar={"width": 168, "breakpoint": "sm", "collapsed": {"mobile": True}},
                padding="md",
            ),
        ],
        id="mantine",
        defaultColorScheme="auto",
        theme=THEME,
    )


def aria(**named: str) -> dict[str, Any]:
    """Attributes for those who do not see the page: `aria(label="Menu")` is `aria-label`."""
    return {f"aria-{word}": value for word, value in named.items()}


def data(**named: str) -> dict[str, Any]:
    """What the browser's own code reads: `data(key="7")` is `data-key`."""
    return {f"data-{word}": value for word, value in named.items()}


def navigation(
    here: str, links: Sequence[tuple[str, str, str]], person: str | None = None, *, stranger: bool = False
) -> list[Component]:
    """The entries of the navigation, `here` the one shown now; `links` are (path, label, address). `person`: who is
    signed in, and may leave; `stranger`: who looks around without being signed in."""
    entries = [
        html.Li(html.A(label, href=address, className="go", **(aria(current="page") if at == here else {})))
        for at, label, address in links
    ]
    if stranger:
        entries.append(html.Li(html.A("Sign in", href="/login", className="sign-out")))
    if person is not None:
        leaving = html.A(["Sign out", html.Span(words(person))], href="/logout", className="sign-out")
        entries.append(html.Li(leaving))
    return entries


def words(value: object, length: int = NAME_LENGTH) -> str:
    """A value of an event as one line of text, cut at `length`."""
    text = shown_name(str(value)[: 4 * length])
    return text if len(text) <= length else text[: length - 1] + "…"


def name(value: object, length: int = NAME_LENGTH) -> Component:
    """A name as text; where it had to be cut, the pointer shows all of it."""
    full = str(value)
    short = words(full, length)
    return html.Span(short) if short == full else html.Span(short, title=full[:FULL_LENGTH])


def full_name(value: object, length: int = NAME_LENGTH) -> Component:
    """A name that can be opened where it had to be cut, so that keyboard and touch reach all of it too."""
    full = str(value)
    short = words(full, length)
    if short == full:
        return html.Span(short)
    return html.Details([html.Summary(short), html.Div(full[:FULL_LENGTH], className="whole")], className="cut")


def step_name(source: object, target: object, length: int = NAME_LENGTH) -> Component:
    return html.Span([name(source, length), " → ", name(target, length)])


def day(moment: datetime | None) -> str:
    """`3 Mar 2026`, in UTC."""
    return UNKNOWN if moment is None else f"{_utc(moment).day} {_utc(moment):%b %Y}"


def instant(moment: datetime | None, *, seconds: bool = False) -> str:
    """`3 Mar 2026, 14:05`, in UTC; the pages say so once."""
    if moment is None:
        return UNKNOWN
    return f"{day(moment)}, {_utc(moment):%H:%M:%S}" if seconds else f"{day(moment)}, {_utc(moment):%H:%M}"


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(timezone.utc)


def tile(label: str, value: str, note: str, address: str, full: str = "") -> Component:
    """A key figure that leads to its cases."""
    return html.A(
        [
            html.Span(value, className="tile-value", title=full or value),
            html.Span(label, className="tile-label"),
            html.Span(note, className="tile-note"),
        ],
        href=address,
        className="go tile",
    )


def problem(error: GembascopeError, way_out: Component = None) -> Component:
    """An expected failure as its own sentence, and a way out."""
    if isinstance(error, DefinitionError):
        title, text = "A definition needs its author", str(error)
    elif isinstance(error, InputError):
        title, text = "This address asks for something that is not there", str(error)
    else:
        title, text = "The data could not be read", str(error)
    return html.Div(
        [html.H2(title), html.P(text[:2_000], className="said"), way_out],
        className="card problem",
        role="alert",
    )


def empty(title: str, *hints: Children) -> Component:
    return html.Div([html.H2(title), *hints], className="card empty", role="status")


def nothing_loaded() -> Component:
    """What a first visitor sees: no data, and what to type."""
    return empty(
        "No process is loaded yet",
        html.P("Load an event log. In a terminal, type:"),
        html.Pre("gembascope ingest FILE --process ID"),
        html.P("Or look around with the data of a simulated retailer:"),
        html.Pre("gembascope demo"),
        html.P("A log is a table with a case, an activity and a time per row: CSV, Parquet, NDJSON, XES or OCEL."),
    )


def skeleton(height: int) -> Component:
    """A grey place for what is on its way, so that nothing jumps when it comes."""
    return html.Div(className="waiting", style={"height": height}, **aria(hidden="true"))
