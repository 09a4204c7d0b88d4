"""From a file to processes that answer: load, define what is new, project, report readiness."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from api.touched import refresh_touched
from ingest.load import Load, LoadReport, LoadRequest
from ingest.mapping import Mapping
from kernel.clock import Clock
from kernel.errors import DefinitionError, InputError, NotFound
from kernel.process import CaseAttribute, ProcessDefinition, Processes, write_process
from kernel.warehouse import Warehouse
from mining.answers import readiness
from mining.projection import refresh
from mining.segmenting import segmenting_attributes
from mining.view import ProcessView

Progress = Callable[[str, int, int], None]
"""Called with the phase ("loading", "building"), what is done and all there is to do."""


class IngestOptions(BaseModel):
    """How a file is loaded; the fields of the command line."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    process: str = Field(
        default="", description="Process that the log belongs to; events in the form that is sent need none."
    )
    file_name: str = Field(default="upload", max_length=500, description="What the file is called, for reports.")
    source: str | None = Field(default=None, description="Source of the events; the process by default.")
    format: str | None = Field(default=None, description="Format of the file; recognised when absent.")
    mapping: Mapping = Field(default_factory=Mapping, description="Columns by meaning.")
    accept_guess: bool = Field(default=False, description="Fill gaps of the mapping from the header.")
    delimiter: str | None = Field(default=None, max_length=1, description="Delimiter of a CSV file.")
    mode: str = Field(default="backfill", pattern="^(backfill|live)$", description="backfill or live.")
    max_bad_share: float = Field(default=0.05, ge=0, le=1, description="Share of bad rows that stops the load.")
    pseudonymise_actors: bool = Field(default=False, description="Replace actor names by keyed pseudonyms.")

    def request(self, path: Path, tenant: str, key: str | None) -> LoadRequest:
        """The load that these options describe; InputError when pseudonyms are asked for and there is no key."""
        if self.pseudonymise_actors and not key:
            raise InputError("--pseudonymise-actors needs a key: set GEMBASCOPE_PSEUDONYM_KEY where the home is served")
        return LoadRequest(
            path=path,
            process=self.process,
            tenant=tenant,
            source=self.source,
            format=self.format,
            mapping=self.mapping,
            accept_guess=self.accept_guess,
            delimiter=self.delimiter,
            mode=self.mode,
            max_bad_share=self.max_bad_share,
            pseudonym_key=key if self.pseudonymise_actors else None,
            file_name=self.file_name,
        )


def load_file(
    warehouse: Warehouse,
    clock: Clock,
    processes: Processes,
    request: LoadRequest,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Load one file and bring its processes up to date; the document that `ingest` prints.

    Raises
    ------
    InputError
        As `Load.run`, and when the process id cannot be one.
    """
    if request.process:
        _check_process(request)
    load = Load(warehouse, clock, request)
    if not request.process and load.kind != "events":
        raise InputError(f"{request.shown_name}: name the process that it belongs to (--process)")
    begun = clock.now()

    def loading(done: int, total: int) -> None:
        if progress is not None:
            progress("loading", done, total)

    report = load.run(loading)
    definitions = define_processes(warehouse, processes, request, report) if load.kind != "events" else []
    reports = []
    for position, definition in enumerate(definitions):
        if progress is not None:
            progress("building", position, len(definitions))
        refresh(warehouse, clock, request.tenant, definition)
        view = ProcessView(warehouse, request.tenant, definition)
        reports.append(readiness(view, log=request.process))
    done = {definition.id for definition in definitions}
    problems = refresh_touched(warehouse, clock, request.tenant, processes, report.changed_types, but=done)
    document = asdict(report)
    document.pop("object_types")
    document.pop("changed_types")
    loaded_at = document.pop("already_loaded_at")
    document["already_loaded_at"] = loaded_at.isoformat().replace("+00:00", "Z") if loaded_at else None
    document["seconds"] = round((clock.now() - begun).total_seconds(), 3)
    document["processes"] = [definition.id for definition in definitions]
    document["readiness"] = reports
    document["definition_problems"] = problems
    return document


def _check_process(request: LoadRequest) -> None:
    try:
        ProcessDefinition(id=request.process, object_type=request.object_type)
    except ValueError:
        raise InputError(
            f"process: {request.process!r} cannot be an id; use small letters, digits, '.', '_' and '-'"
        ) from None


def define_processes(
    warehouse: Warehouse, processes: Processes, request: LoadRequest, report: LoadReport
) -> list[ProcessDefinition]:
    """The processes of a load, those that are new written to the home: `ID` for a log with one case per event, or for
    the object type that the definition of `ID` in the home names, and `ID.TYPE` for each other object type."""
    own_type = _own_type(processes, request)
    definitions = []
    taken: dict[str, str] = {}
    for object_type in report.object_types:
        process = request.process
        if object_type != own_type:
            process = f"{request.process}.{_slug(object_type, taken)}"[:120]
        path = processes.folder / f"{process}.yaml"
        if path.exists():
            definitions.append(processes.get(process))
            continue
        names = segmenting_attributes(warehouse, request.tenant, object_type)
        definition = ProcessDefinition(
            id=process,
            title=process if object_type == own_type else f"{request.process}: {object_type}",
            object_type=object_type,
            case_attributes=tuple(CaseAttribute(name=name) for name in names),
        )
        write_process(processes.folder, definition)
        definitions.append(definition)
    return definitions


def _own_type(processes: Processes, request: LoadRequest) -> str:
    """The object type whose objects are the cases of the process that the load names."""
    try:
        return processes.get(request.process).object_type
    except (NotFound, DefinitionError):  # a wrong definition says so where it is used
        return request.object_type


def _slug(object_type: str, taken: dict[str, str]) -> str:
    """A piece of an id for an object type; two types that look alike in small letters get numbers."""
    base = re.sub(r"[^a-z0-9_-]+", "-", object_type.lower()).strip("-") or "objects"
    slug, number = base, 2
    while taken.setdefault(slug, object_type) != object_type:
        slug, number = f"{base}-{number}", number + 1
    return slug
