"""The overview: what is stuck, what it costs, and who must act. Every number leads to its cases."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from dash import Input, Output, State, ctx, dcc, html, no_update

from anomalies.incident_desk import IncidentLine
from dashboards.cache import Reader
from dashboards.format import UNKNOWN, count, plural
from dashboards.layout import Children, Component, empty, name, nothing_loaded, problem, skeleton, words
from dashboards.money import per_hour, sums
from dashboards.pages.trouble import age, incident_list, moment
from dashboards.renewal import unless_same
from dashboards.url_state import PageState, link
from kernel.errors import GembascopeError
from kpis.sla import SlaState
from kpis.standings import Standing
from orchestration_hooks.desk import Desk
from orchestration_hooks.runs import Waiting

PATHS = ("/", "/overview")
QUESTION = "What needs me now?"
SHOWN = 8
RENEWED_MS = 10_000


def skeleton_of(state: PageState) -> list[Component]:
    return [
        html.H1(QUESTION),
        html.Div([skeleton(110), skeleton(420)], id="overview", className="stack"),
        dcc.Interval(id="overview-tick", interval=RENEWED_MS),
        dcc.Store(id="overview-shown", data=""),
    ]


def register(app: Any, reader: Reader, desk: Desk) -> None:
    def overview(search: str | None, _: int | None, path: str, before: str | None) -> Any:
        if path not in PATHS:
            return no_update, no_update
        return unless_same(overview_of(reader, desk), before, by_itself=ctx.triggered_id == "overview-tick")

    app.callback(
        Output("overview", "children"),
        Output("overview-shown", "data"),
        Input("url", "search"),
        Input("overview-tick", "n_intervals", allow_optional=True),
        State("url", "pathname"),
        State("overview-shown", "data", allow_optional=True),
    )(overview)


def overview_of(reader: Reader, desk: Desk) -> Children:
    """The page, or the sentence that tells why there is none."""
    try:
        if not desk.views.all():
            return nothing_loaded()
        found = sorted(reader.standings(desk.clock), key=lambda one: -one.summary.late_now)
        lasting, waiting, now = desk.lasting(), desk.inbox(), desk.now()
    except GembascopeError as error:
        return problem(error)
    return [
        html.P(_as_of(found, now), className="about"),
        _problem(desk),
        _tiles(found, lasting, waiting),
        html.Div([_promises(found), _incidents(lasting, desk)], className="two"),
    ]


def _as_of(found: Sequence[Standing], now: datetime) -> list[Children]:
    """When this is, and up to when the data are complete that say the oldest."""
    told = [(one.complete.until, one.complete.source) for one in found if one.complete.until is not None]
    said: list[Children] = ["Now is ", html.Strong(moment(now))]
    if told:
        until, source = min(told)
        said += [" · data complete until ", html.Strong(moment(until)), f" (then {words(source)} told last)"]
    return said


def _problem(desk: Desk) -> Component:
    """Why nothing is looked for, where a rule or an owner cannot be read."""
    found = desk.detection.last.problem
    if not found:
        return None
    return html.Div(
        [html.H2("No rule runs"), html.P(found[:2_000], className="said")], className="card problem", role="alert"
    )


def _tiles(found: Sequence[Standing], lasting: Sequence[IncidentLine], waiting: Sequence[Waiting]) -> Component:
    late = sum(one.summary.late_now for one in found)
    risky = sum(one.summary.cases[SlaState.AT_RISK] for one in found)
    unowned = sum(not line.incident.owner for line in lasting)
    nobodys = sum(line.incident.state == "open" for line in lasting)
    mine = sum(one.refusal is None for one in waiting)
    at_stake = _total(one.stake.totals for one in waiting)
    broken = {line.incident.process for line in lasting}
    return html.Div(
        [
            _tile(
                "Decisions waiting",
                count(len(waiting)),
                f"{count(mine)} for you · {sums(at_stake)}" if waiting else "nothing is proposed",
                _decisions(waiting),
                bad=mine > 0,
            ),
            _tile(
                "Late now",
                count(late),
                sums(_total(one.summary.value_late for one in found), sum(one.summary.unpriced for one in found))
                if late
                else "nothing is late",
                _worst(found, "late", broken),
                bad=late > 0,
            ),
            _tile(
                "Due soon",
                count(risky),
                sums(_total(one.summary.value_at_risk for one in found)) if risky else "nothing is due soon",
                _worst(found, "at_risk", broken),
            ),
            _tile(
                "Every hour costs",
                per_hour(_total(one.summary.lost_per_hour for one in found)).removesuffix(" per hour"),
                "for what is late and has a price",
                _worst(found, "late", broken),
            ),
            _tile(
                "Incidents",
                count(len(lasting)),
                f"{count(nobodys)} in nobody's hands" + (f", {count(unowned)} without an owner" if unowned else ""),
                "/incidents",
                bad=nobodys > 0,
            ),
        ],
        className="tiles five",
    )


def _decisions(waiting: Sequence[Waiting]) -> str:
    """Where the decisions are; the only one at once."""
    if len(waiting) == 1:
        return link("/remediation", PageState(run=waiting[0].run.run_id))
    return "/remediation"


def _tile(label: str, value: str, note: str, address: str, *, bad: bool = False) -> Component:
    return html.A(
        [
            html.Span(value, className="tile-value"),
            html.Span(label, className="tile-label"),
            html.Span(note, className="tile-note"),
        ],
        href=address,
        className="go tile late" if bad else "go tile",
    )


def _worst(found: Sequence[Standing], standing: str, broken: Collection[str]) -> str:
    """Where the number of a tile leads: to the promise that has the most of it, where it is known what broke before
    where it is not."""
    if not found:
        return "/sla"

    def weight(one: Standing) -> tuple[bool, int]:
        number = one.summary.late_now if standing == "late" else one.summary.cases[SlaState.AT_RISK]
        return number > 0 and one.process.id in broken, number

    worst = max(found, key=weight)
    return link("/sla", PageState(process=worst.process.id, promise=worst.promise.name, standing=standing))


def _total(sums_: Any) -> dict[str, Decimal]:
    total: dict[str, Decimal] = {}
    for values in sums_:
        for currency, value in values.items():
            total[currency] = total.get(currency, Decimal()) + value
    return total


def _promises(found: Sequence[Standing]) -> Component:
    if not found:
        hint = "Add promises to a process definition: what every case is promised, and by when."
        return empty("No process promises anything yet", html.P(hint))
    return html.Section([html.H2("How are promises kept?"), *map(_promise, found)], className="card")


def _promise(one: Standing) -> Component:
    summary, definition = one.summary, one.process
    of_it = PageState(process=definition.id, promise=one.promise.name)

    def number(label: str, value: int, standing: str, *, bad: bool = False) -> Component:
        address = link("/sla", PageState(process=definition.id, promise=one.promise.name, standing=standing))
        look = "late-words" if bad and value else ""
        return html.A([html.Strong(count(value), className=look), f" {label}"], href=address, className="go")

    kept = summary.cases[SlaState.MET]
    judged = kept + summary.kept_late + summary.late_now
    facts: list[Children] = [
        ("Money late", sums(summary.value_late, summary.unpriced)),
        ("Costs", per_hour(summary.lost_per_hour)),
        ("Oldest", age(summary.oldest_due, summary.now) if summary.oldest_due else UNKNOWN),
        ("Owner", name(definition.owner) if definition.owner else "nobody"),
        ("Kept in time", f"{kept / judged:.1%} of {count(judged)}" if judged else UNKNOWN),
        ("Complete until", moment(one.complete.until)),
    ]
    return html.Article(
        [
            html.H3(html.A(name(one.promise.name, 100), href=link("/sla", of_it), className="go")),
            html.P(name(definition.title or definition.id), className="dim"),
            html.Div(
                [
                    number("late now", summary.late_now, "late", bad=True),
                    number("due soon", summary.cases[SlaState.AT_RISK], "at_risk"),
                    number("paused", summary.cases[SlaState.PAUSED], "paused"),
                    number("open", summary.cases[SlaState.OPEN], "open"),
                ],
                className="counts",
            ),
            html.Dl([html.Div([html.Dt(label), html.Dd(value)]) for label, value in facts], className="facts"),
        ],
        className="promise",
    )


def _incidents(lasting: Sequence[IncidentLine], desk: Desk) -> Component:
    title = html.H2("What broke, and who has it?")
    if not lasting:
        return html.Section([title, html.P("No incident is open.")], className="card")
    more = None
    if len(lasting) > SHOWN:
        more = html.A(f"All {plural(len(lasting), 'incident')}", href="/incidents", className="go button plain")
    shown = lasting[:SHOWN]
    nows = desk.nows_of({line.incident.process for line in shown})
    return html.Section([title, incident_list(PageState(), shown, nows.__getitem__), more], className="card")
