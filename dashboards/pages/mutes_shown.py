"""The parts of a page about mutes: what is muted, and the form that mutes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html

from dashboards.layout import Component, name, words
from dashboards.pages.trouble import button, joined, moment
from kernel.access import Permission
from kernel.errors import DefinitionError, InputError
from kernel.process import ProcessDefinition
from orchestration_hooks.desk import Desk
from orchestration_hooks.mutes import LONGEST_REASON, Mute

END = "mute-end"
LASTS = {
    "1h": ("an hour", timedelta(hours=1)),
    "4h": ("4 hours", timedelta(hours=4)),
    "1d": ("a day", timedelta(days=1)),
    "1w": ("a week", timedelta(weeks=1)),
    "30d": ("30 days", timedelta(days=30)),
}
CARD = "card"


def mutes(desk: Desk) -> Component:
    """What is muted now; nothing where nothing is."""
    found = desk.mutes()
    if not found:
        return None
    names = _names(desk, desk.readable())
    return html.Section(
        [
            html.H2("Muted: no runs are opened"),
            html.Ol([_mute(desk, one, names) for one in found], className="incidents"),
        ],
        className=CARD,
    )


def _mute(desk: Desk, one: Mute, names: Mapping[str, str]) -> Component:
    what = (
        f"{words(one.playbook)} of {words(one.process)}" if one.playbook else f"Every playbook of {words(one.process)}"
    )
    what = names.get(_value(one.process, one.playbook), what)
    told = [f"until {moment(one.until)}", f"by {words(desk.called(one.muted_by))}"]
    if one.key:
        told.insert(0, f"only for {words(one.key)}")
    end = button("End it now", {"type": END, "mute": one.mute_id}, look="plain")
    return html.Li(
        [
            html.Div([html.Span("Muted", className="mark warn"), html.Span(what)], className="incident-name"),
            html.Div(joined(told), className="incident-facts"),
            html.Div(name(one.reason, 300), className="event-where"),
            html.Div(end, className="acts") if desk.may(Permission.ACT, one.process) else None,
        ]
    )


def form() -> Component:
    """The form, for who may mute something (`choices`); what is typed stays while the rest of the page is renewed."""
    lasts = [{"value": value, "label": label} for value, (label, _) in LASTS.items()]
    return html.Section(
        html.Details(
            [
                html.Summary("Mute a playbook"),
                html.Div(
                    [
                        html.P(
                            "For a while no run of it is opened, neither by itself nor by people; runs that are open "
                            "go on. What begins meanwhile is not made up for afterwards, unless it grows: propose it "
                            "then."
                        ),
                        dmc.Select(id="mute-what", label="What", data=[], searchable=True, w="100%", maw=420),
                        dmc.Select(id="mute-lasts", label="For how long", data=lasts, value="4h", allowDeselect=False),
                        html.Label("Why", htmlFor="mute-reason"),
                        dcc.Textarea(id="mute-reason", rows=2, maxLength=LONGEST_REASON),
                        button("Mute it", "mute-add", look="plain"),
                    ],
                    className="say",
                ),
            ],
            className="unfolds",
        ),
        id="mute-form",
        className=CARD,
        hidden=True,
    )


def choices(desk: Desk) -> list[dict[str, str]]:
    """What one may mute: of each process every playbook, and each of them."""
    mutable = [process for process in desk.readable() if desk.may(Permission.ACT, process.id)]
    return [{"value": value, "label": label} for value, label in _names(desk, mutable).items()]


def _names(desk: Desk, processes: Sequence[ProcessDefinition]) -> dict[str, str]:
    """What can be muted on the processes, by value, as people call it; nothing while a definition is wrong."""
    try:
        playbooks = desk.all_playbooks()
    except DefinitionError:
        playbooks = []
    found: dict[str, str] = {}
    for process in processes:
        mine = [one for one in playbooks if one.trigger.match.process == process.id]
        if mine:
            shown = words(process.title or process.id)
            found[_value(process.id)] = f"Every playbook of {shown}"
            found |= {_value(process.id, one.id): f"{words(one.name)} ({shown})" for one in mine}
    return found


def _value(process: str, playbook: str = "") -> str:
    return f"{process}/{playbook}"


def mute(desk: Desk, what: Any, lasts: Any, reason: Any) -> Mute:
    """Do what the form says; `InputError` where it says too little."""
    process, mark, playbook = str(what or "").partition("/")
    if not mark or lasts not in LASTS:
        raise InputError("choose what is to be muted, and for how long")
    return desk.mute(process, playbook=playbook, until=LASTS[lasts][1], reason=str(reason or ""))
