"""Process definitions: a perspective on the log, chosen when it is read.

A process names its case notion (an object type), which events belong, their normal order, where a case starts
and ends, and what good looks like. Files: `processes/ID.yaml` in the home, and those that the product ships.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PrivateAttr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from kernel.calendar import ALWAYS_OPEN, BusinessCalendar
from kernel.calendar_definition import CalendarDefinition
from kernel.case_value import CaseValue
from kernel.clock import Clock, SystemClock
from kernel.definitions import read_definition, read_folder, suggestion
from kernel.errors import DefinitionError, NotFound, Problem
from kernel.link_path import read_link_paths, written
from kernel.pack import Pack, with_packs
from kernel.promise import CalendarName, Promise, price_problems, problems_of
from kernel.target import Target

PROCESS_ID = r"^[a-z0-9][a-z0-9._-]{0,119}$"


LinkPath = Annotated[tuple[str, ...], PlainSerializer(written, when_used="json")]
"""Object types from the case notion on; in YAML `order -> delivery -> parcel`."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class CaseAttribute(_Part):
    """An event attribute that cases can be filtered and grouped by."""

    name: str = Field(min_length=1, description="Name of the event attribute.")
    take: Literal["first", "last", "max"] = Field(
        default="last", description="Which value counts when it changes within a case."
    )


class Population(_Part):
    """Cases that the figures leave out, by name: tests, training, staff purchases."""

    name: str = Field(min_length=1, description="Name shown in the readiness report.")
    attribute: str = Field(description="Case attribute that tells them.")
    values: tuple[str, ...] = Field(min_length=1, description="Values of it that belong to this population.")


def _fits(promise: Promise, info: ValidationInfo) -> Promise:
    problems = []
    if "activities" in info.data and "end" in info.data:
        problems += problems_of(promise, info.data["activities"], info.data["end"])
    if "value" in info.data:
        problems += price_problems(promise, info.data["value"])
    if problems:
        raise ValueError("; ".join(problems))
    return promise


class ProcessDefinition(_Part):
    """One process; the file's name is its id."""

    id: str = Field(pattern=PROCESS_ID, description="Name used by commands and addresses.")
    title: str = Field(default="", description="Name shown to people.")
    object_type: str = Field(min_length=1, description="Case notion: the object type whose objects are cases.")
    links: tuple[LinkPath, ...] = Field(
        default=(),
        description="Link paths, such as order -> delivery -> parcel: the events of the objects that they reach belong "
        "to the case. Only links between the types named are followed.",
    )
    activities: tuple[str, ...] = Field(
        default=(), description="Activities that belong; empty means every activity of the object type."
    )
    lifecycles: tuple[str, ...] = Field(
        default=(), description="Lifecycle states that belong, such as complete; empty means all."
    )
    order: tuple[str, ...] = Field(
        default=(), description="Normal order of activities; decides between events of the same instant."
    )
    start: tuple[str, ...] = Field(default=(), description="Activities that begin a case.")
    end: tuple[str, ...] = Field(default=(), description="Activities after which a case is complete; empty: unknown.")
    targets: tuple[Target, ...] = Field(default=(), description="Target waits of single steps.")
    case_attributes: tuple[CaseAttribute, ...] = Field(
        default=(),
        description="Event attributes that cases are filtered by, besides those of the object itself.",
    )
    excluded: tuple[Population, ...] = Field(default=(), description="Populations that figures leave out.")
    store: str | None = Field(
        default=None,
        min_length=1,
        description="Case attribute that names the store of a case, an object's own or one of case_attributes. Absent: "
        "whoever may read some stores only is answered nothing about this process.",
    )
    owner: str = Field(default="", description="Team that answers for the outcome.")
    depends: dict[str, tuple[str, ...]] = Field(
        default={},
        description="Teams that answer for steps when these break the outcome, each with its activities. A scope of an "
        "owner that fits wins.",
    )
    calendar: CalendarName | None = Field(
        default=None,
        description="Calendar of its promises, a file of the folder calendars; absent: around the clock in UTC.",
    )
    value: CaseValue | None = Field(default=None, description="How much money is at stake in a case.")
    promises: tuple[Annotated[Promise, AfterValidator(_fits)], ...] = Field(
        default=(), max_length=100, description="What every case is promised, and by when."
    )
    _calendars: Mapping[str, CalendarDefinition] = PrivateAttr(default_factory=dict)

    @field_validator("promises")
    @classmethod
    def _names_once(cls, promises: tuple[Promise, ...]) -> tuple[Promise, ...]:
        names = [promise.name for promise in promises]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two promises are called {repeated[0]!r}")
        return promises

    @field_validator("links", mode="before")
    @classmethod
    def _link_paths(cls, value: Any, info: ValidationInfo) -> Any:
        return read_link_paths(value, info.data.get("object_type"))

    @field_validator("depends")
    @classmethod
    def _one_team_per_step(cls, depends: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        steps = [step for steps in depends.values() for step in steps]
        if repeated := sorted({step for step in steps if steps.count(step) > 1}):
            raise ValueError(f"{repeated[0]!r} is given twice")
        return depends

    @model_validator(mode="after")
    def _consistent(self) -> ProcessDefinition:
        if len(set(self.order)) != len(self.order):
            repeated = next(name for name in self.order if self.order.count(name) > 1)
            raise ValueError(f"order names {repeated!r} twice")
        if self.activities:
            named = [*self.order, *self.start, *self.end]
            named += [name for target in self.targets for name in (target.source, target.target)]
            named += [name for steps in self.depends.values() for name in steps]
            for name in named:
                if name not in self.activities:
                    hint = suggestion(name, self.activities)
                    raise ValueError(f"{name!r} is not among the process's activities{hint}")
        return self

    @property
    def hash(self) -> bytes:
        """16 bytes that change when, and only when, the definition or a calendar of its promises does."""
        own = hashlib.blake2b(self.model_dump_json().encode(), digest_size=16)
        for promise in self.promises:
            calendar = self.calendar_of(promise)
            own.update(calendar.fingerprint.encode())
            if calendar.definition.public_holidays is not None:
                own.update(_holidays_version().encode())
        return own.digest()

    @property
    def calendar_names(self) -> set[str]:
        """The calendars that it names."""
        return {name for name in (self.calendar, *(promise.calendar for promise in self.promises)) if name is not None}

    def calendar_of(self, promise: Promise) -> BusinessCalendar:
        """The calendar of one of its promises; ValueError when the definition was made without its calendars."""
        return self._calendar(promise.calendar or self.calendar)

    @property
    def own_calendar(self) -> BusinessCalendar:
        """The calendar of the process itself; ValueError when the definition was made without its calendars."""
        return self._calendar(self.calendar)

    def _calendar(self, name: str | None) -> BusinessCalendar:
        if name is None:
            return ALWAYS_OPEN
        if name not in self._calendars:
            raise ValueError(f"the definition of {self.id} was made without its calendar {name!r}")
        return BusinessCalendar(self._calendars[name])

    def with_calendars(self, calendars: Mapping[str, CalendarDefinition]) -> ProcessDefinition:
        """The same definition with the calendars that it names, taken from these."""
        found = self.model_copy()
        found._calendars = {name: calendars[name] for name in self.calendar_names}
        return found


def read_process(path: Path) -> ProcessDefinition:
    """The process in one file, with the calendars beside its folder; `DefinitionError` lists all problems."""
    folder = _calendar_folder(path.parent)
    return _with_calendars_of(folder, read_definition(path, ProcessDefinition, context=_names(folder)))


def _with_calendars_of(folder: Path, definition: ProcessDefinition) -> ProcessDefinition:
    problems: list[Problem] = []
    calendars = {}
    for name in sorted(definition.calendar_names):
        try:
            calendars[name] = read_definition(folder / f"{name}.yaml", CalendarDefinition)
        except DefinitionError as error:
            problems += error.problems
    if problems:
        raise DefinitionError(problems)
    return definition.with_calendars(calendars)


@cache
def _holidays_version() -> str:
    """Another version may know other public holidays."""
    return version("holidays")


def _calendar_folder(processes: Path) -> Path:
    return processes.parent / "calendars"


def _names(folder: Path) -> frozenset[str]:
    return frozenset(path.stem for path in folder.glob("*.yaml"))


def write_process(folder: Path, definition: ProcessDefinition) -> Path:
    """Write a definition that a load created, for its owner to extend; an existing file stays as it is."""
    path = folder / f"{definition.id}.yaml"
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    content = definition.model_dump(mode="json", exclude_defaults=True, by_alias=True)
    header = "# Created by the first load of this process. Add start, end, order, targets and owner.\n"
    partial = path.with_suffix(".tmp")
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)
    partial.write_text(header + text, encoding="utf-8")
    partial.rename(path)
    return path


class Processes:
    """The process definitions of one tenant, with their calendars and the packs in force: the folders in the home, read
    anew when asked."""

    def __init__(self, home: Path, tenant: str, clock: Clock | None = None) -> None:
        """`clock`: says which packs are in force; that of the system where there is none."""
        self.folder = home / "tenants" / tenant / "processes"
        self.calendar_folder = _calendar_folder(self.folder)
        self.pack_folder = self.folder.parent / "packs"
        self.clock = clock or SystemClock()

    def calendars(self) -> dict[str, CalendarDefinition]:
        """Calendars by id, ordered by id; `DefinitionError` lists the problems of all files."""
        return {name: found for name, (found, _) in read_folder(self.calendar_folder, CalendarDefinition).items()}

    def packs(self) -> dict[str, tuple[Pack, Path]]:
        """Packs by id with their files, in force or not; `DefinitionError` lists the problems of all files."""
        return read_folder(self.pack_folder, Pack, context=_names(self.calendar_folder))

    def all(self) -> dict[str, ProcessDefinition]:
        """Definitions by id, ordered by id; `DefinitionError` lists the problems of all files, calendars and packs
        included."""
        problems: list[Problem] = []
        calendars: dict[str, CalendarDefinition] = {}
        found: dict[str, tuple[ProcessDefinition, Path]] = {}
        packs: dict[str, tuple[Pack, Path]] = {}
        try:
            calendars = self.calendars()
        except DefinitionError as error:
            problems += error.problems
        try:
            found = read_folder(self.folder, ProcessDefinition, context=_names(self.calendar_folder))
        except DefinitionError as error:
            problems += error.problems
        try:
            packs = self.packs()
        except DefinitionError as error:
            problems += error.problems
        changed = {}
        now = self.clock.now()
        for name, (definition, _) in found.items():
            try:
                changed[name] = with_packs(definition, packs, now)
            except DefinitionError as error:
                problems += error.problems
        if problems:
            raise DefinitionError(problems)
        return {name: definition.with_calendars(calendars) for name, definition in changed.items()}

    def get(self, process: str) -> ProcessDefinition:
        """One definition.

        Raises
        ------
        NotFound
            With the processes that exist.
        DefinitionError
            With the problems of its file, of its calendars and of packs.
        """
        path = self.folder / f"{process}.yaml"
        if "/" in process or "\0" in process or not path.is_file():
            raise no_such_process(process, sorted(p.stem for p in self.folder.glob("*.yaml")))
        definition = read_definition(path, ProcessDefinition, context=_names(self.calendar_folder))
        return _with_calendars_of(self.calendar_folder, with_packs(definition, self.packs(), self.clock.now()))


def no_such_process(process: str, known: list[str]) -> NotFound:
    """The error of whoever asked for a process that is not one of `known`, with what they may have meant."""
    have = f"; there are: {', '.join(known[:20])}" if known else "; none is loaded yet"
    return NotFound(f"no process {process!r}{suggestion(process, known)}{have}")
