"""`gembascope findings` and `gembascope detect`: what rules found, and looking anew."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from gembascope import render, tables
from gembascope.asking import segment
from gembascope.commands.incidents import Incident
from gembascope.commands.options import Home, Json, Tenant, console, print_json, workspace

app = typer.Typer()


@app.command("findings")
def findings_(
    incident: Incident,
    lasting: Annotated[bool, typer.Option("--lasting", help="Only those whose trouble lasts.")] = False,
    skip: Annotated[int, typer.Option(help="Findings to leave out at the beginning.", min=0)] = 0,
    limit: Annotated[int, typer.Option(help="Most findings.", min=1, max=1_000)] = 20,
    home: Home = None,
    tenant: Tenant = None,
    json: Json = False,
) -> None:
    """The findings of an incident, with their evidence."""
    params = [("lasting", str(lasting).lower()), ("skip", str(skip)), ("limit", str(limit))]
    with workspace(home, tenant) as asked:
        found = asked.get(f"/api/v1/incidents/{segment(incident)}/findings", params)
    if json:
        return print_json(found)
    if not found["findings"]:
        return console().print("There is no such finding.")
    rows = [
        row | {name: [{"amount": row[name], "currency": row["currency"]}] if row[name] is not None else []}
        for row in found["findings"]
        for name in ("value",)
    ]
    columns: list[render.Column] = [
        ("case", "case_id", render.name),
        ("store", "store", render.name),
        ("severity", "severity", str),
        ("what", "title", render.name),
        ("value", "value", render.money),
        ("since (UTC)", "since", render.moment),
        ("due (UTC)", "deadline", render.moment),
        ("ended", "ended", lambda ended: ended or "lasts"),
    ]
    render.table(console(), "findings, lasting and dearest first", columns, rows)
    if found["next"] is not None:
        console().print(f"next page: --skip {found['next']}; --json shows the evidence")
    return None


@app.command("detect")
def detect_(home: Home = None, tenant: Tenant = None, json: Json = False) -> None:
    """Look for trouble now.

    A service does so by itself. Where none runs, people are told and runs that are due are moved once, here.
    """
    with workspace(home, tenant) as asked:
        found = asked.post("/api/v1/detection")
        lasting: list[dict[str, Any]] = [] if json else asked.get("/api/v1/incidents")["incidents"]
    if json:
        return print_json(found)
    out = console()
    if found["problem"]:
        out.print(f"no rule runs: {found['problem']}", soft_wrap=True)
    if not found["rules"]:
        return out.print("There is no rule: write one as rules/ID.yaml in the folder of the tenant.")
    columns: list[render.Column] = [
        ("rule", "rule", str),
        ("process", "process", render.name),
        ("as of (UTC)", "now", render.moment),
        ("findings that last", "lasting", render.count),
        ("new", "added", render.count),
        ("ended", "ended", render.count),
        ("undecided", "undecided", render.count),
        ("left out", "left_out", render.count),
        ("note", "note", str),
    ]
    rows = [row | {"note": "; ".join([*row["not_learned"], *filter(None, [row["problem"]])])} for row in found["rules"]]
    render.table(out, "rules", columns, rows)
    return tables.incidents(out, lasting)
