"""`gembascope export`: a process's log as a file for other tools, or to load it elsewhere."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Annotated, Any

import typer

from gembascope import render
from gembascope.commands.options import COMMON, KEYWORD, Process, console, filter_words, print_json, register, workspace
from gembascope.commands.progress import progress_bar
from ingest.export import KINDS, kind_of_file, mapping_file
from kernel.errors import InputError

app = typer.Typer()

Out = Annotated[Path, typer.Option("--out", help="File to write: .xes, .xes.gz, .json, .sqlite, .parquet or .csv.")]
Format = Annotated[str | None, typer.Option("--format", help=f"{', '.join(KINDS)}; by the file's name when absent.")]
Force = Annotated[bool, typer.Option("--force", help="Replace a file that is there.")]


def _export(**given: Any) -> None:
    process, out, force = given.pop("process"), given.pop("out"), given.pop("force")
    home, tenant, json = (given.pop(key) for key in COMMON)
    kind = kind_of_file(out, given.pop("format"))
    _check_place(out, kind, force=force)
    with workspace(home, tenant) as asked, progress_bar(out.name) as report:
        found = asked.export(process, kind, out, filter_words(**given), report)
    if json:
        print_json(found)
        return
    shown = console()
    shown.print(
        f"wrote {out}: {render.count(found['cases'])} cases, {render.count(found['events'])} events", soft_wrap=True
    )
    if found["mapping"] is not None:
        shown.print(
            f"to load it: gembascope ingest {out} --process {process} --mapping {found['mapping']}", soft_wrap=True
        )


def _check_place(out: Path, kind: str, *, force: bool) -> None:
    """Refuse, before any work, what cannot be written or must not be replaced."""
    if not out.parent.is_dir():
        raise InputError(f"out: there is no folder {out.parent}")
    for path in (out, mapping_file(out, kind)):
        if path is None or not (path.exists() or path.is_symlink()):
            continue
        if path.is_dir():
            raise InputError(f"out: {path} is a folder")
        if not force:
            raise InputError(f"out: {path} exists; --force replaces it")


def _own(name: str, kind: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, KEYWORD, default=default, annotation=kind)


register(
    app,
    "export",
    _export,
    [_own("process", Process), _own("out", Out), _own("format", Format, None), _own("force", Force, False)],
    "Write a process's log as XES, OCEL 2.0, Parquet or CSV.",
)
