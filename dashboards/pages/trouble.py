"""Parts that the pages about trouble share: severity, age, an incident in a line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from dash import Output, html

from anomalies.incident_desk import IncidentLine
from dashboards.format import UNKNOWN, duration, plural
from dashboards.layout import Children, Component, instant, name
from dashboards.money import per_hour, sums
from dashboards.url_state import PageState, link
from kernel.findings import Severity

SEVERITY = {
    Severity.LOW: ("Low", ""),
    Severity.MEDIUM: ("Medium", "warn"),
    Severity.HIGH: ("High", "bad"),
    Severity.CRITICAL: ("Critical", "bad"),
}
STATE = {"open": "Nobody has it", "acknowledged": "In hand", "resolved": "Resolved"}
KINDS = {
    "sla_breach": "Promise broken",
    "sla_at_risk": "Promise at risk",
    "missing_event": "Step did not happen",
    "source_silent": "Source is silent",
    "unusual_case": "Unlike its peers",
    "unowned": "Nobody answers",
}


def mark(severity: Severity) -> Component:
    """A severity in a word and a colour."""
    label, look = SEVERITY[severity]
    return html.Span(label, className=f"mark {look}".strip())


def age(since: datetime | None, now: datetime) -> str:
    return UNKNOWN if since is None else duration(max(0.0, (now - since).total_seconds()))


def left(deadline: datetime | None, now: datetime) -> str:
    """How long until a deadline, or by how much it has passed."""
    if deadline is None:
        return UNKNOWN
    seconds = (deadline - now).total_seconds()
    return f"in {duration(seconds)}" if seconds >= 0 else f"{duration(-seconds)} ago"


def incident_link(state: PageState, line: IncidentLine) -> Component:
    plain = PageState(process=state.process, incident=line.incident.id)
    return html.A(name(line.incident.title, 120), href=link("/incident", plain), className="go")


def incident_list(state: PageState, lines: Sequence[IncidentLine], now_of: Callable[[str], datetime]) -> Component:
    """Incidents as a list, each with what it comes to; `now_of` a process."""
    return html.Ol([_entry(state, line, now_of(line.incident.process)) for line in lines], className="incidents")


def _entry(state: PageState, line: IncidentLine, now: datetime) -> Component:
    incident = line.incident
    told: list[Children] = [plural(line.cases, "case"), sums(line.value, line.unpriced)]
    if any(line.lost_per_hour.values()):
        told.append(f"loses {per_hour(line.lost_per_hour)}")
    told.append(f"for {age(line.since or incident.since, now)}")
    if line.deadline is not None:
        told.append(f"next due {left(line.deadline, now)}")
    owner: Children = ["owner ", html.Strong(name(incident.owner))] if incident.owner else html.Strong("no owner")
    return html.Li(
        [
            html.Div([mark(incident.severity), incident_link(state, line)], className="incident-name near"),
            html.Div(joined(told), className="incident-facts"),
            html.Div(
                [html.Span(KINDS[incident.kind.value]), html.Span(owner), html.Span(STATE[incident.state])],
                className="event-where",
            ),
        ]
    )


def joined(parts: Sequence[Children]) -> list[Children]:
    """The parts with a dot between them."""
    shown: list[Children] = []
    for part in parts:
        shown += [" · ", part] if shown else [part]
    return shown


def facts(*pairs: tuple[str, Children]) -> Component:
    """Names with their values, as a list."""
    return html.Dl([html.Div([html.Dt(label), html.Dd(value)]) for label, value in pairs], className="facts")


def moment(at: datetime | None) -> str:
    return f"{instant(at)} UTC" if at is not None else UNKNOWN


def button(label: str, identity: Any, *, look: str = "", **more: Any) -> Component:
    return html.Button(label, id=identity, n_clicks=0, type="button", className=f"act {look}".strip(), **more)


def shut_meanwhile(**places: str) -> list[tuple[Output, str, str]]:
    """For `running` of a callback: while it is under way, buttons in the places answer nobody (`app.js`), and keep the
    keyboard. `places`: their ids with the classes that they have."""
    return [(Output(place, "className"), f"{look} asking", look) for place, look in places.items()]
