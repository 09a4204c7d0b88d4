"""`gembascope playbooks` and `gembascope propose`: what can be done, and asking for it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from gembascope import render, tables
from gembascope.asking import segment
from gembascope.commands.incidents import Incident
from gembascope.commands.options import Home, Json, Tenant, console, print_json, workspace

app = typer.Typer()


@app.command("playbooks")
def playbooks_(home: Home = None, tenant: Tenant = None, json: Json = False) -> None:
    """The playbooks: what they are for, and how much they do."""
    with workspace(home, tenant) as asked:
        found = asked.get("/api/v1/playbooks")
    if json:
        return print_json(found)
    if not found["playbooks"]:
        return console().print(
            "There is no playbook for the processes of this home: write one as playbooks/ID.yaml in the folder of the "
            "tenant."
        )
    columns: list[render.Column] = [
        ("playbook", "id", str),
        ("what it does", "name", render.name),
        ("mode", "mode", str),
        ("approval", "requires_approval", lambda needed: "needed" if needed else "as its steps say"),
        ("for", "matches", _matches),
        ("file", "file", str),
    ]
    return render.table(console(), "playbooks", columns, found["playbooks"])


@app.command("propose")
def propose_(
    incident: Incident,
    playbook: Annotated[str, typer.Argument(help="Id of the playbook, as `gembascope playbooks` lists it.")],
    mode: Annotated[
        str | None, typer.Option(help="manual, or less: dry_run or shadow, which do nothing outside.")
    ] = None,
    home: Home = None,
    tenant: Tenant = None,
    json: Json = False,
) -> None:
    """Propose a playbook for an incident.

    Where no service runs, the run is moved here until it waits or ends.
    """
    body = {"playbook": playbook} | ({"mode": mode} if mode is not None else {})
    with workspace(home, tenant) as asked:
        opened = asked.post(f"/api/v1/incidents/{segment(incident)}/runs", body)
        run = asked.get(f"/api/v1/runs/{segment(opened['run'])}") if opened["run"] and not json else None
    if json:
        return print_json(opened)
    out = console()
    if opened["reason"] is not None:
        out.print(f"no run was opened: {opened['reason']}" + (", which this one is:" if run is not None else ""))
    return tables.run(out, run) if run is not None else None


def _matches(match: dict[str, Any]) -> str:
    kinds, rules = ", ".join(match["kind"]) or "any finding", ", ".join(match["rule"])
    return f"{match['process']}: {kinds}{f' of {rules}' if rules else ''}, {match['severity']} or more"
