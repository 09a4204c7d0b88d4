"""`gembascope runs`: how runs of playbooks went, and what people can do about one."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from gembascope import tables
from gembascope.asking import segment
from gembascope.commands.options import Home, Json, Listing, Tenant, console, print_json, workspace
from mining.answers import Document

app = typer.Typer(cls=Listing, help="Runs of playbooks, and how they went.")

Run = Annotated[str, typer.Argument(help="Id of the run, as `gembascope runs` lists it.")]
Reason = Annotated[str, typer.Option(help="Why, for everybody who looks at the run.")]


@app.command("list")
def list_(
    incident: Annotated[str | None, typer.Option(help="Only on this incident.")] = None,
    process: Annotated[str | None, typer.Option(help="Only of this process.")] = None,
    limit: Annotated[int, typer.Option(help="Most runs.", min=1, max=500)] = 50,
    home: Home = None,
    tenant: Tenant = None,
    json: Json = False,
) -> None:
    """Runs, the newest first."""
    params = [("limit", str(limit))]
    params += [(name, value) for name, value in (("incident", incident), ("process", process)) if value is not None]
    with workspace(home, tenant) as asked:
        found = asked.get("/api/v1/runs", params)
    if json:
        return print_json(found)
    return tables.runs(console(), found["runs"])


@app.command("show")
def show(run: Run, home: Home = None, tenant: Tenant = None, json: Json = False) -> None:
    """One run with everything that happened."""
    with workspace(home, tenant) as asked:
        found = asked.get(f"/api/v1/runs/{segment(run)}")
    _tell(found, json)


@app.command("cancel")
def cancel(run: Run, reason: Reason, home: Home = None, tenant: Tenant = None, json: Json = False) -> None:
    """Have it stop; what it did and can undo is undone first."""
    _tell(_moved(run, "cancel", {"reason": reason}, home, tenant), json)


@app.command("resume")
def resume(run: Run, home: Home = None, tenant: Tenant = None, json: Json = False) -> None:
    """Have one that holds look again now."""
    _tell(_moved(run, "resume", None, home, tenant), json)


@app.command("requeue")
def requeue(run: Run, home: Home = None, tenant: Tenant = None, json: Json = False) -> None:
    """Send a dead run on, under the same keys."""
    _tell(_moved(run, "requeue", None, home, tenant), json)


@app.command("settle")
def settle(
    run: Run,
    done: Annotated[bool, typer.Option("--done/--not-done", help="Whether the deed that is in doubt was done.")],
    reason: Annotated[str, typer.Option(help="How one knows.")],
    home: Home = None,
    tenant: Tenant = None,
    json: Json = False,
) -> None:
    """Say what became of a deed in doubt."""
    _tell(_moved(run, "settle", {"done": done, "reason": reason}, home, tenant), json)


def _moved(run: str, deed: str, body: Document | None, home: Any, tenant: str | None) -> Document:
    """The run as it is afterwards. Where no service runs, what is due is moved first, here."""
    with workspace(home, tenant) as asked:
        asked.post(f"/api/v1/runs/{segment(run)}/{deed}", body)
        return asked.get(f"/api/v1/runs/{segment(run)}")


def _tell(found: Document, json: bool) -> None:
    if json:
        return print_json(found)
    return tables.run(console(), found)
