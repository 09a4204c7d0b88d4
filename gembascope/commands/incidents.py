"""`gembascope incidents`: what is in trouble, and what people say and do about it."""

from __future__ import annotations

from typing import Annotated

import typer

from gembascope import render, tables
from gembascope.asking import segment
from gembascope.commands.options import Home, Json, Listing, Tenant, console, print_json, workspace
from mining.answers import Document

app = typer.Typer(cls=Listing, help="What is in trouble, and who takes it up.")

Incident = Annotated[str, typer.Argument(help="Id of the incident, as `gembascope incidents` lists it.")]
State = Annotated[
    list[str] | None,
    typer.Option(help="open, acknowledged or resolved; again: any of them. Without: what is not resolved."),
]


@app.command("list")
def list_(
    state: State = None,
    process: Annotated[str, typer.Option(help="Only of this process.")] = "",
    limit: Annotated[int, typer.Option(help="Most incidents.", min=1, max=1_000)] = 200,
    home: Home = None,
    tenant: Tenant = None,
    json: Json = False,
) -> None:
    """Incidents, the severest and dearest first."""
    params = [("limit", str(limit)), *(("state", word) for word in state or ())]
    with workspace(home, tenant) as asked:
        found = asked.get("/api/v1/incidents", [*params, *([("process", process)] if process else [])])
    if json:
        return print_json(found)
    return tables.incidents(console(), found["incidents"])


@app.command("show")
def show(incident: Incident, home: Home = None, tenant: Tenant = None, json: Json = False) -> None:
    """One incident, with what was said and done about it."""
    with workspace(home, tenant) as asked:
        found = asked.get(f"/api/v1/incidents/{segment(incident)}")
    _tell(found, json)


@app.command("acknowledge")
def acknowledge(incident: Incident, home: Home = None, tenant: Tenant = None, json: Json = False) -> None:
    """Take it up: it is not paged again until it grows worse."""
    with workspace(home, tenant) as asked:
        found = asked.post(f"/api/v1/incidents/{segment(incident)}/acknowledge")
    _tell(found, json)


@app.command("comment")
def comment(
    incident: Incident,
    text: Annotated[str, typer.Argument(help="What is said.")],
    home: Home = None,
    tenant: Tenant = None,
    json: Json = False,
) -> None:
    """Say something about it."""
    with workspace(home, tenant) as asked:
        found = asked.post(f"/api/v1/incidents/{segment(incident)}/comments", {"text": text})
    if json:
        return print_json(found)
    return console().print(f"noted as number {found['number']}")


@app.command("assign")
def assign(
    incident: Incident,
    owner: Annotated[str, typer.Argument(help="Id of the owner, as its file in owners/ is called.")],
    home: Home = None,
    tenant: Tenant = None,
    json: Json = False,
) -> None:
    """Give it to another owner."""
    with workspace(home, tenant) as asked:
        found = asked.post(f"/api/v1/incidents/{segment(incident)}/owner", {"owner": owner})
    _tell(found, json)


@app.command("close")
def close(
    incident: Incident,
    reason: Annotated[str, typer.Option(help="Why, while its trouble may last.")],
    home: Home = None,
    tenant: Tenant = None,
    json: Json = False,
) -> None:
    """Close it by hand."""
    with workspace(home, tenant) as asked:
        found = asked.post(f"/api/v1/incidents/{segment(incident)}/close", {"reason": reason})
    _tell(found, json)


def _tell(found: Document, json: bool) -> None:
    if json:
        return print_json(found)
    out = console()
    render.facts(
        out,
        f"incident {found['id']}",
        [
            ("what", f"{found['title']} ({found['kind']}, rule {found['rule']})"),
            ("process", found["process"]),
            ("severity", found["severity"]),
            ("state", found["state"] + (f": {found['resolution']}" if found["resolution"] else "")),
            ("owner", found["owner"] or "nobody"),
            ("suspect", f"{found['suspect'] or '–'}; answers for it: {found['dependency_owner'] or 'nobody'}"),
            ("cases", f"{found['cases']:,} with {found['open']:,} findings that last"),
            ("value", f"{render.money(found['value'])}; {found['unpriced']:,} cases without a price"),
            ("lost per hour", render.money(found["lost_per_hour"])),
            ("since", f"{render.moment(found['since'])} UTC"),
            ("deadline", f"{render.moment(found['deadline'])} UTC" if found["deadline"] else "none"),
        ],
    )
    columns: list[render.Column] = [
        ("at (UTC)", "at", render.moment),
        ("kind", "kind", str),
        ("by", "author", render.name),
        ("what", "text", str),
    ]
    return render.table(out, "said and done", columns, found["notes"])
