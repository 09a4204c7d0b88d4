"""The whole catalogue, of all packages that ship a part of it, and how a tenant adopts processes of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from anomalies.exceptions import SHIPPED as EXCEPTIONS
from anomalies.exceptions import ExceptionClass, read_exceptions
from ingest.catalogue import Catalogue, read_catalogue
from kernel.definitions import line_of, suggestion
from kernel.errors import DefinitionError, Problem
from kernel.owners import Owner
from orchestration_hooks.shipped_owners import SHIPPED as OWNERS
from orchestration_hooks.shipped_owners import needed, read_owners


@dataclass(frozen=True, slots=True)
class Shipped:
    """What is shipped about retail: processes, calendars and object types, exceptions, owners."""

    catalogue: Catalogue
    exceptions: dict[str, ExceptionClass]
    owners: dict[str, Owner]


@dataclass(frozen=True, slots=True)
class Adopted:
    """What adopting did: files written, and files kept as they were, relative to the folder of the tenant and in the
    order in which they were looked at."""

    folder: Path
    written: list[str]
    kept: list[str]


def read_shipped() -> Shipped:
    """All of it; `DefinitionError` lists what is wrong."""
    catalogue = read_catalogue()
    owners = read_owners(catalogue)
    return Shipped(catalogue, owned_exceptions(catalogue, owners), owners)


def owned_exceptions(
    catalogue: Catalogue, owners: Mapping[str, Owner], folder: Path = EXCEPTIONS
) -> dict[str, ExceptionClass]:
    """As `read_exceptions`; their owners must be among `owners` too."""
    exceptions = read_exceptions(catalogue, folder)
    problems = []
    for name, exception in exceptions.items():
        for field in ("outcome_owner", "dependency_owner"):
            team = getattr(exception, field)
            if team and team not in owners:
                path = folder / f"{name}.yaml"
                message = f"{field}: no owner {team!r}{suggestion(team, owners)}"
                problems.append(Problem(str(path), line_of(path, (field,)), message))
    if problems:
        raise DefinitionError(problems)
    return exceptions


def adopt(home: Path, tenant: str, processes: Collection[str], shipped: Shipped) -> Adopted:
    """Copy these processes into the folder of a tenant, with the calendars and the owners that they need; with all
    processes all calendars.

    A file that is there stays as it is. Calendars and owners come before the processes that name them, and each file
    appears whole or not at all, so a service that runs meanwhile reads nothing that is half there.

    Raises
    ------
    NotFound
        One of the processes is not in the catalogue; then nothing is written.
    """
    chosen = [shipped.catalogue.process(name) for name in sorted(set(processes))]
    teams = {team for process in chosen for team in (process.owner, *process.depends)}
    owners = needed(shipped.owners, teams)
    named = (calendar for name in owners if (calendar := shipped.owners[name].calendar) is not None)
    calendars = {*named, *(calendar for process in chosen for calendar in process.calendar_names)}
    if len(chosen) == len(shipped.catalogue.processes):
        calendars |= shipped.catalogue.calendars.keys()
    sources = [shipped.catalogue.folder / "calendars" / f"{name}.yaml" for name in sorted(calendars)]
    sources += [OWNERS / f"{name}.yaml" for name in owners]
    sources += [shipped.catalogue.folder / "processes" / f"{process.id}.yaml" for process in chosen]
    adopted = Adopted(home / "tenants" / tenant, [], [])
    for source in sources:
        path = adopted.folder / source.parent.name / source.name
        if path.exists():
            adopted.kept.append(f"{source.parent.name}/{source.name}")
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".tmp")
        partial.write_bytes(source.read_bytes())
        partial.rename(path)
        adopted.written.append(f"{source.parent.name}/{source.name}")
    return adopted
