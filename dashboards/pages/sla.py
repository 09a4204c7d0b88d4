"""One promise: who is late, since when and at what cost; the queue begins with what loses most per hour."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from dash import Input, Output, State, html, no_update

from dashboards.cache import Reader
from dashboards.format import UNKNOWN, count, duration, plural
from dashboards.layout import Children, Component, aria, empty, name, nothing_loaded, problem, skeleton
from dashboards.money import amount, per_hour, sums
from dashboards.pages.trouble import age, facts, incident_list, left, moment
from dashboards.url_state import STANDINGS, PageState, link, parse
from kernel.errors import GembascopeError, InputError, NotFound
from kpis.sla import MAX_PAGE, SlaState, SlaSummary, sla_cases
from kpis.standings import Standing
from orchestration_hooks.desk import Desk

PATHS = ("/sla",)
QUESTION = "What is late, and what does it cost?"
ROWS = 50
CAUSES = 5
OTHERS = 12
"""Promises to go to; where there are more, those of the process: the overview lists all."""
LABELS = {
    "late": "Late now",
    "at_risk": "Due soon",
    "paused": "Paused",
    "open": "Open",
    "kept_late": "Kept late",
    "met": "Kept in time",
}


@dataclass(frozen=True, slots=True)
class Chosen:
    """The promise that an address asks for, among all that may be seen."""

    state: PageState
    standing: Standing
    others: tuple[Standing, ...]


def skeleton_of(state: PageState) -> list[Component]:
    return [html.H1(QUESTION), html.Div([skeleton(110), skeleton(420)], id="sla", className="stack")]


def register(app: Any, reader: Reader, desk: Desk) -> None:
    def sla(search: str | None, path: str) -> Children:
        return sla_of(reader, desk, search) if path in PATHS else no_update

    app.callback(Output("sla", "children"), Input("url", "search"), State("url", "pathname"))(sla)


def sla_of(reader: Reader, desk: Desk, search: str | None) -> Children:
    """The page, or the sentence that tells why there is none."""
    try:
        if not desk.views.all():
            return nothing_loaded()
        found = _chosen(reader, desk, parse(search))
        if found is None:
            hint = "Add promises to its definition: what every case is promised, and by when."
            return empty("This process promises nothing yet", html.P(hint))
        return _page(desk, found)
    except GembascopeError as error:
        out = html.P(html.A("To the overview", href="/", className="go"))
        return problem(error, out if isinstance(error, InputError) else None)


def _chosen(reader: Reader, desk: Desk, state: PageState) -> Chosen | None:
    every = reader.standings(desk.clock)
    found = [one for one in every if state.process in ("", one.process.id)]
    if state.process and not found:
        desk.views.view(state.process)  # tells when there is no such process
    if not found:
        return None
    named = [one for one in found if state.promise in ("", one.promise.name)]
    if not named:
        raise NotFound(f"{state.process or 'no process'} promises nothing called {state.promise[:60]!r}")
    first = max(named, key=lambda one: one.summary.late_now) if not state.promise else named[0]
    state = replace(state, process=first.process.id, promise=first.promise.name)
    others = every if len(every) <= OTHERS else [one for one in every if one.process.id == first.process.id]
    return Chosen(state, first, tuple(others[:OTHERS]))


def _page(desk: Desk, found: Chosen) -> list[Component]:
    state, one = found.state, found.standing
    summary = one.summary
    broken = [line for line in desk.lasting() if line.incident.process == one.process.id]
    causes: Component = None
    if broken:
        listed = incident_list(state, broken[:CAUSES], lambda _: summary.now)
        causes = html.Section([html.H2("What broke it?"), listed], className="card")
    return [
        html.P(
            [
                html.Strong(name(one.process.title or one.process.id)),
                " · ",
                name(one.promise.name, 120),
                f" · now is {moment(summary.now)}, data complete until {moment(one.complete.until)}",
            ],
            className="about",
        ),
        _promises(found),
        html.Div([_standing(state, standing, summary) for standing in STANDINGS], className="tiles six"),
        html.Div(
            [_queue(desk, state, summary), html.Aside([causes, _facts(one)], className="stack")], className="queue"
        ),
    ]


def _promises(found: Chosen) -> Component:
    """The other promises that there are, to go to."""
    if len(found.others) < 2:
        return None
    links = [
        html.A(
            [
                name(one.process.title or one.process.id, 40),
                ": ",
                name(one.promise.name, 80),
                f" ({count(one.summary.late_now)} late)",
            ],
            href=link("/sla", PageState(process=one.process.id, promise=one.promise.name)),
            className="go chip",
            **(aria(current="true") if one is found.standing else {}),
        )
        for one in found.others
    ]
    return html.Ul([html.Li(item) for item in links], className="chips", **aria(label="Promises"))


def _number(summary: SlaSummary, standing: str) -> int:
    if standing == "late":
        return summary.late_now
    if standing == "kept_late":
        return summary.kept_late
    return summary.cases[SlaState(standing)]


def _standing(state: PageState, standing: str, summary: SlaSummary) -> Component:
    number = _number(summary, standing)
    note = UNKNOWN
    if standing == "late":
        note = sums(summary.value_late, summary.unpriced)
    elif standing == "at_risk":
        note = sums(summary.value_at_risk)
    here = {} if standing != state.standing else aria(current="true")
    look = "go tile late" if standing == "late" and number else "go tile"
    return html.A(
        [
            html.Span(count(number), className="tile-value"),
            html.Span(LABELS[standing], className="tile-label"),
            html.Span(note if note != UNKNOWN else "", className="tile-note"),
        ],
        href=link("/sla", replace(state, standing=standing, page=1)),
        className=look,
        **here,
    )


def _queue(desk: Desk, state: PageState, summary: SlaSummary) -> Component:
    """A page of the cases that stand so, the dearest first."""
    number = _number(summary, state.standing)
    title = html.H2(f"{LABELS[state.standing]}: {plural(number, 'case')}, what loses most per hour first")
    if not number:
        return html.Section([title, html.P("There is none.")], className="card")
    rows, last = _rows(desk, state, summary.now, number)
    head = (
        "Case",
        "Late by" if state.standing in ("late", "kept_late") else "Due",
        "Value",
        "Loses per hour",
        "Waits after",
    )
    return html.Section(
        [
            title,
            html.Div(
                html.Table(
                    [html.Thead(html.Tr([html.Th(text, scope="col") for text in head])), html.Tbody(rows)],
                    className="table work",
                ),
                className="scrolls",
                tabIndex=0,
                role="region",
                **aria(label="Cases"),
            ),
            _pager(state, last),
        ],
        className="card",
    )


def _rows(desk: Desk, state: PageState, now: datetime, number: int) -> tuple[list[Component], int]:
    last = max(1, -(-number // ROWS))
    if state.page > last:
        raise NotFound(f"there is no page {state.page}: this list has {plural(last, 'page')}")
    view = desk.views.view(state.process)
    states: tuple[SlaState, ...] = ()
    if state.standing == "kept_late":
        states = (SlaState.BREACHED,)
    elif state.standing != "late":
        states = (SlaState(state.standing),)
    after, skip = None, (state.page - 1) * ROWS
    found: list[dict[str, Any]] = []
    late_now = state.standing == "late"
    # Kept late are the breached that are not late now: those come first in the list, as they lose money still.
    wanted = skip + ROWS
    while len(found) < wanted:
        page = sla_cases(
            view,
            state.promise,
            now,
            states=states,
            late_now=late_now,
            limit=min(MAX_PAGE, wanted),
            after=after,
        )
        rows = page.cases.to_dicts()
        found += [row for row in rows if state.standing != "kept_late" or row["kept_at"] is not None]
        after = page.next
        if after is None:
            break
    return [_row(state, row, now) for row in found[skip:wanted]], last


def _row(state: PageState, row: dict[str, Any], now: datetime) -> Component:
    of_case = PageState(process=state.process, case=row["case_id"])
    if state.standing in ("late", "kept_late"):
        when: Children = html.Span(duration(row["late_s"]), title=f"was due {moment(row['due_at'])}")
    elif state.standing == "paused":
        when = f"paused for {age(row['paused_since'], now)}"
    else:
        when = html.Span(left(row["due_at"], now), title=moment(row["due_at"]))
    priced = row["value"] is not None
    return html.Tr(
        [
            html.Td(html.A(name(row["case_id"], 40), href=link("/case", of_case), className="go"), className="short"),
            html.Td(when, className="number"),
            html.Td(amount(row["value"], row["currency"]) if priced else "not priced", className="number"),
            html.Td(
                amount(row["lost_per_hour"], row["currency"]) if row["lost_per_hour"] is not None else UNKNOWN,
                className="number",
            ),
            html.Td(
                [name(row["last_activity"]), html.Span(f" for {age(row['last_at'], now)}", className="dim")],
                className="told",
            ),
        ]
    )


def _pager(state: PageState, last: int) -> Component:
    if last == 1:
        return None

    def to(label: str, page: int) -> Component:
        if not 1 <= page <= last or page == state.page:
            return html.Span(label, className="shut")
        return html.A(label, href=link("/sla", replace(state, page=page)), className="go")

    return html.Div(
        [
            to("First", 1),
            to("Before", state.page - 1),
            html.Span(f"Page {count(state.page)} of {count(last)}", className="number"),
            to("Next", state.page + 1),
            to("Last", last),
        ],
        className="pager",
    )


def _facts(one: Standing) -> Component:
    promise, definition, summary = one.promise, one.process, one.summary
    starts = promise.starts_with or "the start of the case"
    keeps = promise.kept_by or " or ".join(definition.end)
    pairs: list[tuple[str, Children]] = [
        ("From", name(starts)),
        ("To", name(keeps)),
        ("Within", promise.within or f"what {promise.by_attribute} says"),
        ("Calendar", name(promise.calendar or definition.calendar or "around the clock")),
        ("Costs now", per_hour(summary.lost_per_hour)),
        ("Owner", name(definition.owner) if definition.owner else "nobody"),
        ("Not started", f"{plural(summary.not_started, 'case')} of which nothing is due yet"),
        ("Void", f"{plural(summary.void, 'case')} that ended another way"),
    ]
    if promise.pauses:
        stands = "; ".join(f"{pause.begins_with} to {pause.ends_with}" for pause in promise.pauses)
        pairs.insert(4, ("Stands", name(stands, 160)))
    return html.Section([html.H2("What is promised"), facts(*pairs)], className="card")
