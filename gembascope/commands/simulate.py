"""`gembascope simulate`: a retailer at work, and what its systems tell of it."""

from __future__ import annotations

import time
from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gembascope import render
from gembascope.commands.live import send_all, service_of, tell_faults, tell_systems, today
from gembascope.commands.options import Home, Json, Tenant, console, print_json
from gembascope.commands.progress import progress_bar
from kernel.errors import DefinitionError, InputError
from kernel.settings import load_settings
from simulator.faults.scenario import Scenario, read_scenario, too_late

if TYPE_CHECKING:
    from simulator.emit.writing import Written

app = typer.Typer()
FIRST = date(2026, 3, 2)
"""The first day where none is given: a fixed one, so that the same command writes the same."""


@app.command("simulate")
def simulate_(
    out: Annotated[Path | None, typer.Option("--out", help="Folder to write into: one that is empty or new.")] = None,
    format_: Annotated[
        list[str] | None,
        typer.Option("--format", help="events, native, ocel2 or parquet; again: that too. Parquet else."),
    ] = None,
    days: Annotated[int, typer.Option(help="How many days.", min=1, max=3650)] = 28,
    orders_per_day: Annotated[float, typer.Option(help="Orders on a usual day.", min=0, max=1_000_000)] = 500,
    scenario: Annotated[
        str, typer.Option(help="What goes wrong: a YAML file, or the name of one shipped.")
    ] = "nothing",
    seed: Annotated[int, typer.Option(help="Another seed makes another retailer.", min=0)] = 7,
    start: Annotated[
        str | None, typer.Option(help="The first day: 2026-03-02 by default; live, such that the last one is today.")
    ] = None,
    copies: Annotated[
        int, typer.Option(help="So many times over, of later weeks and other objects; Parquet alone.")
    ] = 1,
    live: Annotated[
        bool, typer.Option("--live", help="Send to the running service, as it happens, instead of writing files.")
    ] = False,
    speed: Annotated[
        float, typer.Option(help="Live: how many times faster, until it has caught up with now.", min=0.001)
    ] = 600,
    url: Annotated[
        str | None, typer.Option(help="Live: a service elsewhere, with GEMBASCOPE_API_KEY; else that of the home.")
    ] = None,
    home: Home = None,
    tenant: Tenant = None,
    json: Json = False,
) -> None:
    """Let a retailer work for some days, and write what its systems tell."""
    from simulator.emit.copies import copies_of
    from simulator.emit.writing import write
    from simulator.simulation import Simulation

    if copies < 1:
        raise InputError(f"copies: expected 1 or more, got {copies}")
    if live:
        if copies > 1:
            raise InputError("copies: only files hold copies; leave --copies away, or --live")
        if out is not None or format_:
            raise InputError("live: sends to a service; leave --out and --format away, or --live")
        first = _first(start) if start is not None else today() - timedelta(days=days - 1)
        chosen = _scenario(scenario, days)
        simulation = Simulation(first=first, days=days, orders_per_day=orders_per_day, seed=seed, scenario=chosen)
        send_all(simulation, service_of(load_settings(home=home, tenant=tenant), url), speed, json=json)
        return
    if out is None:
        raise InputError("out: name a folder to write into with --out, or send to a service with --live")
    formats = _formats(format_ or ["parquet"])
    if copies > 1 and formats != ["parquet"]:
        raise InputError("copies: only Parquet holds copies; leave --copies away, or every --format but parquet")
    chosen = _scenario(scenario, days)
    first = _first(start)
    try:
        copies_of(first, days, copies)
    except ValueError as error:
        raise InputError(f"copies: {error}") from None
    _check_place(out)
    begun = time.monotonic()
    simulation = Simulation(first=first, days=days, orders_per_day=orders_per_day, seed=seed, scenario=chosen)
    with progress_bar(out.name) as report:
        written = write(
            simulation, out.absolute(), formats, lambda done, total: report("writing", done, total), copies=copies
        )
    seconds = round(time.monotonic() - begun, 1)
    if json:
        faults = [one | {"affected": len(one["affected"])} for one in written.truth["faults"]]
        document = {"events": sum(written.events.values()), "systems": written.events, "files": written.files}
        print_json(document | {"truth": written.truth | {"faults": faults}, "seconds": seconds})
        return
    _tell(written, out, seconds)


def _formats(given: list[str]) -> list[str]:
    from simulator.emit.writing import FORMATS

    for name in given:
        if name not in FORMATS:
            raise InputError(f"format: {name!r} is none of {', '.join(FORMATS)}")
    return list(dict.fromkeys(given))


def _scenario(name: str, days: int) -> Scenario:
    path = Path(name)
    found = read_scenario(path)
    if problems := list(too_late(found, path, days)):
        raise DefinitionError(problems)
    return found


def _first(text: str | None) -> date:
    if text is None:
        return FIRST
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise InputError(f"start: {text!r} is not a day such as 2026-03-02") from None
    if not 1971 <= found.year < 2180:
        raise InputError(f"start: {text} is not between the years 1971 and 2179")
    return found


def _check_place(out: Path) -> None:
    """Refuse, before any work, what cannot be written or must not be replaced."""
    if not out.absolute().parent.is_dir():
        raise InputError(f"out: there is no folder {out.absolute().parent}")
    if out.is_dir() and any(out.iterdir()):
        raise InputError(f"out: {out} is not empty; name another folder, or remove it")
    if out.exists() and not out.is_dir():
        raise InputError(f"out: {out} is a file")


def _tell(written: Written, out: Path, seconds: float) -> None:
    """What a stranger wants to know: how much came from where, what went wrong, and which files there are."""
    shown, truth = console(), written.truth
    total = sum(written.events.values())
    copies = len(truth.get("copies", ()))
    often = f", {copies} copies" if copies else ""
    shown.print(
        f"scenario {truth['scenario']}, {truth['days']} days from {truth['first_day']}, "
        f"{truth['orders_per_day']:g} orders a day, seed {truth['seed']}{often}: "
        f"{render.count(total)} events in {seconds:.1f} s",
        soft_wrap=True,
    )
    tell_systems(written.events)
    tell_faults(truth | {"faults": [one for one in truth["faults"] if one.get("copy", 1) == 1]})
    if copies:
        shown.print(f"That is the first copy; {out / 'truth.json'} tells what went wrong in each.", soft_wrap=True)
    folders: dict[str, list[int]] = defaultdict(list)
    for name, size in written.files.items():
        folders[str(Path(out, *Path(name).parts[:2]))].append(size)  # a system's own files as one
    rows = [{"file": name, "files": len(sizes), "size": sum(sizes)} for name, sizes in folders.items()]
    columns: list[render.Column] = [
        ("file or folder", "file", str),
        ("files", "files", render.count),
        ("size", "size", _size),
    ]
    render.table(shown, "files", columns, rows)


def _size(size: int) -> str:
    return f"{size / 2**20:,.1f} MiB" if size >= 2**20 else f"{size / 2**10:,.1f} KiB"
