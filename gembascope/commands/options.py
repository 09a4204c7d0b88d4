"""Options that several commands share, and what they turn into."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import msgspec
import typer
from rich.console import Console
from typer.core import TyperGroup

from gembascope.workspace import Workspace, open_workspace
from kernel.settings import load_settings

Home = Annotated[Path | None, typer.Option("--home", help="Folder of the home; GEMBASCOPE_HOME by default.")]
Tenant = Annotated[str | None, typer.Option("--tenant", help="Tenant; GEMBASCOPE_TENANT by default.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
Process = Annotated[str, typer.Argument(help="Process id, as `gembascope processes` lists them.")]

FILTERS: dict[str, tuple[Any, Any]] = {
    "since": (Annotated[str | None, typer.Option(help="Cases from here on: 2026-01-31, or time with zone.")], None),
    "until": (Annotated[str | None, typer.Option(help="Cases before this.")], None),
    "anchor": (
        Annotated[
            str,
            typer.Option(
                help="What is compared: started, ended, active, or due: the first due instant of a promise not kept "
                "yet, when all are kept the last one."
            ),
        ],
        "started",
    ),
    "case_attr": (
        Annotated[list[str] | None, typer.Option(help="NAME=VALUE; again: another name (and) or value (or).")],
        None,
    ),
    "activity": (Annotated[list[str] | None, typer.Option(help="The case holds it; again: all of them.")], None),
    "variant": (Annotated[list[str] | None, typer.Option(help="Variant id; again: any of them.")], None),
    "min_duration": (Annotated[str | None, typer.Option(help="Shortest case, such as 4h.")], None),
    "max_duration": (Annotated[str | None, typer.Option(help="Longest case.")], None),
    "edge_source": (Annotated[str | None, typer.Option(help="The case goes from this activity …")], None),
    "edge_target": (Annotated[str | None, typer.Option(help="… directly to this one.")], None),
    "state": (Annotated[list[str] | None, typer.Option(help="open, complete or unknown; again: any.")], None),
}
"""The filters of every reading command: type and default by name."""


class Listing(TyperGroup):
    """A command with subcommands that lists when none is named."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or (args[0].startswith("-") and args[0] not in ("-h", "--help")):
            args = ["list", *args]
        return super().parse_args(ctx, args)


COMMON: dict[str, tuple[Any, Any]] = {"home": (Home, None), "tenant": (Tenant, None), "json": (Json, False)}

KEYWORD = inspect.Parameter.KEYWORD_ONLY
Show = Callable[..., None]
Options = Callable[..., dict[str, str]]


def reading(app: typer.Typer, name: str, options: Options) -> Callable[[Show], Show]:
    """Register a reading command that takes all filters.

    The decorated function gets the document, the process and the command's own options, which `options` turns into
    those of the answer; its docstring is the help.
    """

    def decorate(show: Show) -> Show:
        hints = get_type_hints(show, include_extras=True)
        own = [p for p in inspect.signature(show).parameters.values() if p.name not in ("found", "process")]

        def command(**given: Any) -> None:
            process, home, tenant, json = (given.pop(key) for key in ("process", *COMMON))
            mine = {parameter.name: given.pop(parameter.name) for parameter in own}
            with workspace(home, tenant) as asked:
                found = asked.answer(name, process, filter_words(**given), options(**mine))
            if json:
                print_json(found)
            else:
                show(found, process, **mine)

        parameters = [inspect.Parameter("process", KEYWORD, annotation=Process)]
        parameters += [p.replace(kind=KEYWORD, annotation=hints[p.name]) for p in own]
        register(app, name, command, parameters, show.__doc__ or "")
        return show

    return decorate


def register(
    app: typer.Typer, name: str, command: Callable[..., None], own: list[inspect.Parameter], summary: str
) -> None:
    """Register a command that takes parameters of its own, all filters and the common options, by keyword."""
    shared = [
        inspect.Parameter(key, KEYWORD, default=default, annotation=kind)
        for key, (kind, default) in (FILTERS | COMMON).items()
    ]
    parameters = [*own, *shared]
    # Typer reads a command's options from its signature; that a function may carry one, mypy does not know.
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    command.__doc__ = summary
    app.command(name)(command)


def filter_words(**given: Any) -> dict[str, list[str]]:
    """Filter options as the words that `mining.filters.read_filter` reads."""
    words: dict[str, list[str]] = {}
    for name, value in given.items():
        if isinstance(value, list):
            words[name] = value
        elif value is not None:
            words[name] = [str(value)]
    return words


@contextmanager
def workspace(home: Path | None, tenant: str | None) -> Iterator[Workspace]:
    """The workspace that a command works on, closed behind it."""
    opened = open_workspace(load_settings(home=home, tenant=tenant))
    try:
        yield opened
    finally:
        opened.close()


def print_json(document: Any) -> None:
    """One JSON document, and nothing else, on standard output."""
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")
    sys.stdout.flush()


def console(*, error: bool = False) -> Console:
    return Console(stderr=error, highlight=False, markup=False)
