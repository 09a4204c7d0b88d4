"""`gembascope catalogue`: the processes that are shipped, and taking them over."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from gembascope import render
from gembascope.commands.options import Home, Json, Listing, Tenant, console, print_json
from kernel.errors import InputError
from kernel.settings import load_settings

app = typer.Typer(cls=Listing, help="The processes of retail that are shipped, to take over and to change.")


@app.command("list")
def list_(home: Home = None, tenant: Tenant = None, json: Json = False) -> None:
    """Every process, and which of them the tenant has."""
    from gembascope.catalogue import read_shipped

    settings = load_settings(home=home, tenant=tenant)
    folder = settings.home.expanduser() / "tenants" / settings.tenant / "processes"
    rows = [
        {
            "process": process.id,
            "title": process.title,
            "object_type": process.object_type,
            "activities": len(process.activities),
            "promises": len(process.promises),
            "owner": process.owner,
            "adopted": (folder / f"{process.id}.yaml").is_file(),
        }
        for process in read_shipped().catalogue.processes.values()
    ]
    if json:
        return print_json({"processes": rows})
    columns: list[render.Column] = [
        ("process", "process", str),
        ("a case is one", "object_type", str),
        ("activities", "activities", render.count),
        ("promises", "promises", render.count),
        ("owner", "owner", str),
        ("here", "adopted", lambda adopted: "yes" if adopted else ""),
    ]
    render.table(console(), "catalogue", columns, rows)
    return console().print(
        "gembascope catalogue show PROCESS tells more, gembascope catalogue add PROCESS takes it over."
    )


@app.command("show")
def show(
    process: Annotated[str, typer.Argument(help="Process, as `gembascope catalogue` lists it.")], json: Json = False
) -> None:
    """One process: its activities, promises and owners, and what usually goes wrong in it."""
    from gembascope.catalogue import read_shipped

    shipped = read_shipped()
    found = shipped.catalogue.process(process)
    exceptions = [each for each in shipped.exceptions.values() if process in each.processes]
    document: dict[str, Any] = found.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    document["exceptions"] = [each.model_dump(mode="json") for each in exceptions]
    if json:
        return print_json(document)
    out = console()
    facts = [
        ("a case is one", found.object_type),
        ("linked", "\n".join(document.get("links", ["nothing"]))),
        ("owner", found.owner),
        ("calendar", found.calendar or "around the clock"),
        ("starts with", ", ".join(found.start)),
        ("ends with", ", ".join(found.end)),
    ]
    render.facts(out, f"{found.id}: {found.title}", facts)
    team = {step: owner for owner, steps in found.depends.items() for step in steps}
    activities = [{"activity": name, "owner": team.get(name, "")} for name in found.activities]
    render.table(out, "activities", [("activity", "activity", str), ("answers for it", "owner", str)], activities)
    promises: list[render.Column] = [
        ("promise", "name", str),
        ("from", "from", lambda name: name or "start"),
        ("to", "to", lambda name: name or "end"),
        ("within", "within", lambda within: within or "as the case says"),
    ]
    render.table(out, "promises", promises, document["promises"])
    troubles: list[render.Column] = [
        ("exception", "id", str),
        ("what it is", "title", str),
        ("severity", "severity", str),
        ("shown now by", "shown_by", lambda kinds: ", ".join(kinds) or "nothing yet"),
    ]
    return render.table(out, "what usually goes wrong", troubles, document["exceptions"])


@app.command("add")
def add(
    processes: Annotated[list[str] | None, typer.Argument(help="Processes to take over.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    home: Home = None,
    tenant: Tenant = None,
    json: Json = False,
) -> None:
    """Copy processes to the tenant's folder, with their calendars and owners.

    A file that is there stays as it is.
    """
    from gembascope.catalogue import adopt, read_shipped

    if every == bool(processes):
        raise InputError("name the processes to add, or give --all; `gembascope catalogue` lists them")
    settings = load_settings(home=home, tenant=tenant)
    shipped = read_shipped()
    chosen = list(shipped.catalogue.processes) if every else processes or []
    adopted = adopt(settings.home.expanduser(), settings.tenant, chosen, shipped)
    types = sorted({shipped.catalogue.processes[name].object_type for name in chosen})
    if json:
        folder = str(adopted.folder)
        return print_json({"folder": folder, "written": adopted.written, "kept": adopted.kept, "object_types": types})
    out = console()
    for name in adopted.written:
        out.print(f"written  {name}", soft_wrap=True)
    for name in adopted.kept:
        out.print(f"kept     {name}", soft_wrap=True)
    out.print(f"{len(adopted.written)} files written, {len(adopted.kept)} kept, in {adopted.folder}", soft_wrap=True)
    out.print("Next: fit owners, calendars and promises to yours, and run gembascope check.", soft_wrap=True)
    return out.print(
        f"Then load events of objects of these types ({', '.join(types)}): gembascope send FILE as they happen, or "
        "gembascope ingest FILE --process PROCESS.",
        soft_wrap=True,
    )


@app.command("docs")
def docs() -> None:
    """The whole catalogue and the fields of its files, as a Markdown page."""
    from gembascope.catalogue import read_shipped
    from gembascope.catalogue_page import catalogue_page

    print(catalogue_page(read_shipped()), end="")
