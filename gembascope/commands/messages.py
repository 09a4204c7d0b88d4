"""`gembascope messages`: alerts that reached nobody, and what to do about them."""

from __future__ import annotations

from typing import Annotated

import typer

from gembascope import tables
from gembascope.asking import segment
from gembascope.commands.options import Home, Json, Listing, Tenant, console, print_json, workspace
from mining.answers import Document

app = typer.Typer(cls=Listing, help="Alerts that did not arrive.")

Message = Annotated[str, typer.Argument(help="Id of the message, as `gembascope messages` lists it.")]


@app.command("list")
def list_(home: Home = None, tenant: Tenant = None, json: Json = False) -> None:
    """Messages that are not tried any more, the newest first."""
    with workspace(home, tenant) as asked:
        found = asked.get("/api/v1/messages")
    _tell(found, json)


@app.command("requeue")
def requeue(message: Message, home: Home = None, tenant: Tenant = None, json: Json = False) -> None:
    """Send one again, under the same key.

    It is sent by the service of the home, or by the next one that runs.
    """
    with workspace(home, tenant) as asked:
        found = asked.post(f"/api/v1/messages/{segment(message)}/requeue")
    _tell(found, json)


@app.command("discard")
def discard(
    message: Message,
    reason: Annotated[str, typer.Option(help="Why nobody has to be told of it; for the audit.")],
    home: Home = None,
    tenant: Tenant = None,
    json: Json = False,
) -> None:
    """Give one up for good: nobody is told of it."""
    with workspace(home, tenant) as asked:
        found = asked.post(f"/api/v1/messages/{segment(message)}/discard", {"reason": reason})
    _tell(found, json)


def _tell(found: Document, json: bool) -> None:
    if json:
        return print_json(found)
    return tables.messages(console(), found)
