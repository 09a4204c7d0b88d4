"""`gembascope quarantine`: what could not become events."""

from __future__ import annotations

from typing import Annotated

import typer

from gembascope import render
from gembascope.commands.options import Home, Json, Tenant, console, print_json, workspace

app = typer.Typer()


@app.command("quarantine")
def quarantine_(
    source: Annotated[str | None, typer.Option(help="Only of this source.")] = None,
    limit: Annotated[int, typer.Option(help="Most entries.", min=1, max=10_000)] = 20,
    home: Home = None,
    tenant: Tenant = None,
    json: Json = False,
) -> None:
    """What could not become events, and why."""
    with workspace(home, tenant) as asked:
        found = asked.quarantine(source, limit)
    if json:
        return print_json(found)
    if not found["entries"]:
        return console().print("Nothing is in quarantine.")
    reasons: list[render.Column] = [
        ("pieces", "pieces", render.count),
        ("source", "source", render.name),
        ("file", "file_name", render.name),
        ("reason", "reason", str),
        ("for example", "example", str),
    ]
    render.table(console(), "by reason", reasons, found["reasons"])
    entries: list[render.Column] = [
        ("file", "file_name", render.name),
        ("position", "position", str),
        ("reason", "reason", str),
        ("content", "raw", render.name),
    ]
    return render.table(console(), f"the newest {len(found['entries'])}", entries, found["entries"])
