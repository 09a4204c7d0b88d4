"""One incident: what is wrong, the evidence, who answers for it, and what is done about it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from dash import ALL, Input, Output, State, ctx, dcc, html, no_update

from anomalies.incident import Note
from anomalies.incident_desk import IncidentLine
from dashboards.cache import Reader
from dashboards.format import UNKNOWN, count, plural
from dashboards.layout import Children, Component, aria, data, empty, instant, name, problem, skeleton, words
from dashboards.money import amount, per_hour, sums
from dashboards.pages.runs_shown import REASON, run_list
from dashboards.pages.trouble import KINDS, STATE, age, button, facts, left, mark, moment, shut_meanwhile
from dashboards.renewal import unless_same
from dashboards.url_state import PageState, link, parse
from kernel.errors import GembascopeError
from orchestration_hooks.desk import Desk
from orchestration_hooks.playbook import Playbook
from orchestration_hooks.states import Mode

PATHS = ("/incident",)
QUESTION = "What is wrong, and what is done about it?"
ROWS = 50
RENEWED_MS = 5_000
PROPOSE: dict[str, Any] = {"type": "incident-propose", "playbook": ALL}
TRY: dict[str, Any] = {"type": "incident-try", "playbook": ALL}
FORM = "card say"
SAID = {
    "opened": "opened it",
    "acknowledged": "took it up",
    "comment": "said",
    "owner": "changed the owner",
    "resolved": "resolved it",
}


def skeleton_of(state: PageState) -> list[Component]:
    return [
        html.Div(id="incident-said", role="status", className="answered"),
        html.Div(skeleton(520), id="incident", className="stack"),
        html.Section(
            [
                html.Label("Say something about it", htmlFor="incident-comment"),
                dcc.Textarea(id="incident-comment", maxLength=4_000, rows=2),
                button("Add comment", "incident-say"),
            ],
            id="incident-form",
            className=FORM,
            hidden=True,
        ),
        dcc.Interval(id="incident-tick", interval=RENEWED_MS),
        dcc.Store(id="incident-done", data=0),
        dcc.Store(id="incident-shown", data=""),
    ]


def register(app: Any, reader: Reader, desk: Desk) -> None:
    def incident(search: str | None, _: int | None, __: int | None, path: str, before: str | None) -> Any:
        if path not in PATHS:
            return no_update, no_update, no_update
        shown, hidden = incident_of(desk, search)
        return *unless_same(shown, before, by_itself=ctx.triggered_id == "incident-tick"), hidden

    app.callback(
        Output("incident", "children"),
        Output("incident-shown", "data"),
        Output("incident-form", "hidden"),
        Input("url", "search"),
        Input("incident-tick", "n_intervals", allow_optional=True),
        Input("incident-done", "data", allow_optional=True),
        State("url", "pathname"),
        State("incident-shown", "data", allow_optional=True),
    )(incident)

    def act(*given: Any) -> Any:
        """What a button asks for; the desk decides whether whoever presses it may."""
        *_, text, done, search = given
        pressed = ctx.triggered_id
        if not pressed or not ctx.triggered[0]["value"]:
            return no_update, no_update, no_update
        try:
            said, cleared = _done(desk, pressed, parse(search).incident, text or "")
        except GembascopeError as error:
            return html.P(str(error), className="wrong"), no_update, no_update
        return said, (done or 0) + 1, "" if cleared else no_update

    app.callback(
        Output("incident-said", "children"),
        Output("incident-done", "data"),
        Output("incident-comment", "value"),
        Input("incident-acknowledge", "n_clicks", allow_optional=True),
        Input(PROPOSE, "n_clicks"),
        Input(TRY, "n_clicks"),
        Input("incident-say", "n_clicks", allow_optional=True),
        State("incident-comment", "value", allow_optional=True),
        State("incident-done", "data", allow_optional=True),
        State("url", "search"),
        running=shut_meanwhile(incident="stack", **{"incident-form": FORM}),
        prevent_initial_call=True,
    )(act)


def _done(desk: Desk, pressed: Any, incident: str, text: str) -> tuple[Children, bool]:
    """Do what a button says; what to tell, and whether the text was used."""
    if pressed == "incident-acknowledge":
        desk.incidents.acknowledge(incident)
        return html.P("It is in your hands now."), False
    if pressed == "incident-say":
        desk.incidents.comment(incident, text)
        return None, True
    mode = Mode.DRY_RUN if pressed["type"] == "incident-try" else None
    opened = desk.propose(incident, pressed["playbook"], mode)
    if opened.run_id is None:
        why = str(opened.reason or "")
        return html.P(f"No run was opened: {REASON.get(why, why)}."), False
    way = html.A("See how it goes", href=link("/remediation", PageState(run=opened.run_id)), className="go")
    what = "It is open already." if opened.reason else "It is proposed: somebody else has to agree."
    return html.P([what, " ", way]), False


def incident_of(desk: Desk, search: str | None) -> tuple[Children, bool]:
    """The page, and whether the form for comments is hidden."""
    try:
        state = parse(search)
        if not state.incident:
            out = html.P(html.A("To the incidents", href="/incidents", className="go"))
            return [html.H1(QUESTION), empty("No incident is named", out)], True
        line = desk.incidents.line(state.incident)
        return _page(desk, state, line), not desk.incidents.may_act(line)
    except GembascopeError as error:
        out = html.P(html.A("To the incidents", href="/incidents", className="go"))
        return [html.H1(QUESTION), problem(error, out)], True


def _page(desk: Desk, state: PageState, line: IncidentLine) -> list[Component]:
    incident, now = line.incident, desk.now_of(line.incident.process)
    said: list[Children] = [
        html.Strong(plural(line.cases, "case")),
        " · ",
        html.Strong(sums(line.value, line.unpriced)),
        f" at stake · for {age(line.since or incident.since, now)}",
    ]
    if any(line.lost_per_hour.values()):
        said.append(f" · loses {per_hour(line.lost_per_hour)}")
    return [
        html.A("← Incidents", href="/incidents", className="go back"),
        html.Div(
            [
                html.H1(name(incident.title, 160)),
                mark(incident.severity),
                html.Span(STATE[incident.state], className="state"),
            ],
            className="title-line case-title",
        ),
        html.P(said, className="about"),
        html.Div(
            [
                _remedies(desk, state, line),
                html.Div([_cases(desk, line), _notes(desk, line)], className="stack"),
                _facts(desk, line, now),
            ],
            className="queue act-first",
        ),
    ]


def _facts(desk: Desk, line: IncidentLine, now: datetime) -> Component:
    incident = line.incident
    owners, process_map = desk.owners(), link("/map", PageState(process=incident.process))

    def who(owner: str) -> Children:
        if not owner:
            return html.Strong("nobody", className="late-words")
        known = owners.get(owner)
        duty = known.on_duty(now) if known is not None else ""
        shown = known.shown if known is not None else owner
        return [name(shown), html.Span(f"on duty: {words(duty)}", className="dim") if duty else None]

    return html.Section(
        [
            html.H2("What is known"),
            facts(
                ("Kind", KINDS[incident.kind.value]),
                ("Suspect", name(incident.suspect or UNKNOWN, 120)),
                ("Outcome", who(incident.owner)),
                ("Dependency", who(incident.dependency_owner)),
                ("Since", moment(line.since or incident.since)),
                ("Noticed", moment(incident.opened_at)),
                ("Next due", f"{moment(line.deadline)} ({left(line.deadline, now)})" if line.deadline else UNKNOWN),
                ("Found by", name(incident.rule)),
                (
                    "Process",
                    html.A(name(incident.process), href=process_map, className="go"),
                ),
            ),
        ],
        className="card",
    )


def _remedies(desk: Desk, state: PageState, line: IncidentLine) -> Component:
    runs = desk.runs(incident=line.incident.id)
    shown: list[Component] = [html.H2("What is done about it")]
    if runs:
        shown.append(run_list(state, runs))
    may = desk.incidents.may_act(line)
    if line.incident.state == "open" and may:
        shown.append(button("I take it up", "incident-acknowledge", look="plain"))
    running = any(run.ended_at is None for run in runs)
    if line.incident.state != "resolved" and not running:
        shown += [_offer(playbook, may) for playbook in desk.offers(line)]
    if not runs and len(shown) == 1:
        shown.append(html.P("No playbook is for trouble of this kind: its owner decides what to do."))
    return html.Section(shown, className="card")


def _offer(playbook: Playbook, may: bool) -> Component:
    does = playbook.mode not in (Mode.SHADOW, Mode.DRY_RUN)
    buttons = [button("Try it dry", {"type": "incident-try", "playbook": playbook.id}, look="plain")]
    if does:
        buttons.insert(0, button("Propose this fix", {"type": "incident-propose", "playbook": playbook.id}))
    return html.Div(
        [
            html.H3(name(playbook.name, 120)),
            html.P(words(playbook.description, 600)),
            html.Div(buttons, className="acts")
            if may
            else html.P("Sign in as an operator to propose it.", className="dim"),
        ],
        className="offer",
    )


def _cases(desk: Desk, line: IncidentLine) -> Component:
    rows = desk.incidents.found(line.incident.id, most=ROWS).to_dicts()
    title = html.H2(f"The {plural(line.open, 'case')} in trouble" if line.open else "What was found")
    body = [_row(row) for row in rows]
    more = line.incident.findings - len(rows)
    head = ("Case", "What is wrong", "Value", "Store", "Evidence")
    return html.Section(
        [
            title,
            html.Div(
                html.Table(
                    [html.Thead(html.Tr([html.Th(text, scope="col") for text in head])), html.Tbody(body)],
                    className="table work",
                ),
                className="scrolls",
                tabIndex=0,
                role="region",
                **aria(label="Cases"),
            ),
            html.P(f"and {count(more)} more, over the API", className="dim") if more > 0 else None,
        ],
        className="card",
    )


def _row(row: dict[str, Any]) -> Component:
    of_case = PageState(process=row["process"], case=row["case_id"])
    case = (
        html.A(name(row["case_id"], 40), href=link("/case", of_case), className="go")
        if row["case_id"]
        else html.Span(name(row["suspect"]))
    )
    ended = html.Span(f"{row['ended']} {instant(row['ended_at'])}", className="mark good") if row["ended"] else None
    priced = row["value"] is not None
    return html.Tr(
        [
            html.Td(case, className="short"),
            html.Td([name(row["title"], 140), " ", ended], className="told"),
            html.Td(amount(row["value"], row["currency"]) if priced else "not priced", className="number"),
            html.Td(name(row["store"] or UNKNOWN), className="short"),
            html.Td(_evidence(row)),
        ]
    )


def _evidence(row: dict[str, Any]) -> Component:
    """What proves it: the question with its parameters, the events, up to when they were complete, the definitions."""
    told = msgspec.json.decode(row["evidence"])
    pairs = [("question", told["query"]), *told["parameters"].items()]
    pairs += [("event", event) for event in told["event_ids"]]
    pairs += [("complete until", told["watermark"] or "not known")]
    pairs += list(told["definitions"].items())
    listed = [html.Div([html.Dt(words(key, 40)), html.Dd(words(value, 80))]) for key, value in pairs]
    return html.Details(
        [html.Summary("Show"), html.Dl(listed, className="pairs")],
        className="attributes",
        **data(key=row["finding_id"]),
    )


def _notes(desk: Desk, line: IncidentLine) -> Component:
    notes = desk.incidents.notes(line.incident.id)
    return html.Section(
        [
            html.H2("What was said and done"),
            html.Ol([_note(note) for note in notes], className="timeline", **aria(label="History")),
        ],
        className="card",
    )


def _note(note: Note) -> Component:
    return html.Li(
        html.Div(
            [
                html.Div(
                    [
                        html.Strong(words(note.author)),
                        html.Span(SAID[note.kind]),
                        html.Span(words(note.text, 4_000)) if note.text else None,
                    ],
                    className="event-name",
                ),
                html.Div(html.Span(f"{instant(note.at)} UTC"), className="event-where"),
            ],
            className="event",
        )
    )
