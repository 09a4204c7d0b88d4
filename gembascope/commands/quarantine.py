"""`gembascope quarantine`: what could not become events, and what is done about it."""

from __future__ import annotations

import sys
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Annotated, Any

import typer

from gembascope import render
from gembascope.asking import segment
from gembascope.commands.options import Home, Json, Listing, Tenant, console, print_json, workspace
from kernel.errors import InputError
from mining.answers import Document

app = typer.Typer(cls=Listing, help="What could not become events, why, and what is done about it.")
Entries = Annotated[list[str] | None, typer.Argument(help="Ids of entries, as `gembascope quarantine` lists them.")]
OfSource = Annotated[str | None, typer.Option("--source", help="Instead of ids: the open entries of this source.")]
WithReason = Annotated[str, typer.Option("--reason", help="Only those whose reason holds this text.")]
SHORT = 12


@app.command("list")
def list_(
    source: Annotated[str | None, typer.Option(help="Only of this source.")] = None,
    reason: WithReason = "",
    ended: Annotated[bool, typer.Option("--ended", help="Those that are open no longer, too.")] = False,
    limit: Annotated[int, typer.Option(help="Most entries.", min=1, max=10_000)] = 20,
    home: Home = None,
    tenant: Tenant = None,
    json: Json = False,
) -> None:
    """What could not become events, and why."""
    params = [("limit", str(limit)), ("reason", reason), ("ended", "true" if ended else "false")]
    params += [("source", source)] if source is not None else []
    with workspace(home, tenant) as asked:
        found = asked.get("/api/v1/quarantine", params)
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
    if found["reasons"]:
        render.table(console(), "by reason", reasons, found["reasons"])
    entries: list[render.Column] = [
        ("entry", "entry", str),
        ("source", "source", render.name),
        ("from", "from", render.name),
        ("reason", "reason", str),
        ("content", "raw", render.name),
    ]
    if ended:
        entries.append(("", "ended_as", str))
    rows = [{**one, "from": one["key"] or f"{one['file_name']}, {one['position']}"} for one in found["entries"]]
    render.table(console(), f"the newest {len(rows)}", entries, rows)
    return console().print(
        "gembascope quarantine show ENTRY tells all of one; replay, repair and discard take it out.", soft_wrap=True
    )


@app.command("show")
def show(
    entry: Annotated[str, typer.Argument(help="Id of the entry.")],
    raw: Annotated[bool, typer.Option("--raw", help="Only what was sent, byte for byte.")] = False,
    home: Home = None,
    tenant: Tenant = None,
    json: Json = False,
) -> None:
    """One entry: where it is from, why it is here, and all that was sent."""
    with workspace(home, tenant) as asked:
        found = asked.get(f"/api/v1/quarantine/{segment(entry)}")
    if raw:
        sys.stdout.buffer.write(b64decode(found["raw_base64"]))
        sys.stdout.flush()
        return
    if json:
        return print_json(found)
    facts = [
        ("source", found["source"]),
        ("from", found["key"] or f"{found['file_name']}, {found['position']}"),
        ("reason", found["reason"]),
        ("state", found["ended_as"] or "open"),
        *((f"header {name}", render.name(value)) for name, value in sorted(found["headers"].items())),
    ]
    render.facts(console(), found["entry"], facts)
    shown = "".join(mark if mark.isprintable() or mark == "\n" else repr(mark)[1:-1] for mark in found["raw"])
    console().print(shown, soft_wrap=True)


@app.command("replay")
def replay(
    entries: Entries = None,
    source: OfSource = None,
    reason: WithReason = "",
    home: Home = None,
    tenant: Tenant = None,
    json: Json = False,
) -> None:
    """Try once more to make events of what was sent, by the mapping packs as they are now. Exits with 4 where nothing
    could be."""
    body = {"entries": entries or [], "source": source, "reason": reason}
    with workspace(home, tenant) as asked:
        found = asked.post("/api/v1/quarantine/replay", body)
    _tell(found, json, "out of quarantine")


@app.command("repair")
def repair(
    entry: Annotated[str, typer.Argument(help="Id of the entry.")],
    file: Annotated[
        Path | None, typer.Argument(help="What is to be read instead; standard input without one.", dir_okay=False)
    ] = None,
    home: Home = None,
    tenant: Tenant = None,
    json: Json = False,
) -> None:
    """Make events of something else instead of what was sent, such as of what `show --raw` gave, mended."""
    try:
        body = sys.stdin.buffer.read() if file is None else file.read_bytes()
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror}") from None
    with workspace(home, tenant) as asked:
        path = f"/api/v1/quarantine/{segment(entry)}/repair"
        found = asked.post(path, {"body_base64": b64encode(body).decode()})
    _tell(found, json, "out of quarantine")


@app.command("discard")
def discard(
    entries: Entries = None,
    source: OfSource = None,
    reason: WithReason = "",
    home: Home = None,
    tenant: Tenant = None,
    json: Json = False,
) -> None:
    """Give entries up: they are open no longer, and still count as quarantined."""
    body = {"entries": entries or [], "source": source, "reason": reason}
    with workspace(home, tenant) as asked:
        found = asked.post("/api/v1/quarantine/discard", body)
    _tell(found, json, "given up")


def _tell(found: Document, json: bool, word: str) -> None:
    if json:
        print_json(found)
    else:
        out, many = console(), found["released"] != 1
        events = f", {found['events']:,} events" if found["events"] else ""
        out.print(f"{found['released']:,} {'entries' if many else 'entry'} {word}{events}", soft_wrap=True)
        kept: list[dict[str, Any]] = [one for one in found["entries"] if one["reason"]]
        for one in kept[:20]:
            out.print(f"  {one['entry'][:SHORT]} stays: {one['reason']}", soft_wrap=True)
        if len(kept) > 20:
            out.print(f"  and {len(kept) - 20:,} more stay", soft_wrap=True)
    if found["kept"] and not found["released"]:
        raise typer.Exit(4)
