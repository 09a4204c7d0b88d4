"""`gembascope mutes`: what no playbook does for a while, and why."""

from __future__ import annotations

from typing import Annotated

import typer

from gembascope import render, tables
from gembascope.asking import segment
from gembascope.commands.options import Home, Json, Listing, Process, Tenant, console, print_json, workspace
from mining.answers import Document

app = typer.Typer(cls=Listing, help="Playbooks that are muted for a while.")


@app.command("list")
def list_(home: Home = None, tenant: Tenant = None, json: Json = False) -> None:
    """What is muted now; what ends first comes first."""
    with workspace(home, tenant) as asked:
        found = asked.get("/api/v1/mutes")
    if json:
        return print_json(found)
    return tables.mutes(console(), found["mutes"])


@app.command("add")
def add(
    process: Process,
    reason: Annotated[str, typer.Option(help="Why, for everybody who waits for it.")],
    playbook: Annotated[str, typer.Option(help="Only this one; without: every playbook for the process.")] = "",
    key: Annotated[str, typer.Option(help="Only runs with this key; without: all of them.")] = "",
    lasts: Annotated[str | None, typer.Option("--for", help="How long from now, such as 4h; at most 90d.")] = None,
    until: Annotated[str | None, typer.Option(help="Or until when: 2026-01-31, or time with zone.")] = None,
    home: Home = None,
    tenant: Tenant = None,
    json: Json = False,
) -> None:
    """Open no runs of a playbook for a while.

    Runs that are open go on. What begins meanwhile is not made up for afterwards: its incident tells so.
    """
    body = {"process": process, "playbook": playbook, "key": key, "reason": reason, "lasts": lasts, "until": until}
    with workspace(home, tenant) as asked:
        found = asked.post("/api/v1/mutes", body)
    _tell(found, json, "muted until")


@app.command("end")
def end(
    mute: Annotated[str, typer.Argument(help="Id of the mute, as `gembascope mutes` lists it.")],
    home: Home = None,
    tenant: Tenant = None,
    json: Json = False,
) -> None:
    """End one now."""
    with workspace(home, tenant) as asked:
        found = asked.post(f"/api/v1/mutes/{segment(mute)}/end")
    _tell(found, json, "ended at")


def _tell(found: Document, json: bool, word: str) -> None:
    if json:
        return print_json(found)
    what = found["playbook"] or "every playbook"
    out = console()
    return out.print(f"{what} of {found['process']}: {word} {render.moment(found['until'])} UTC", soft_wrap=True)
