"""`gembascope mapping`: mapping packs, and the proof that they do what they say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gembascope import render
from gembascope.commands.options import Home, Json, Listing, Tenant, console, print_json
from kernel.clock import SystemClock
from kernel.errors import DefinitionError, InputError
from kernel.settings import load_settings

if TYPE_CHECKING:
    from ingest.mappings.contract import Contract
    from ingest.mappings.pack import MappingPack

app = typer.Typer(cls=Listing, help="How what sources say becomes events, and the proof of it.")
Pack = Annotated[str, typer.Argument(help="A pack, as `gembascope mapping list` names it, or the path of its file.")]


@app.command("list")
def list_(home: Home = None, tenant: Tenant = None, json: Json = False) -> None:
    """Every mapping pack: those that are shipped, and those of the tenant."""
    from ingest.mappings.contract import fixtures
    from ingest.mappings.pack import SHIPPED, MappingPacks

    settings = load_settings(home=home, tenant=tenant)
    packs, rows = MappingPacks(settings.home.expanduser(), settings.tenant), []
    for name in packs.names():
        path = packs.path(name)
        row: dict[str, Any] = {
            "pack": name,
            "shipped": path.parent == SHIPPED,
            "path": str(path),
            "fixtures": len(fixtures(path)),
        }
        try:
            found = packs.get(name)
            row |= {"version": found.version, "title": found.title, "rules": len(found.rules), "problems": 0}
        except DefinitionError as error:
            row |= {"version": None, "title": "", "rules": None, "problems": len(error.problems)}
        rows.append(row)
    if json:
        return print_json({"packs": rows})
    columns: list[render.Column] = [
        ("pack", "pack", str),
        ("for", "title", render.name),
        ("version", "version", render.count),
        ("rules", "rules", render.count),
        ("fixtures", "fixtures", render.count),
        ("problems", "problems", render.count),
        ("", "shipped", lambda shipped: "shipped" if shipped else "own"),
    ]
    render.table(console(), "mapping packs", columns, rows)
    return console().print("gembascope mapping test PACK holds one against what was recorded.")


@app.command("test")
def hold(
    pack: Annotated[list[str] | None, typer.Argument(help="Packs, by name or path; all of them without one.")] = None,
    home: Home = None,
    tenant: Tenant = None,
    json: Json = False,
) -> None:
    """Hold packs against their fixtures: what was recorded has to become the same events. Exits with 1 where it does
    not, or where a rule is proven by no fixture."""
    from ingest.mappings.contract import prove

    settings = load_settings(home=home, tenant=tenant)
    contracts: list[Contract] = []
    for name in pack or _names(settings.home.expanduser(), settings.tenant):
        path, found = _found(name, settings.home.expanduser(), settings.tenant)
        contracts.append(prove(found, path, SystemClock()))
    kept = all(one.kept for one in contracts)
    if json:
        print_json(
            {
                "kept": kept,
                "packs": [
                    {
                        "pack": one.pack,
                        "version": one.version,
                        "kept": one.kept,
                        "unproven_rules": one.unproven,
                        "fixtures": [
                            {
                                "fixture": verdict.fixture,
                                "events": verdict.events,
                                "quarantined": verdict.quarantined,
                                "ignored": verdict.ignored,
                                "differences": verdict.differences,
                            }
                            for verdict in one.verdicts
                        ],
                    }
                    for one in contracts
                ],
            }
        )
    else:
        for one in contracts:
            _show(one)
    if not kept:
        raise typer.Exit(1)


def _show(contract: Contract) -> None:
    out = console()
    word = "kept" if contract.kept else "NOT KEPT"
    events = sum(one.events for one in contract.verdicts)
    out.print(
        f"{contract.pack} {contract.version}: {word}; fixtures {len(contract.verdicts)}, events {events:,}",
        soft_wrap=True,
    )
    if not contract.verdicts:
        out.print("  no fixture is there: record one with gembascope mapping record", soft_wrap=True)
    for rule in contract.unproven:
        out.print(f"  no fixture has a record for the rule {rule!r}", soft_wrap=True)
    for one in contract.verdicts:
        if one.differences:
            out.print(f"  {one.fixture}:", soft_wrap=True)
            for line in one.differences:
                out.print(f"    {line}", soft_wrap=True)


@app.command("record")
def record(
    pack: Pack,
    file: Annotated[Path, typer.Argument(help="What a source sent, as it came.", exists=True, dir_okay=False)],
    header: Annotated[list[str] | None, typer.Option(help="NAME=VALUE that came with it; again: more.")] = None,
    key: Annotated[str, typer.Option(help="Where it is from, such as a topic and an offset.")] = "fixture",
    name: Annotated[str, typer.Option(help="Keep it beside the pack under this name, instead of printing it.")] = "",
    home: Home = None,
    tenant: Tenant = None,
) -> None:
    """Make a fixture of a delivery, with what the pack makes of it now. Look it over before you keep it."""
    from ingest.mappings.contract import record as recorded
    from ingest.mappings.mapper import Mapper
    from ingest.sources.delivery import Delivery

    settings = load_settings(home=home, tenant=tenant)
    path, found = _found(pack, settings.home.expanduser(), settings.tenant)
    headers = {}
    for one in header or []:
        left, there, value = one.partition("=")
        if not there:
            raise InputError(f"--header: expected NAME=VALUE, got {one!r}")
        headers[left.lower()] = value
    content = recorded(Mapper(found), [Delivery(file.read_bytes(), key, headers)], SystemClock())
    if not name:
        return typer.echo(content.decode(), nl=False)
    folder = path.parent / path.stem
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{Path(name).stem}.json").write_bytes(content)
    return console().print(f"kept as {folder / Path(name).stem}.json", soft_wrap=True)


def _names(home: Path, tenant: str) -> list[str]:
    from ingest.mappings.pack import MappingPacks

    return MappingPacks(home, tenant).names()


def _found(name: str, home: Path, tenant: str) -> tuple[Path, MappingPack]:
    from ingest.mappings.pack import MappingPack, MappingPacks
    from kernel.definitions import read_definition

    packs = MappingPacks(home, tenant)
    path = Path(name) if name.endswith(".yaml") else packs.path(name)
    return path, read_definition(path, MappingPack)
