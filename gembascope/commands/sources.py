"""`gembascope sources`: the systems that tell of events, and how they are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from gembascope import render
from gembascope.asking import segment
from gembascope.commands.options import Home, Json, Listing, Tenant, console, print_json, workspace
from kernel.errors import InputError

app = typer.Typer(cls=Listing, help="The systems that tell of events, and how they are.")
Source = Annotated[str, typer.Argument(help="Source, as `gembascope sources` lists it.")]
LAW = "received = stored + duplicate + quarantined + refused + in spool"


@app.command("list")
def list_(home: Home = None, tenant: Tenant = None, json: Json = False) -> None:
    """How each source is, and what became of all that it told. Exits with 1 where an event is missing."""
    with workspace(home, tenant) as asked:
        found = asked.get("/api/v1/sources")["sources"]
    missing = sum(abs(one["missing"]) for one in found)
    if json:
        print_json({"sources": found})
    elif not found:
        console().print("No source is defined, and nothing came at run time.")
    else:
        _show(found)
        law = f"{LAW}: {'holds for every source' if not missing else f'{missing:,} EVENTS ARE NOWHERE'}"
        console().print(law, soft_wrap=True)
    if missing:
        raise typer.Exit(1)


def _show(found: list[dict[str, Any]]) -> None:
    rows = [{**one, "besides": _besides(one), "lag": _lag(one)} for one in found]
    columns: list[render.Column] = [
        ("source", "source", render.name),
        ("", "standing", str),
        ("received", "received", render.count),
        ("stored", "stored", render.count),
        ("besides", "besides", str),
        ("99 % within", "lag", str),
        ("silent for", "silent_s", render.seconds),
    ]
    render.table(console(), "sources", columns, rows)
    for one in found:
        if one["why"] and one["standing"] not in ("healthy", "unheard"):
            console().print(f"{one['source']} is {one['standing']}: {one['why']}", soft_wrap=True)


def _besides(one: dict[str, Any]) -> str:
    """What was not stored, in words."""
    named = (
        ("duplicate", "repeated"), ("quarantined", "quarantined"), ("refused", "refused"), ("in_spool", "waiting"),
        ("missing", "MISSING"), ("drifts", "changes"),
    )  # fmt: skip
    return ", ".join(f"{one[name]:,} {word}" for name, word in named if one[name])


def _lag(one: dict[str, Any]) -> str:
    if one["lag_p50_s"] is None:
        return ""
    return render.seconds(one["lag_p99_s"])


@app.command("show")
def show(source: Source, home: Home = None, tenant: Tenant = None, json: Json = False) -> None:
    """One source: how it is, how each store is told of, and what it says otherwise than it used to."""
    with workspace(home, tenant) as asked:
        found = asked.get(f"/api/v1/sources/{segment(source)}")
    if json:
        return print_json(found)
    out = console()
    facts = [
        ("standing", f"{found['standing']}{': ' + found['why'] if found['why'] else ''}"),
        ("collected by", "events that are sent with a key" if found["kind"] == "events" else found["kind"]),
        ("mapping pack", found["pack"] or "none"),
        ("owner", found["owner"] or "nobody"),
        ("received", f"{found['received']:,} events of {found['deliveries']:,} deliveries"),
        ("became", ", ".join(f"{name.replace('_', ' ')} {found[name]:,}" for name in BECAME)),
        ("ignored", f"{found['ignored']:,} records, by rules of the pack"),
        ("bad share", render.share(found["bad_share"])),
        ("last event", f"{render.moment(found['last_occurred_at'])}, seen {render.moment(found['last_seen_at'])}"),
        ("lag", ", ".join(f"{p} {render.seconds(found[f'lag_{p}_s'])}" for p in ("p50", "p95", "p99"))),
        ("pauses", ", ".join(f"{p} {render.seconds(found[f'gap_{p}_s'])}" for p in ("p50", "p99"))),
        ("complete until", render.moment(found["complete_until"])),
        ("place", found["place"] or "–"),
    ]
    render.facts(out, f"{source}: {found['title']}" if found["title"] else source, facts)
    if any(one["store"] for one in found["stores"]):
        stores: list[render.Column] = [
            ("store", "store", render.name),
            ("events", "events", render.count),
            ("lag p50", "lag_p50_s", render.seconds),
            ("p99", "lag_p99_s", render.seconds),
            ("last seen", "last_seen_at", render.moment),
            ("complete until", "complete_until", render.moment),
        ]
        render.table(out, "by store", stores, found["stores"])
    if found["changes"]:
        changes: list[render.Column] = [
            ("noticed", "noticed_at", render.moment),
            ("rule", "rule", render.name),
            ("field", "path", render.name),
            ("", "change", str),
            ("was", "was", str),
            ("is", "is", str),
        ]
        render.table(out, "it says otherwise than it used to", changes, found["changes"])
        out.print(f"gembascope sources look {source}: somebody has looked at it.", soft_wrap=True)
    return None


BECAME = ("stored", "duplicate", "quarantined", "refused", "in_spool")


@app.command("define")
def define(
    file: Annotated[Path, typer.Argument(help="Its definition in YAML; its name is that of the source.")],
    home: Home = None,
    tenant: Tenant = None,
    json: Json = False,
) -> None:
    """Define a source, or define it anew, in the service that holds the home."""
    from ingest.sources.definition import SourceDefinition
    from kernel.definitions import read_definition

    definition = read_definition(file, SourceDefinition)
    source, content = definition.id, definition.model_dump(mode="json", exclude_defaults=True, by_alias=True)
    with workspace(home, tenant) as asked:
        found = asked.put(f"/api/v1/sources/{segment(source)}", content)
    if json:
        return print_json(found)
    return console().print(f"{source} is defined: {found['collect']['kind']}, by {found['pack']}", soft_wrap=True)


@app.command("remove")
def remove(source: Source, home: Home = None, tenant: Tenant = None) -> None:
    """Define a source no more. Its events and its account stay."""
    with workspace(home, tenant) as asked:
        asked.delete(f"/api/v1/sources/{segment(source)}")
    console().print(f"{source} is defined no more", soft_wrap=True)


@app.command("stop")
def stop(
    source: Source,
    reason: Annotated[str, typer.Option(help="Why, for everybody who looks after it.")],
    home: Home = None,
    tenant: Tenant = None,
) -> None:
    """Take nothing more from a source that can wait (a queue, a database, a folder), until it is resumed."""
    if not reason.strip():
        raise InputError("--reason: say why")
    with workspace(home, tenant) as asked:
        found = asked.post(f"/api/v1/sources/{segment(source)}/stop", {"reason": reason})
    console().print(f"{source} is {found['standing']}: {found['why']}", soft_wrap=True)


@app.command("resume")
def resume(source: Source, home: Home = None, tenant: Tenant = None) -> None:
    """Take from a source again."""
    with workspace(home, tenant) as asked:
        found = asked.post(f"/api/v1/sources/{segment(source)}/resume")
    console().print(f"{source} is {found['standing']}", soft_wrap=True)


@app.command("look")
def look(source: Source, home: Home = None, tenant: Tenant = None) -> None:
    """Somebody has looked at what it says otherwise than it used to: it is told no longer."""
    with workspace(home, tenant) as asked:
        found = asked.post(f"/api/v1/sources/{segment(source)}/look")
    console().print(f"{source}: {found['changes']:,} changes were looked at", soft_wrap=True)
