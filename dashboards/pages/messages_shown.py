"""The part of a page about messages that did not arrive."""

from __future__ import annotations

from datetime import timedelta

from dash import html

from dashboards.format import count, plural
from dashboards.layout import Children, Component, name, words
from dashboards.pages.trouble import button, joined, moment
from dashboards.url_state import PageState, link
from kernel.access import Permission
from orchestration_hooks.desk import Desk
from orchestration_hooks.outbox import Dead

AGAIN = "message-requeue"
ROWS = 20
LATE = timedelta(minutes=10)
"""How long a message may wait before a page speaks of it: the first attempts fail for many a reason that passes."""


def messages(desk: Desk, state: PageState) -> Component:
    """What did not arrive; nothing where all did, and for who may not read everything."""
    if not desk.may(Permission.READ):
        return None
    found = desk.undelivered()
    waits = found.oldest is not None and found.oldest <= desk.now() - LATE
    if not found.dead and not waits:
        return None
    told: list[Component] = []
    if waits:
        are = "waits" if found.waiting == 1 else "wait"
        told.append(html.P(f"{plural(found.waiting, 'message')} {are}, the oldest since {moment(found.oldest)}."))
    if found.dead:
        title = f"{plural(found.dead_count, 'message')} did not arrive"
        one = found.dead_count == 1
        tried = "It is not tried any more: send it" if one else "They are not tried any more: send them"
        told.append(html.P(f"{tried} again once what was in the way is mended."))
        titles = desk.titles({one.incident_id for one in found.dead[:ROWS]})
        may = desk.may(Permission.ACT)
        rows = [_message(one, titles.get(one.incident_id, ""), state, may) for one in found.dead[:ROWS]]
        told.append(html.Ol(rows, className="incidents"))
    else:
        title = "Messages are on their way for long"
        told.append(html.P("They are tried again by themselves; whoever they are for cannot be reached now."))
    more = found.dead_count - len(found.dead[:ROWS])
    if more > 0:
        told.append(html.P(f"and {count(more)} more: gembascope messages lists them", className="dim"))
    return html.Section([html.H2(title), *told], className="card")


def _message(one: Dead, title: str, state: PageState, may: bool) -> Component:
    about: Children = html.Span("A message about no incident")
    if title:
        address = link("/incident", PageState(process=state.process, incident=one.incident_id))
        about = html.A(name(title, 120), href=address, className="go")
    facts: list[Children] = [
        f"to {words(one.destination)}",
        f"written {moment(one.created_at)}",
        plural(one.attempts, "attempt"),
    ]
    if one.incidents > 1:
        facts.insert(0, f"with {plural(one.incidents - 1, 'more incident')}")
    why = ": ".join(part for part in (one.code, one.detail) if part)
    again = button("Send it again", {"type": AGAIN, "message": one.dedup_key}, look="plain") if may else None
    return html.Li(
        [
            html.Div([html.Span("Did not arrive", className="mark bad"), about], className="incident-name"),
            html.Div(joined(facts), className="incident-facts"),
            html.Div(html.Span(words(why, 300)), className="event-where"),
            html.Div(again, className="acts") if may else None,
        ]
    )
