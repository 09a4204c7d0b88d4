"""Remedies: what waits for a decision, what did not arrive, what is muted, what runs, and one run with all that
happened in it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from dash import ALL, Input, Output, State, ctx, dcc, html, no_update

from dashboards.cache import Reader
from dashboards.format import count, plural
from dashboards.layout import Children, Component, empty, instant, name, problem, skeleton, words
from dashboards.money import amount, sums
from dashboards.pages import messages_shown, mutes_shown
from dashboards.pages.runs_shown import history, money, run_link, run_list, status
from dashboards.pages.trouble import age, button, facts, left, moment, shut_meanwhile
from dashboards.renewal import fingerprint
from dashboards.url_state import PageState, link, parse
from kernel.errors import GembascopeError, InputError, OutOfDate
from orchestration_hooks.approvals import Decision
from orchestration_hooks.desk import Desk
from orchestration_hooks.runs import RunDetail, Waiting
from orchestration_hooks.states import OVER, Status

PATHS = ("/remediation",)
QUESTION = "What waits for a decision, and did it work?"
RENEWED_MS = 2_000
CASES = 20
AGAIN: dict[str, Any] = {"type": messages_shown.AGAIN, "message": ALL}
END: dict[str, Any] = {"type": mutes_shown.END, "mute": ALL}


def skeleton_of(state: PageState) -> list[Component]:
    return [
        html.Div(id="remediation-said", role="status", className="answered"),
        html.Div(skeleton(520), id="remediation", className="stack"),
        mutes_shown.form(),
        dcc.Interval(id="remediation-tick", interval=RENEWED_MS),
        dcc.Store(id="remediation-done", data=0),
        dcc.Store(id="remediation-shown", data=""),
    ]


def register(app: Any, reader: Reader, desk: Desk) -> None:
    def remediation(search: str | None, _: int | None, __: int | None, path: str, shown: str | None) -> Any:
        if path not in PATHS:
            return (no_update,) * 4
        children, mark = remediation_of(desk, search)
        by_itself = bool(shown) and ctx.triggered_id == "remediation-tick"
        if mark and mark == shown and by_itself:
            return (no_update,) * 4  # nothing happened: who types a reason is left alone
        choices = no_update if by_itself else choices_of(desk, search)
        return children, mark, choices, no_update if by_itself else not choices

    app.callback(
        Output("remediation", "children"),
        Output("remediation-shown", "data"),
        Output("mute-what", "data"),
        Output("mute-form", "hidden"),
        Input("url", "search"),
        Input("remediation-tick", "n_intervals", allow_optional=True),
        Input("remediation-done", "data", allow_optional=True),
        State("url", "pathname"),
        State("remediation-shown", "data", allow_optional=True),
    )(remediation)

    def act(*given: Any) -> Any:
        """What a button asks for; the core looks up who presses it and whether they may."""
        *_, reason, asked, what, lasts, why, search, done = given
        if not ctx.triggered or not ctx.triggered[0]["value"]:
            return (no_update,) * 3
        pressed = ctx.triggered_id
        try:
            if pressed in ("approve", "reject"):
                said = _decided(desk, pressed, asked, reason or "")
            elif pressed == "mute-add":
                mutes_shown.mute(desk, what, lasts, why)
                said = "Muted, with your reason."
            else:
                said = _done(desk, pressed, search)
        except OutOfDate as error:
            return html.P(str(error), className="wrong"), (done or 0) + 1, no_update
        except GembascopeError as error:
            return html.P(str(error), className="wrong"), no_update, no_update
        return html.P(said), (done or 0) + 1, "" if pressed == "mute-add" else no_update

    app.callback(
        Output("remediation-said", "children"),
        Output("remediation-done", "data"),
        Output("mute-reason", "value"),
        Input("approve", "n_clicks", allow_optional=True),
        Input("reject", "n_clicks", allow_optional=True),
        Input("run-resume", "n_clicks", allow_optional=True),
        Input("mute-add", "n_clicks", allow_optional=True),
        Input(END, "n_clicks"),
        Input(AGAIN, "n_clicks"),
        State("decision-reason", "value", allow_optional=True),
        State("decision-asked", "data", allow_optional=True),
        State("mute-what", "value", allow_optional=True),
        State("mute-lasts", "value", allow_optional=True),
        State("mute-reason", "value", allow_optional=True),
        State("url", "search"),
        State("remediation-done", "data", allow_optional=True),
        running=shut_meanwhile(remediation="stack", **{"mute-form": mutes_shown.CARD}),
        prevent_initial_call=True,
    )(act)


def _decided(desk: Desk, decision: Decision, asked: Any, reason: str) -> str:
    """Take a decision; what to tell."""
    if not asked:
        raise InputError("nothing waits for a decision here")
    desk.decide(asked["run"], asked["step"], decision, reason, asked["version"])
    return "Approved: it goes on by itself." if decision == "approve" else "Rejected, with your reason."


def _done(desk: Desk, pressed: Any, search: str | None) -> str:
    """Do what a button without a form says; what to tell."""
    if pressed == "run-resume":
        desk.resume(parse(search).run)
        return "It looks again now."
    if pressed["type"] == mutes_shown.END:
        desk.end_mute(pressed["mute"])
        return "It is not muted any more."
    desk.requeue_message(pressed["message"])
    return "It is sent again."


def choices_of(desk: Desk, search: str | None) -> list[dict[str, str]]:
    """What one may mute on this page; nothing on that of a run."""
    try:
        return [] if parse(search).run else mutes_shown.choices(desk)
    except GembascopeError:
        return []


def remediation_of(desk: Desk, search: str | None) -> tuple[Children, str]:
    """The page, and what tells whether another look shows something else."""
    try:
        state = parse(search)
        if state.run:
            detail = desk.run(state.run)
            waiting = desk.inbox(state.run)
            shown = _run(desk, state, detail, waiting)
            if any(one.refusal is None for one in waiting):  # there is a form: as long as nothing happens it stays
                return shown, f"{detail.run.run_id} {len(detail.history)} {detail.run.status} {detail.run.changed_at}"
            return shown, fingerprint(shown)
        listed = _inbox(desk, state, desk.inbox(), desk.runs())
        return listed, fingerprint(listed)
    except GembascopeError as error:
        out = html.P(html.A("To what waits for a decision", href="/remediation", className="go"))
        return [html.H1(QUESTION), problem(error, out)], ""


def _inbox(desk: Desk, state: PageState, inbox: list[Waiting], runs: list[Any]) -> list[Component]:
    title = html.H2(
        f"{plural(len(inbox), 'decision')} {'waits' if len(inbox) == 1 else 'wait'}, the greatest value first"
    )
    waits: Component = empty(
        "No decision waits", html.P("What is proposed for an incident comes here to be agreed to.")
    )
    if inbox:
        waits = html.Section(
            [title, html.Ol([_waiting(desk, state, one) for one in inbox], className="incidents")], className="card"
        )
    shown = [html.H1(QUESTION), waits, messages_shown.messages(desk, state), mutes_shown.mutes(desk)]
    if runs:
        shown.append(html.Section([html.H2("What ran, the newest first"), run_list(state, runs)], className="card"))
    return shown


def _waiting(desk: Desk, state: PageState, one: Waiting) -> Component:
    now = desk.now()
    told = [
        plural(len(one.stake.cases), "case"),
        sums(one.stake.totals, one.stake.unpriced),
        f"asked {age(one.asked_at, now)} ago",
        f"to be decided {left(one.deadline, now)}",
    ]
    why = html.Span(f"You cannot approve it: {one.refusal}.", className="dim") if one.refusal else None
    return html.Li(
        [
            html.Div(
                [
                    html.Span("Waits for you" if not one.refusal else "Waits", className="mark warn"),
                    run_link(state, one.run),
                ],
                className="incident-name",
            ),
            html.Div(" · ".join(told), className="incident-facts"),
            html.Div([html.Span(words(one.ask, 200)), why], className="event-where"),
        ]
    )


def _run(desk: Desk, state: PageState, detail: RunDetail, waiting: list[Waiting]) -> list[Component]:
    run = detail.run
    back = html.A("← All remedies", href="/remediation", className="go back")
    aside = [_facts(desk, detail), _cases(detail)]
    return [
        back,
        html.Div([html.H1(name(run.title or run.playbook, 160)), status(run)], className="title-line case-title"),
        html.P(_standing(desk, detail), className="about"),
        html.Div(
            [
                html.Div(
                    [
                        *[_decision(desk, one) for one in waiting],
                        _held(desk, detail),
                        html.Section(
                            [html.H2("What happened"), history(detail.history, desk.called)], className="card"
                        ),
                    ],
                    className="stack",
                ),
                html.Aside(aside, className="stack"),
            ],
            className="queue",
        ),
    ]


def _standing(desk: Desk, detail: RunDetail) -> list[Children]:
    """Where the run stands, in a sentence."""
    run = detail.run
    said: list[Children] = [html.Strong(plural(run.cases, "case")), " · ", html.Strong(money(run.totals, run.unpriced))]
    wait = next((one for one in reversed(detail.waits) if one["closed_at"] is None), None)
    if Status(run.status) in OVER:
        said.append(f" · ended {instant(run.ended_at)} UTC")
    elif wait is not None and wait["kind"] == "event":
        said.append(f" · waits for {words(wait['match_key'])}, {left(wait['deadline'], desk.now())} at the latest")
    elif wait is not None and wait["kind"] == "callback":
        said.append(f" · waits for the engine's answer, {left(wait['deadline'], desk.now())} at the latest")
    elif wait is not None:
        said.append(f" · waits for a decision, {left(wait['deadline'], desk.now())} at the latest")
    return said


def _held(desk: Desk, detail: RunDetail) -> Component:
    """That the run holds, and why, with a button that has it look again at once; nothing where it does not hold."""
    run = detail.run
    if Status(run.status) is not Status.HOLDING:
        return None
    if run.in_doubt:
        said = "It is in doubt whether a step was done: somebody has to find out, and say so by gembascope runs settle."
        return html.Section([html.H2("It is held until a person knows"), html.P(said)], className="card panel say")
    said = "Its trouble could not be read. It looks again by itself after a while, and sends nothing before that."
    again = button("Look again now", "run-resume") if desk.may_resume(run) else None
    return html.Section([html.H2("It is held"), html.P(said), again], className="card panel say")


def _decision(desk: Desk, one: Waiting) -> Component:
    now = desk.now()
    told = f"Asked {age(one.asked_at, now)} ago; to be decided {left(one.deadline, now)} at the latest."
    form: list[Component] = [html.H2(words(one.ask, 300)), html.P(told)]
    if one.refusal:
        form.append(html.P(f"You cannot approve it: {one.refusal}.", className="dim"))
    else:
        asked = {"run": one.run.run_id, "step": one.step, "version": one.version}
        form += [
            dcc.Store(id="decision-asked", data=asked),
            html.Label("Reason (needed to reject)", htmlFor="decision-reason"),
            dcc.Textarea(id="decision-reason", rows=2, maxLength=2_000),
            html.Div(
                [
                    button(
                        f"Approve {money({c: str(t) for c, t in one.stake.totals.items()}, one.stake.unpriced)}",
                        "approve",
                    ),
                    button("Reject", "reject", look="plain"),
                ],
                className="acts",
            ),
        ]
    return html.Section(form, className="card panel say")


def _facts(desk: Desk, detail: RunDetail) -> Component:
    run = detail.run
    pairs: list[tuple[str, Children]] = [
        ("Playbook", name(run.playbook)),
        ("Version", html.Code(detail.playbook_hash[:12])),
        ("Asked by", name(desk.called(run.requested_by))),
        ("Opened", moment(run.opened_at)),
        ("Mode", words(run.mode.replace("_", " "))),
        ("Asked for", plural(run.hits, "time")),
    ]
    if run.incident_id:
        of_it = link("/incident", PageState(incident=run.incident_id))
        pairs.insert(0, ("Incident", html.A("What is wrong", href=of_it, className="go")))
    return html.Section([html.H2("About this run"), facts(*pairs)], className="card")


def _cases(detail: RunDetail) -> Component:
    found = list(detail.context.get("cases", []))
    if not found:
        return None
    rows = [
        html.Tr(
            [
                html.Td(
                    html.A(
                        name(one["case_id"], 40),
                        href=link("/case", PageState(process=detail.run.process, case=one["case_id"])),
                        className="go",
                    )
                ),
                html.Td(_amount(one), className="number"),
            ]
        )
        for one in found[:CASES]
    ]
    more = len(found) - CASES
    return html.Section(
        [
            html.H2(f"The {plural(len(found), 'case')} at stake"),
            html.Table(html.Tbody(rows), className="table"),
            html.P(f"and {count(more)} more", className="dim") if more > 0 else None,
        ],
        className="card",
    )


def _amount(case: Any) -> str:
    return amount(Decimal(case["amount"]), case["currency"]) if case["amount"] is not None else "not priced"
