"""`gembascope ingest`: files in, with the readiness report after each load."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from api.loading import IngestOptions
from gembascope import render
from gembascope.commands.answers import render_readiness
from gembascope.commands.options import Home, Json, Tenant, console, print_json, workspace
from gembascope.commands.progress import progress_bar
from ingest.mapping import Mapping, read_mapping
from kernel.errors import InputError, MappingError, TooManyBad
from mining.answers import Document

app = typer.Typer()
COUNTS = ("received", "stored", "duplicate", "quarantined", "refused")


@app.command("ingest")
def ingest_(
    files: Annotated[
        list[Path], typer.Argument(help="CSV, Parquet, NDJSON, events as they are sent, XES, OCEL 1 or 2; .gz as well.")
    ],
    process: Annotated[
        str, typer.Option("--process", help="Process that the log belongs to; events as they are sent need none.")
    ] = "",
    case: Annotated[str | None, typer.Option(help="Column of the case id.")] = None,
    activity: Annotated[str | None, typer.Option(help="Column of the activity.")] = None,
    time: Annotated[str | None, typer.Option(help="Column of the time stamp.")] = None,
    start: Annotated[str | None, typer.Option(help="Column of the time the activity began.")] = None,
    actor: Annotated[str | None, typer.Option(help="Column of who or what did it.")] = None,
    event_id: Annotated[str | None, typer.Option(help="Column of the source's own event id.")] = None,
    system: Annotated[str | None, typer.Option(help="Column that names the system of each row.")] = None,
    mapping: Annotated[Path | None, typer.Option(help="YAML file with the mapping; flags win over it.")] = None,
    guess: Annotated[bool, typer.Option("--guess", help="Fill the gaps from common headers, and say so.")] = False,
    timezone: Annotated[str | None, typer.Option(help="Zone of stamps that carry none: Europe/Berlin.")] = None,
    time_format: Annotated[str | None, typer.Option(help="strftime pattern, or epoch_s, epoch_ms, epoch_us.")] = None,
    delimiter: Annotated[str | None, typer.Option(help="Delimiter of CSV files, found in the header else.")] = None,
    source: Annotated[str | None, typer.Option(help="Source of the events; the process by default.")] = None,
    format_: Annotated[str | None, typer.Option("--format", help="Format; recognised when absent.")] = None,
    max_bad: Annotated[str, typer.Option(help="Share of bad rows that stops the load, such as 5%% or 0.")] = "5%",
    live: Annotated[bool, typer.Option("--live", help="These events are news, not history.")] = False,
    pseudonymise_actors: Annotated[
        bool, typer.Option("--pseudonymise-actors", help="Replace actor names, keyed by GEMBASCOPE_PSEUDONYM_KEY.")
    ] = False,
    home: Home = None,
    tenant: Tenant = None,
    json: Json = False,
) -> None:
    """Load event logs and say what they are fit for."""
    columns = {
        "case": case,
        "activity": activity,
        "time": time,
        "start": start,
        "actor": actor,
        "event_id": event_id,
        "source": system,
        "timezone": timezone,
        "time_format": time_format,
    }
    chosen = _mapping(mapping, columns)
    reports = []
    with workspace(home, tenant) as asked:
        for path in files:
            options = IngestOptions(
                process=process,
                file_name=path.name,
                source=source,
                format=format_,
                mapping=chosen,
                accept_guess=guess,
                delimiter=delimiter,
                mode="live" if live else "backfill",
                max_bad_share=_share(max_bad),
                pseudonymise_actors=pseudonymise_actors,
            )
            with progress_bar(path.name) as report:
                reports.append(asked.ingest(path, options, report))
            if not json:
                _print(reports[-1])
    if json:
        print_json(_together(reports))
    if all(report["received"] == report["quarantined"] for report in reports) and any(
        report["received"] for report in reports
    ):
        raise TooManyBad("every row is in quarantine: nothing could be loaded")


def _mapping(path: Path | None, columns: dict[str, str | None]) -> Mapping:
    base = read_mapping(path) if path is not None else Mapping()
    given = {name: value for name, value in columns.items() if value is not None}
    try:
        return Mapping.model_validate(base.model_dump() | given)
    except ValueError as error:
        raise MappingError(str(error).splitlines()[2].strip().removeprefix("Value error, ")) from None


def _share(text: str) -> float:
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise InputError(f"max-bad: {text!r} is not a share such as 5% or 0.05")
    return value


def _together(reports: list[Document]) -> Document:
    total: dict[str, Any] = {name: sum(report[name] for report in reports) for name in COUNTS}
    total["seconds"] = round(sum(report["seconds"] for report in reports), 3)
    return total | {"files": reports}


def _print(report: Document) -> None:
    out = console()
    for name, column in report["guessed"].items():
        out.print(f"guessed: {name} is the column {column!r}")
    if report["already_loaded_at"]:
        out.print(f"{report['file']}: loaded before ({render.moment(report['already_loaded_at'])}); nothing changed")
    counts = ", ".join(f"{render.count(report[name])} {name}" for name in COUNTS)
    out.print(f"{report['file']}: {counts} in {report['seconds']:.1f} s")
    for readiness in report["readiness"]:
        render_readiness(readiness)
    for wrong in report["definition_problems"]:
        out.print(f"not brought up to date: {wrong}")
    shown = f"map {report['processes'][0]}" if report["processes"] else "overview"
    out.print(f"next: gembascope {shown}")
