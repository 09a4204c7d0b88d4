"""The progress bar of a command that moves a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from gembascope import render
from gembascope.commands.options import console
from gembascope.workspace import Progress as Report


@contextmanager
def progress_bar(file_name: str) -> Iterator[Report]:
    """A bar on standard error per phase of the work on one file; nothing where that is no terminal."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console(error=True), transient=True) as bar:
        tasks: dict[str, TaskID] = {}

        def report(phase: str, done: int, total: int) -> None:
            if phase not in tasks:
                tasks[phase] = bar.add_task(f"{phase} {render.name(file_name)}", total=total)
            bar.update(tasks[phase], completed=done, total=total)

        yield report
