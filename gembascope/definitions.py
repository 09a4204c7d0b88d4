"""All definition files of a tenant, checked at once: each by itself, and what it names in the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

from anomalies.rules import Rules, read_rule
from ingest.mappings.pack import MappingPack
from ingest.object_types import crossed_hub, read_object_types
from ingest.sources.definition import SourceDefinition, SourceDefinitions
from kernel.calendar_definition import CalendarDefinition
from kernel.definitions import line_of, read_definition, suggestion
from kernel.errors import DefinitionError, Problem
from kernel.owners import Owner, Owners, problems_between
from kernel.pack import Files, Pack, contradictions, with_packs
from kernel.process import ProcessDefinition, Processes
from orchestration_hooks.alerts.policy import AlertPolicy
from orchestration_hooks.connections import Connections, read_connection
from orchestration_hooks.playbook import Playbook

KINDS = (
    "processes",
    "packs",
    "calendars",
    "owners",
    "rules",
    "playbooks",
    "connections",
    "alerts",
    "mappings",
    "sources",
)
"""The folders of a tenant, one per kind of definition."""
Found = TypeVar("Found")


@dataclass(slots=True)
class Checked:
    """What was checked: the ids that are right, by kind, every problem, by file and line, and notes: what is right and
    should be known."""

    ids: dict[str, list[str]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)

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


def check(home: Path, tenant: str, now: datetime) -> Checked:
    """Check every definition of a tenant. Where a kind has wrong files, what others name of it is not looked up: the
    one mistake is told once. What processes are named for is looked up in them with the packs that are in force `now`;
    packs to come are checked too, those that are over are noted. Secrets are not read."""
    checked = Checked()
    folder = home / "tenants" / tenant
    calendar_names = frozenset(path.stem for path in (folder / "calendars").glob("*.yaml"))
    checked.read("calendars", folder / "calendars", lambda path: read_definition(path, CalendarDefinition))
    processes, paths_of_processes = checked.read(
        "processes",
        Processes(home, tenant).folder,
        lambda path: read_definition(path, ProcessDefinition, context=calendar_names),
    )
    _hubs(checked, processes, paths_of_processes)
    packs, paths_of_packs = checked.read(
        "packs", folder / "packs", lambda path: read_definition(path, Pack, context=calendar_names)
    )
    known_processes = None
    if not checked.problems:
        files = {name: (pack, paths_of_packs[name]) for name, pack in packs.items()}
        _packs(checked, files, processes, now)
        if not checked.problems:
            known_processes = {name: with_packs(found, files, now) for name, found in processes.items()}
    connections, _ = checked.read("connections", Connections(home, tenant).folder, read_connection)
    whole = len(connections) == len(list(Connections(home, tenant).folder.glob("*.yaml")))
    known_connections = {name: found.kind for name, found in connections.items()} if whole else None

    owners = _owners(checked, home, tenant, calendar_names, known_processes, known_connections)
    for name, pack in packs.items():
        if owners is not None and pack.owner not in owners:
            path = paths_of_packs[name]
            message = f"owner: no owner {pack.owner!r}{suggestion(pack.owner, owners)}"
            checked.problems.append(Problem(str(path), line_of(path, ("owner",)), message))
    checked.read("rules", Rules(home, tenant, dict).folder, lambda path: read_rule(path, known_processes))
    playbooks, paths = checked.read(
        "playbooks", folder / "playbooks", lambda path: read_definition(path, Playbook, context=calendar_names)
    )
    for name, playbook in playbooks.items():
        checked.problems += _of_playbook(playbook, paths[name], known_processes, known_connections)
    checked.read(
        "alerts", folder / "alerts", lambda path: read_definition(path, AlertPolicy, context=known_connections)
    )
    _sources(checked, home, tenant)
    checked.problems = sorted(set(checked.problems))
    checked.notes = sorted(set(checked.notes))
    return checked


def _sources(checked: Checked, home: Path, tenant: str) -> None:
    """Sources and the mapping packs that they name, those that are shipped among them."""
    definitions = SourceDefinitions(home, tenant)
    checked.read("mappings", definitions.packs.folder, lambda path: read_definition(path, MappingPack))
    sources, paths = checked.read("sources", definitions.folder, lambda path: read_definition(path, SourceDefinition))
    names = definitions.packs.names()
    for name, source in sources.items():
        if source.pack not in names:
            message = f"pack: no mapping pack {source.pack!r}{suggestion(source.pack, names)}"
            checked.problems.append(Problem(str(paths[name]), line_of(paths[name], ("pack",)), message))


def _hubs(checked: Checked, processes: Mapping[str, ProcessDefinition], paths: Mapping[str, Path]) -> None:
    if not any(len(link) > 2 for process in processes.values() for link in process.links):
        return
    types = read_object_types()
    for name, process in processes.items():
        for number, link in enumerate(process.links):
            if (crossed := crossed_hub(link, types)) is not None:
                place = ("links", number)
                note = Problem(str(paths[name]), line_of(paths[name], place), f"links.{number}: {crossed}")
                checked.notes.append(note)


def _packs(checked: Checked, files: Files, processes: Mapping[str, ProcessDefinition], now: datetime) -> None:
    """Those in force and those to come, each by itself and against each other."""
    coming = {}
    for name, (pack, path) in files.items():
        if pack.over(now):
            note = f"until: the pack is over since {pack.until}: {pack.process} is what its file says; remove it"
            checked.notes.append(Problem(str(path), line_of(path, ("until",)), note))
        elif pack.process not in processes:
            message = f"process: no process {pack.process!r}{suggestion(pack.process, processes)}"
            checked.problems.append(Problem(str(path), line_of(path, ("process",)), message))
        else:
            coming[name] = (pack, path)
            begins = datetime.combine(pack.begins, time(), ZoneInfo(pack.timezone))
            try:
                with_packs(processes[pack.process], {name: (pack, path)}, max(begins, now))
            except DefinitionError as error:
                checked.problems += error.problems
    checked.problems += contradictions(coming)
    if not checked.problems:
        for process in processes.values():
            try:
                with_packs(process, coming, now)
            except DefinitionError as error:
                checked.problems += error.problems


def _owners(
    checked: Checked,
    home: Path,
    tenant: str,
    calendars: frozenset[str],
    processes: Mapping[str, ProcessDefinition] | None,
    connections: Mapping[str, str] | None,
) -> Mapping[str, Owner] | None:
    """The owners; None where a file of theirs is wrong."""
    folder = Owners(home, tenant).folder
    owners, paths = checked.read("owners", folder, lambda path: read_definition(path, Owner, context=calendars))
    whole = len(owners) == len(list(folder.glob("*.yaml")))
    if processes is not None and whole:
        checked.problems += problems_between(owners, paths, processes)
    for name, owner in owners.items():
        if owner.channel:
            checked.problems += _missing(owner.channel, connections, paths[name], ("channel",))
    return owners if whole else None


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
