"""All definition files of a tenant, checked at once: each by itself, and what it names in the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from anomalies.rules import Rules, read_rule
from kernel.calendar_definition import CalendarDefinition
from kernel.definitions import line_of, read_definition, suggestion
from kernel.errors import DefinitionError, Problem
from kernel.owners import Owner, Owners, problems_between
from kernel.process import ProcessDefinition, Processes
from orchestration_hooks.alerts.policy import AlertPolicy
from orchestration_hooks.connections import Connections, read_connection
from orchestration_hooks.playbook import Playbook

KINDS = ("processes", "calendars", "owners", "rules", "playbooks", "connections", "alerts")
"""The folders of a tenant, one per kind of definition."""
Found = TypeVar("Found")


@dataclass(slots=True)
class Checked:
    """What was checked: the ids that are right, by kind, and every problem, by file and line."""

    ids: dict[str, list[str]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def read(self, kind: str, folder: Path, read: Callable[[Path], Found]) -> tuple[dict[str, Found], dict[str, Path]]:
        """The definitions of a folder that are right by themselves, and their files."""
        found: dict[str, Found] = {}
        paths = {}
        for path in sorted(folder.glob("*.yaml")):
            try:
                found[path.stem] = read(path)
                paths[path.stem] = path
            except DefinitionError as error:
                self.problems += error.problems
        self.ids[kind] = list(found)
        return found, paths


def check(home: Path, tenant: str) -> Checked:
    """Check every definition of a tenant. Where a kind has wrong files, what others name of it is not looked up: the
    one mistake is told once. Secrets are not read."""
    checked = Checked()
    folder = home / "tenants" / tenant
    calendar_names = frozenset(path.stem for path in (folder / "calendars").glob("*.yaml"))
    checked.read("calendars", folder / "calendars", lambda path: read_definition(path, CalendarDefinition))
    processes, _ = checked.read(
        "processes",
        Processes(home, tenant).folder,
        lambda path: read_definition(path, ProcessDefinition, context=calendar_names),
    )
    known_processes = None if checked.problems else processes
    connections, _ = checked.read("connections", Connections(home, tenant).folder, read_connection)
    whole = len(connections) == len(list(Connections(home, tenant).folder.glob("*.yaml")))
    known_connections = {name: found.kind for name, found in connections.items()} if whole else None

    _owners(checked, home, tenant, calendar_names, known_processes, known_connections)
    checked.read("rules", Rules(home, tenant, dict).folder, lambda path: read_rule(path, known_processes))
    playbooks, paths = checked.read(
        "playbooks", folder / "playbooks", lambda path: read_definition(path, Playbook, context=calendar_names)
    )
    for name, playbook in playbooks.items():
        checked.problems += _of_playbook(playbook, paths[name], known_processes, known_connections)
    checked.read(
        "alerts", folder / "alerts", lambda path: read_definition(path, AlertPolicy, context=known_connections)
    )
    checked.problems = sorted(set(checked.problems))
    return checked


def _owners(
    checked: Checked,
    home: Path,
    tenant: str,
    calendars: frozenset[str],
    processes: Mapping[str, ProcessDefinition] | None,
    connections: Mapping[str, str] | None,
) -> None:
    folder = Owners(home, tenant).folder
    owners, paths = checked.read("owners", folder, lambda path: read_definition(path, Owner, context=calendars))
    if processes is not None and len(owners) == len(list(folder.glob("*.yaml"))):
        checked.problems += problems_between(owners, paths, processes)
    for name, owner in owners.items():
        if owner.channel:
            checked.problems += _missing(owner.channel, connections, paths[name], ("channel",))


def _of_playbook(
    playbook: Playbook,
    path: Path,
    processes: Mapping[str, ProcessDefinition] | None,
    connections: Mapping[str, str] | None,
) -> Iterator[Problem]:
    process, place = playbook.trigger.match.process, ("trigger", "match", "process")
    if processes is not None and process not in processes:
        hint = suggestion(process, processes)
        yield Problem(str(path), line_of(path, place), f"{'.'.join(place)}: no process {process!r}{hint}")
    for position, step in enumerate(playbook.steps):
        for _, name in step.outside():
            yield from _missing(name, connections, path, ("steps", position))


def _missing(
    name: str, connections: Mapping[str, str] | None, path: Path, place: tuple[str | int, ...]
) -> Iterator[Problem]:
    if connections is not None and name not in connections:
        where = ".".join(str(part) for part in place)
        yield Problem(
            str(path), line_of(path, place), f"{where}: no connection {name!r}{suggestion(name, connections)}"
        )
