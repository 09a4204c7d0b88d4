"""`gembascope overview`: what is late, what it costs, what broke, and what waits for a decision."""

from __future__ import annotations

import typer

from gembascope import render, tables
from gembascope.commands.options import Home, Json, Tenant, console, print_json, workspace

app = typer.Typer()


@app.command("overview")
def overview_(home: Home = None, tenant: Tenant = None, json: Json = False) -> None:
    """What is late, what it costs, what broke, what waits for a decision."""
    with workspace(home, tenant) as asked:
        found = asked.get("/api/v1/overview")
    if json:
        return print_json(found)
    out = console()
    out.print(f"as of {render.moment(found['now'])} UTC")
    tables.promises(out, found["promises"])
    tables.incidents(out, found["incidents"])
    tables.decisions(out, found["decisions"])
    if found["detection"]["problem"]:
        out.print(f"no rule runs: {found['detection']['problem']}", soft_wrap=True)
    return None
