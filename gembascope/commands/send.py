"""`gembascope send`: events at run time, out of a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gembascope import render
from gembascope.commands.options import Home, Json, Tenant, console, print_json, workspace
from gembascope.sending import bodies, events_of_file, summed
from kernel.errors import TooManyBad

app = typer.Typer()
SHOWN = 20


@app.command("send")
def send(
    file: Annotated[Path, typer.Argument(help="Events as NDJSON or as one JSON array; .gz as well.")],
    source: Annotated[str, typer.Option(help="Source of the events that name none.")] = "",
    home: Home = None,
    tenant: Tenant = None,
    json: Json = False,
) -> None:
    """Send events as they happen, out of a file. Each has an id of its own, so sending it again adds nothing."""
    with workspace(home, tenant) as asked:
        found = summed(asked.send(bodies(events_of_file(file)), source))
    if json:
        print_json(found)
    else:
        out = console()
        bad = found["quarantined"]
        out.print(
            f"{file.name}: {render.count(found['received'])} received, {render.count(found['accepted'])} accepted, "
            f"{render.count(len(bad))} quarantined"
        )
        for one in bad[:SHOWN]:
            out.print(f"event {one['index']} {one['id']}: {one['reason']}")
        if len(bad) > SHOWN:
            out.print("gembascope quarantine lists all")
    if found["received"] and not found["accepted"]:
        raise TooManyBad("every event is in quarantine: nothing could be kept")
