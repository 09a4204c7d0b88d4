"""The exceptions of retail: classes of trouble, with what they are, how bad they usually are, and who mends them.

Files: `exceptions/ID.yaml`, shipped. They name processes and object types of the catalogue, and the kinds of findings
that show them now; an exception without any is one that nothing detects yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from ingest.catalogue import Catalogue
from kernel.definitions import Place, line_of, read_folder, suggestion
from kernel.errors import DefinitionError, Problem
from kernel.findings import Kind, Severity

SHIPPED = Path(__file__).parent / "exceptions"


class ExceptionClass(BaseModel):
    """One class of trouble; the file's name is its id."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    id: str = Field(pattern=r"^[a-z][a-z0-9_]{0,79}$", description="Name that detectors and playbooks use.")
    title: str = Field(min_length=1, description="Name shown to people.")
    about: str = Field(min_length=1, description="What is wrong then, and how it shows in events.")
    severity: Severity = Field(description="How bad it is where nothing else is known: low, medium, high or critical.")
    object_type: str = Field(min_length=1, description="Object type that is in trouble.")
    processes: tuple[str, ...] = Field(min_length=1, description="Processes of the catalogue in which it occurs.")
    shown_by: tuple[Kind, ...] = Field(
        default=(), description="Kinds of findings that show it now; none: nothing detects it yet."
    )
    outcome_owner: str = Field(min_length=1, description="Team that usually answers for the outcome.")
    dependency_owner: str = Field(
        default="", description="Team that usually answers for what broke it; absent where that is the same, or open."
    )


def read_exceptions(catalogue: Catalogue, folder: Path = SHIPPED) -> dict[str, ExceptionClass]:
    """Exceptions by id, ordered by id.

    Raises
    ------
    DefinitionError
        With the problems of all files, and then with what they name that the catalogue does not have.
    """
    found = read_folder(folder, ExceptionClass)
    problems = [problem for exception, path in found.values() for problem in _problems(exception, path, catalogue)]
    if problems:
        raise DefinitionError(problems)
    return {name: exception for name, (exception, _) in found.items()}


def _problems(exception: ExceptionClass, path: Path, catalogue: Catalogue) -> Iterator[Problem]:
    def problem(place: Place, message: str) -> Problem:
        return Problem(str(path), line_of(path, place), f"{'.'.join(map(str, place))}: {message}")

    if exception.object_type not in catalogue.objects:
        hint = suggestion(exception.object_type, catalogue.objects)
        yield problem(("object_type",), f"no object type {exception.object_type!r}{hint}")
    for number, name in enumerate(exception.processes):
        if name not in catalogue.processes:
            yield problem(("processes", number), f"no process {name!r}{suggestion(name, catalogue.processes)}")
