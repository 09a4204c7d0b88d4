"""The catalogue: processes of retail as they are shipped, with the calendars of their promises and the object types
that they are about. A tenant adopts what it wants of it by copy, and owns the copy.

Files: `processes/ID.yaml`, `calendars/ID.yaml` and `objects/ID.yaml`. A process of the catalogue says everything that a
process can be asked about, names known object types, and crosses no hub.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from ingest.object_types import ObjectType, crossed_hub
from kernel.calendar_definition import CalendarDefinition
from kernel.definitions import Place, line_of, read_folder, suggestion
from kernel.errors import DefinitionError, NotFound, Problem
from kernel.process import ProcessDefinition

SHIPPED = Path(__file__).parent

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What is shipped, by id and ordered by id; `folder` holds the folders of its files."""

    folder: Path
    processes: Mapping[str, ProcessDefinition]
    calendars: Mapping[str, CalendarDefinition]
    objects: Mapping[str, ObjectType]

    def process(self, name: str) -> ProcessDefinition:
        """One process; NotFound says which there are."""
        if name not in self.processes:
            hint, there = suggestion(name, self.processes), ", ".join(self.processes)
            raise NotFound(f"the catalogue has no process {name!r}{hint}; there are: {there}")
        return self.processes[name]


def read_catalogue(folder: Path = SHIPPED) -> Catalogue:
    """The catalogue in the folders below `folder`.

    Raises
    ------
    DefinitionError
        With the problems of all files, and with those between them where each is right by itself.
    """
    problems: list[Problem] = []

    def read(kind: str, model: type[Model], context: frozenset[str] | None = None) -> dict[str, Model]:
        try:
            found = read_folder(folder / kind, model, context=context)
        except DefinitionError as error:
            problems.extend(error.problems)
            return {}
        return {name: definition for name, (definition, _) in found.items()}

    calendars = read("calendars", CalendarDefinition)
    objects = read("objects", ObjectType)
    names = frozenset(path.stem for path in (folder / "calendars").glob("*.yaml"))
    processes = read("processes", ProcessDefinition, names)
    if not problems:
        for name, definition in processes.items():
            problems += _problems(definition, folder / "processes" / f"{name}.yaml", objects)
    if problems:
        raise DefinitionError(sorted(problems))
    return Catalogue(folder, {name: d.with_calendars(calendars) for name, d in processes.items()}, calendars, objects)


def _problems(definition: ProcessDefinition, path: Path, objects: Mapping[str, ObjectType]) -> Iterator[Problem]:
    def problem(place: Place, message: str) -> Problem:
        return Problem(str(path), line_of(path, place), f"{'.'.join(str(part) for part in place)}: {message}")

    for field in ("title", "activities", "start", "end", "case_attributes", "owner", "calendar", "promises"):
        if not getattr(definition, field):
            yield problem((field,), "is needed in the catalogue")
    if definition.activities and definition.order != definition.activities:
        yield problem(
            ("order",), "is not the list of activities; in the catalogue they are listed in their normal order"
        )
    if definition.object_type not in objects:
        hint = suggestion(definition.object_type, objects)
        yield problem(("object_type",), f"no object type {definition.object_type!r}{hint}")
    for number, link in enumerate(definition.links):
        for name in link[1:]:
            if name not in objects:
                yield problem(("links", number), f"no object type {name!r}{suggestion(name, objects)}")
        if (crossed := crossed_hub(link, objects)) is not None:
            yield problem(("links", number), crossed)
    known = {attribute.name for attribute in definition.case_attributes}
    for place, name in _attributes(definition):
        if name not in known:
            yield problem(place, f"{name!r} is not among the case attributes{suggestion(name, known)}")
    if definition.value is not None and (held := objects.get(definition.object_type)) is not None:
        if not held.money:
            yield problem(("value",), f"the object type {held.id} has no money")
        elif definition.value.attribute != held.money:
            message = f"{definition.value.attribute!r} is not the money of {held.id}, which is {held.money!r}"
            yield problem(("value",), message)


def _attributes(definition: ProcessDefinition) -> Iterator[tuple[Place, str]]:
    """Case attributes that the definition names, besides where it declares them."""
    if definition.store is not None:
        yield ("store",), definition.store
    if definition.value is not None:
        yield ("value",), definition.value.attribute
        if definition.value.currency_attribute is not None:
            yield ("value",), definition.value.currency_attribute
    for number, population in enumerate(definition.excluded):
        yield ("excluded", number), population.attribute
    for number, promise in enumerate(definition.promises):
        if promise.by_attribute is not None:
            yield ("promises", number, "by_attribute"), promise.by_attribute
        for name, _ in promise.where:
            yield ("promises", number, "where"), name
        for position, condition in enumerate(promise.unless):
            for name, _ in condition:
                yield ("promises", number, "unless", position), name
