"""Parts that the pages about remedies share: where a run stands, what it waits for, what happened in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal, InvalidOperation

from dash import html

from dashboards.format import plural
from dashboards.layout import Children, Component, instant, name, words
from dashboards.money import sums
from dashboards.pages.trouble import joined
from dashboards.url_state import PageState, link
from orchestration_hooks.history import RunEvent
from orchestration_hooks.runs import RunRow
from orchestration_hooks.states import Status

STATUS = {
    Status.READY: ("Working", ""),
    Status.WAITING: ("Waiting", "warn"),
    Status.HOLDING: ("Held", "bad"),
    Status.COMPENSATING: ("Being undone", "warn"),
    Status.DONE: ("Done", "good"),
    Status.FAILED: ("Failed", "bad"),
    Status.DEAD: ("Stopped: needs a person", "bad"),
    Status.CANCELLED: ("Cancelled", ""),
}
REASON = {
    "sent": "sent",
    "resolved": "recovered, and proven by events",
    "handed_over": "handed over to people",
    "no_longer_needed": "no longer needed: it was cured meanwhile",
    "rejected": "rejected",
    "expired": "nobody decided in time",
    "cancelled": "cancelled",
    "failed_permanently": "failed for good",
    "dry_run": "dry run: nothing was done outside",
    "shadow": "shadow: nothing was done outside",
    "duplicate": "it is open already",
    "muted": "somebody muted it for a while",
    "limit_reached": "as many are open as the playbook allows",
}
TOLD = {
    "Run opened": "It was opened",
    "Context gathered": "The trouble was read anew",
}
"""What stands for an activity where its own name says too little."""


def status(run: RunRow) -> Component:
    label, look = STATUS[Status(run.status)]
    if run.reason and run.status in (Status.DONE, Status.FAILED, Status.CANCELLED):
        label = f"{label}: {REASON.get(run.reason, run.reason)}"
    if run.reason == "resolved":
        look = "good"
    return html.Span(label, className=f"mark {look}".strip())


def money(totals: Mapping[str, str], unpriced: int = 0) -> str:
    """Sums as runs keep them, as text."""
    found: dict[str, Decimal] = {}
    for currency, text in totals.items():
        try:
            found[currency] = Decimal(text)
        except InvalidOperation:
            continue
    return sums(found, unpriced)


def run_link(state: PageState, run: RunRow) -> Component:
    plain = PageState(process=state.process, run=run.run_id)
    return html.A(name(run.title or run.playbook, 120), href=link("/remediation", plain), className="go")


def run_list(state: PageState, runs: Sequence[RunRow]) -> Component:
    """Runs as a list, the newest first."""
    return html.Ol([_entry(state, run) for run in runs], className="incidents")


def _entry(state: PageState, run: RunRow) -> Component:
    told: list[Children] = [plural(run.cases, "case"), money(run.totals, run.unpriced)] if run.cases else []
    told.append(f"since {instant(run.opened_at)} UTC")
    return html.Li(
        [
            html.Div([status(run), run_link(state, run)], className="incident-name"),
            html.Div(joined(told), className="incident-facts"),
            html.Div([html.Span(words(run.playbook)), html.Span(f"step {words(run.step)}")], className="event-where"),
        ]
    )


def history(events: Sequence[RunEvent], called: Callable[[str], str]) -> Component:
    """What happened, in order, with who did it; `called`: the name of who is known by an id."""
    return html.Ol([_event(event, called) for event in events], className="timeline")


def _event(event: RunEvent, called: Callable[[str], str]) -> Component:
    bad = event.activity in ("Rejected", "Expired", "Step failed", "Dead letter", "Held")
    good = event.activity in ("Recovered", "Approved", "No longer needed")
    said = event.attributes.get("reason") or event.attributes.get("detail") or event.attributes.get("note") or ""
    if event.activity == "Run ended":
        said = REASON.get(said, said)
    who = event.attributes.get("name") or called(event.actor)
    return html.Li(
        [
            html.Div(
                [
                    html.Div(
                        [
                            html.Strong(TOLD.get(event.activity, event.activity)),
                            html.Span(words(said, 160)) if said else None,
                        ],
                        className="event-name",
                    ),
                    html.Div(
                        [
                            html.Span(f"{instant(event.at, seconds=True)} UTC"),
                            html.Span(f"by {words(who)}"),
                        ],
                        className="event-where",
                    ),
                ],
                className="event",
            )
        ],
        className="late" if bad else "good" if good else "",
    )


def plain(state: PageState) -> PageState:
    return replace(PageState(), process=state.process)
