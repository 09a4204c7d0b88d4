"""Every system that tells of events: whether it is heard, what became of all that it told, and what has changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import Input, Output, State, dcc, html, no_update

from dashboards.format import count, duration, plural, share
from dashboards.layout import Children, Component, empty, name, problem, skeleton, words
from dashboards.pages.trouble import joined, moment
from dashboards.renewal import unless_same
from dashboards.url_state import PageState
from ingest.sources.desk import SourceDesk, SourceHealth, Standing
from ingest.sources.drift import Drift
from kernel.access import Permission, present, reach
from kernel.errors import GembascopeError

PATHS = ("/sources",)
QUESTION = "Does every system tell us, and is nothing lost?"
RENEWED_MS = 10_000
MOST_CHANGES = 50
LOOKS: dict[Standing, tuple[str, str]] = {
    "healthy": ("Healthy", "good"),
    "quiet": ("Quiet", "warn"),
    "failing": ("Failing", "bad"),
    "waiting": ("Cannot be reached", "bad"),
    "stopped": ("Stopped", "bad"),
    "off": ("Switched off", ""),
    "unheard": ("Not heard yet", ""),
}
KINDS = {"events": "events that are sent with a key"}
WORST_FIRST: tuple[Standing, ...] = (
    "stopped", "waiting", "failing", "quiet", "unheard", "off", "healthy",
)  # fmt: skip
BECAME = (
    ("stored", "stored", "stored"),
    ("duplicate", "repeated", "duplicate"),
    ("in_spool", "on their way", "waits"),
    ("quarantined", "in quarantine", "quarantined"),
    ("refused", "put off", "refused"),
)
"""What events become: field of an account, what people call it, and the class of its part of the bar."""


def skeleton_of(state: PageState) -> list[Component]:
    return [
        html.H1(QUESTION),
        dcc.Interval(id="sources-tick", interval=RENEWED_MS),
        dcc.Store(id="sources-shown"),
        html.Div(skeleton(420), id="sources", className="stack"),
    ]


def register(app: Any, desk: SourceDesk) -> None:
    def sources(_: str | None, ticks: int | None, before: str | None, path: str) -> tuple[Any, Any]:
        if path not in PATHS:
            return no_update, no_update
        return unless_same(sources_of(desk), before, by_itself=bool(ticks))

    app.callback(
        Output("sources", "children"),
        Output("sources-shown", "data"),
        Input("url", "search"),
        Input("sources-tick", "n_intervals"),
        State("sources-shown", "data"),
        State("url", "pathname"),
    )(sources)


def sources_of(desk: SourceDesk) -> Children:
    """All of them, what is wrong first, under the law that holds for all."""
    principal = present()
    if principal is not None and reach(principal, Permission.READ) is None:
        return empty(
            "Sources are about every process and store", html.P("You may read some of them. Ask an administrator.")
        )
    try:
        found = sorted(desk.health(), key=lambda one: (WORST_FIRST.index(one.standing), one.source))
        changes = desk.drifts()
    except GembascopeError as error:
        return problem(error)
    if not found:
        return empty(
            "No system tells us anything yet",
            html.P("Define a source, or send events. In a terminal, type:"),
            html.Pre("gembascope sources define FILE"),
            html.Pre("gembascope mapping list"),
        )
    shown: list[Component] = [_law(found), _list(found)]
    if changes:
        shown.append(_changes(changes))
    return shown


def _law(found: Sequence[SourceHealth]) -> Component:
    """What became of everything that was received."""
    received = sum(one.account.received for one in found)
    missing = sum(abs(one.missing) for one in found)
    parts = [(label, sum(getattr(one.account, field) for one in found)) for field, label, _ in BECAME]
    sums: list[Children] = [html.Span([html.Strong(count(received)), " received"])]
    for number, (label, events) in enumerate(parts):
        sums.append(html.Span(["+ " if number else "= ", html.Strong(count(events)), f" {label}"]))
    title = "Nothing is lost" if not missing else f"{plural(missing, 'event')} cannot be accounted for"
    said = (
        "The law of conservation holds for each source, counted in the transaction that takes its events."
        if not missing
        else "Received and what became of it differ: do not rely on figures of these sources, and tell whoever runs "
        "this installation."
    )
    return html.Section(
        [html.H2(title), html.P(sums, className="counts"), html.P(said, className="dim")],
        className="card" if not missing else "card problem",
    )


def _list(found: Sequence[SourceHealth]) -> Component:
    wrong = sum(one.standing in ("stopped", "waiting", "failing", "quiet") for one in found)
    title = f"{plural(len(found), 'source')}, {count(wrong) if wrong else 'none'} in trouble"
    return html.Section(
        [html.H2(title), html.Ol([_source(one) for one in found], className="incidents")], className="card"
    )


def _source(one: SourceHealth) -> Component:
    label, look = LOOKS[one.standing]
    title: list[Children] = [html.Span(label, className=f"mark {look}".strip()), name(one.source, 80)]
    if one.title:
        title.append(html.Span(words(one.title, 80), className="dim"))
    told: list[Children] = [plural(one.account.received, "event")]
    told += [f"{count(events)} {label}" for field, label, _ in BECAME if (events := getattr(one.account, field))]
    heard: list[Children] = []
    if one.silent_s is not None:
        heard.append(f"heard {duration(one.silent_s)} ago")
    if one.lag_p50_s is not None:
        heard.append(f"tells after {duration(one.lag_p50_s)}, 99 % within {duration(one.lag_p99_s)}")
    if one.gap_p99_s is not None:
        heard.append(f"pauses {duration(one.gap_p99_s)} at most, usually")
    if one.complete_until is not None:
        heard.append(f"complete until {moment(one.complete_until)}")
    if one.drifts:
        heard.append(plural(one.drifts, "change"))
    where = [
        part
        for part in (KINDS.get(one.kind, one.kind), one.pack and f"pack {one.pack}", one.owner and f"owner {one.owner}")
        if part
    ]
    return html.Li(
        [
            html.Div(title, className="incident-name"),
            html.Div(words(one.why, 300), className="said") if one.why and look else None,
            _bar(one),
            html.Div(joined(told), className="incident-facts"),
            html.Div(joined(heard), className="incident-facts"),
            html.Div([html.Span(words(part)) for part in where], className="event-where"),
        ]
    )


def _bar(one: SourceHealth) -> Component:
    """Parts of what was received; what is a part at all is seen."""
    if not one.account.received:
        return None
    parts = []
    for field, label, look in BECAME:
        events = getattr(one.account, field)
        if events > 0:
            told = f"{count(events)} {label} ({share(events, one.account.received)})"
            parts.append(html.Span(className=f"part {look}", title=told, style={"flexGrow": events}))
    return html.Div(parts, className="became", role="presentation")


def _changes(changes: Sequence[Drift]) -> Component:
    rows = [
        html.Tr(
            [
                html.Td(name(one.source)),
                html.Td(html.Code(words(one.path, 80))),
                html.Td(_change(one), className="told"),
                html.Td(words(one.rule)),
                html.Td(moment(one.noticed_at), className="short"),
            ]
        )
        for one in changes[:MOST_CHANGES]
    ]
    head = html.Tr([html.Th(label) for label in ("Source", "Field", "What has changed", "Rule of its pack", "Noticed")])
    said = "Events are made as before. Look whether the mapping pack has to change, and tell it was seen: "
    table = html.Table([html.Thead(head), html.Tbody(rows)], className="table work")
    more = len(changes) - len(rows)
    return html.Section(
        [
            html.H2(f"{plural(len(changes), 'change')} of what systems say"),
            html.P([said, html.Code("gembascope sources look SOURCE")]),
            html.Div(table, className="scrolls", tabIndex=0),
            html.P(f"and {count(more)} more", className="dim") if more > 0 else None,
        ],
        className="card",
    )


def _change(one: Drift) -> str:
    if one.change == "new":
        return f"It is new: {one.is_}"
    if one.change == "missing":
        return f"It is missing; it was {one.was}"
    return f"It is {one.is_} now; it was {one.was}"
