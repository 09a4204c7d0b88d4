"""`gembascope erase`: a person asks to be forgotten."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from gembascope import render
from gembascope.asking import segment
from gembascope.commands.options import Home, Json, Tenant, console, print_json, workspace
from kernel.errors import InputError
from mining.answers import Document

app = typer.Typer()
LOOK_S = 1.0
COLUMNS: list[render.Column] = [
    ("ordered", "ordered_at", render.moment),
    ("by", "ordered_by", render.name),
    ("type", "object_type", render.name),
    ("why", "reason", render.name),
    ("events deleted", "events_deleted", render.count),
    ("rewritten", "events_rewritten", render.count),
    ("entries of the quarantine", "quarantine_entries", render.count),
    ("state", "state", str),
]


@app.command("erase")
def erase(
    object_type: Annotated[
        str | None, typer.Argument(metavar="OBJECT_TYPE", help="Type of the object, such as customer.")
    ] = None,
    id_: Annotated[str | None, typer.Argument(metavar="ID", help="Its id, as events name it.")] = None,
    reason: Annotated[str, typer.Option(help="Why; it is kept, so it must name nobody.")] = "",
    pseudonymise: Annotated[
        bool, typer.Option("--pseudonymise", help="The id is in clear, and the log has its pseudonym.")
    ] = False,
    everywhere: Annotated[
        bool | None,
        typer.Option(
            "--everywhere/--as-object",
            help="Whether the id goes out of texts and of values of other objects, too; by default where it has six "
            "characters, or nine digits.",
        ),
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="Tell of what was erased.")] = False,
    home: Home = None,
    tenant: Tenant = None,
    json: Json = False,
) -> None:
    """Forget a person, or any other object, in all that is kept.

    That is the log and what follows from it, the quarantine, and what waits. Nothing of it is loaded again. Exits with
    4 where something of it may be left.
    """
    if list_:
        with workspace(home, tenant) as asked:
            found = asked.get("/api/v1/erasures")
        return print_json(found) if json else _list(found)
    if object_type is None or id_ is None or not reason:
        raise InputError("expected OBJECT_TYPE ID --reason TEXT, or --list")
    body: Document = {"object_type": object_type, "id": id_, "reason": reason}
    body |= {"pseudonymise": pseudonymise, "everywhere": everywhere}
    with workspace(home, tenant) as asked:
        found = asked.post("/api/v1/erasures", body, moves=False)
        while found["phase"] != "done":
            time.sleep(LOOK_S)
            found = asked.get(f"/api/v1/erasures/{segment(found['erasure'])}")
    if json:
        print_json(found)
    else:
        _tell(found)
    if not found["verified"]:
        raise typer.Exit(4)
    return None


def _tell(found: Document) -> None:
    out = console()
    if not found["found"]:
        out.print("Nothing of it was found.", soft_wrap=True)
    else:
        told = (
            ("events deleted", "events_deleted"),
            ("rewritten", "events_rewritten"),
            ("values of attributes", "values_deleted"),
            ("links", "links_deleted"),
            ("entries of the quarantine", "quarantine_entries"),
        )
        out.print(", ".join(f"{found[name]:,} {word}" for word, name in told), soft_wrap=True)
    if found["verified"]:
        out.print("Verified: nothing of it is left.", soft_wrap=True)
    else:
        out.print("Not verified. Something of it may be left:", soft_wrap=True)
        for place in found["left"]:
            out.print(f"  {place}", soft_wrap=True)


def _list(found: Document) -> None:
    if not found["erasures"]:
        return console().print("Nothing was erased.")
    rows = [{**one, "state": _state(one)} for one in found["erasures"]]
    return render.table(console(), "erasures, newest first", COLUMNS, rows)


def _state(one: Document) -> str:
    if one["phase"] != "done":
        return "goes on"
    return "verified" if one["verified"] else "not verified"
