"""Owners: the teams that answer for a process, and for the steps, interfaces, stores and carriers that it depends on.

Files: `owners/ID.yaml` in a tenant's folder. Of trouble two owners are named: who answers for the outcome (`owns`), and
who answers for what broke it (`depends`). The most specific scope wins: one that names all that another names, and
more. Scopes of two owners that both fit the same trouble, and of which neither is the more specific, are a mistake
that `problems_between` finds; a scope that names what both name settles it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import combinations
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator

from kernel.calendar_definition import iso_date, known_timezone
from kernel.clock import Clock
from kernel.definitions import line_of, read_folder, suggestion
from kernel.errors import DefinitionError, Problem
from kernel.process import ProcessDefinition, Processes
from kernel.promise import CalendarName, parse_within

DIMENSIONS = ("process", "step", "interface", "store", "region", "carrier")
"""What trouble can be about."""

Subject = Mapping[str, str]
"""What one trouble is about: a value for some of DIMENSIONS; an empty one counts as none."""

OwnerOf = Callable[[Subject], tuple[str, str]]
"""The owner of the outcome and the owner of the dependency, by id; "" where there is none."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Scope(_Part):
    """What is owned. All that is named must fit."""

    process: str = Field(default="", description="Id of a process.")
    step: str = Field(default="", description="Activity of the process.")
    interface: str = Field(default="", description="Source of events, or a connection between two.")
    store: str = Field(default="", description="Store, as the cases name it.")
    region: str = Field(default="", description="Region, as the cases name it.")
    carrier: str = Field(default="", description="Carrier, as the cases name it.")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.named:
            raise ValueError(f"names nothing: give at least one of {', '.join(DIMENSIONS)}")
        if self.step and not self.process:
            raise ValueError("names a step without its process")
        return self

    @property
    def named(self) -> dict[str, str]:
        """The dimensions that it names, with their values."""
        return {name: value for name in DIMENSIONS if (value := getattr(self, name))}

    def fits(self, subject: Subject) -> bool:
        return all(subject.get(name) == value for name, value in self.named.items())

    def __str__(self) -> str:
        return ", ".join(f"{name} {value}" for name, value in self.named.items())


def _after(text: str) -> str:
    parse_within(text)
    return text


class Escalation(_Part):
    """Who is told next when nobody has answered."""

    after: Annotated[str, AfterValidator(_after)] = Field(
        description="How long nobody has answered: 4h, or on the owner's calendar 4 working hours."
    )
    to: str = Field(min_length=1, description="Id of the owner that is told then.")


Day = Annotated[date, BeforeValidator(iso_date), PlainSerializer(date.isoformat, when_used="json")]


class Duty(_Part):
    """Who is on duty, from the beginning of one day to the beginning of another."""

    person: str = Field(min_length=1, description="One of the members.")
    begins: Day = Field(alias="from", description="First day, in the owner's zone.")
    until: Day = Field(description="The day on which it is over.")

    @model_validator(mode="after")
    def _lasts(self) -> Self:
        if self.until <= self.begins:
            raise ValueError("until must be after from: the duty ends when that day begins")
        return self


class Owner(_Part):
    """One team; the file's name is its id."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,119}$", description="Name used by definitions and addresses.")
    title: str = Field(default="", description="Name shown to people.")
    owns: tuple[Scope, ...] = Field(default=(), description="Outcomes that it answers for.")
    depends: tuple[Scope, ...] = Field(
        default=(), description="Steps, interfaces and partners that it answers for when they break others' outcomes."
    )
    members: tuple[str, ...] = Field(default=(), description="People, by the name that they sign in with.")
    deputy: str = Field(default="", description="Who decides when the members do not, by the name they sign in with.")
    rota: tuple[Duty, ...] = Field(default=(), description="Who is on duty when; the first entry that fits counts.")
    timezone: Annotated[str, AfterValidator(known_timezone)] = Field(
        default="UTC", description="Zone in which the days of the rota are days."
    )
    calendar: CalendarName | None = Field(default=None, description="Working hours; absent: around the clock.")
    channel: str = Field(default="", description="Connection over which it is told.")
    escalation: tuple[Escalation, ...] = Field(default=(), description="Who is told next, in order.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for duty in self.rota:
            if duty.person not in self.members:
                hint = suggestion(duty.person, self.members)
                raise ValueError(f"rota: {duty.person!r} is not among the members{hint}")
        if self.deputy and self.deputy in self.members:
            raise ValueError(f"deputy: {self.deputy!r} is a member, and stands in for nobody then")
        return self

    @property
    def shown(self) -> str:
        return self.title or self.id

    def on_duty(self, at: datetime) -> str:
        """Who is on duty at an instant: by the rota, else the first member; "" where there is nobody."""
        day = at.astimezone(ZoneInfo(self.timezone)).date()
        by_rota = (duty.person for duty in self.rota if duty.begins <= day < duty.until)
        return next(by_rota, self.members[0] if self.members else "")


@dataclass(frozen=True, slots=True)
class Claim:
    """That an owner answers for a scope. `side`: owns or depends; `position` of the scope in the file."""

    owner: str
    side: Literal["owns", "depends"]
    scope: Scope
    position: int


class OwnerBook:
    """All owners of a tenant, and whose what is."""

    def __init__(self, owners: Mapping[str, Owner], processes: Mapping[str, ProcessDefinition] | None = None) -> None:
        """`processes`: an `owner`, and those of `depends`, that a process names count where no scope fits."""
        self.owners = dict(owners)
        self._claims = list(_claims(self.owners.values()))
        self._of_process = {name: found.owner for name, found in (processes or {}).items() if found.owner}
        self._of_step = {
            (name, step): owner
            for name, found in (processes or {}).items()
            for owner, steps in found.depends.items()
            for step in steps
        }

    def __call__(self, subject: Subject) -> tuple[str, str]:
        """As `OwnerOf`."""
        given = {name: value for name, value in subject.items() if value}
        outcome = self._most_specific("owns", given) or self._of_process.get(given.get("process", ""), "")
        step = (given.get("process", ""), given.get("step", ""))
        return outcome, self._most_specific("depends", given) or self._of_step.get(step, "")

    def _most_specific(self, side: str, subject: Subject) -> str:
        fitting = [claim for claim in self._claims if claim.side == side and claim.scope.fits(subject)]
        # Where `problems_between` finds nothing, the one that names the most names all that the others do.
        best = max(fitting, key=lambda claim: (len(claim.scope.named), claim.owner), default=None)
        return best.owner if best is not None else ""


def _claims(owners: Iterable[Owner]) -> Iterator[Claim]:
    for owner in owners:
        for position, scope in enumerate(owner.owns):
            yield Claim(owner.id, "owns", scope, position)
        for position, scope in enumerate(owner.depends):
            yield Claim(owner.id, "depends", scope, position)


def ambiguities(owners: Iterable[Owner]) -> list[tuple[Claim, Claim]]:
    """Pairs of claims of two owners that can fit the same trouble, with neither the more specific and no claim that
    settles it; each pair once."""
    claims = list(_claims(owners))
    settled = {(claim.side, frozenset(claim.scope.named.items())) for claim in claims}
    found = []
    for one, other in combinations(claims, 2):
        first, second = one.scope.named, other.scope.named
        if one.owner == other.owner or one.side != other.side:
            continue
        if any(first[name] != second[name] for name in first.keys() & second.keys()):
            continue
        both = frozenset((first | second).items())
        strictly = both in (frozenset(first.items()), frozenset(second.items())) and first != second
        if not strictly and (first == second or (one.side, both) not in settled):
            found.append((one, other))
    return found


class Owners:
    """The owner definitions of one tenant: a folder in the home, read anew when asked."""

    def __init__(self, home: Path, tenant: str, clock: Clock | None = None) -> None:
        """`clock`: as of `Processes`."""
        self.folder = home / "tenants" / tenant / "owners"
        self._processes = Processes(home, tenant, clock)

    def book(self) -> OwnerBook:
        """All owners.

        Raises
        ------
        DefinitionError
            With the problems of all files, also of processes, and what is ambiguous between them.
        """
        processes = self._processes.all()
        read = read_folder(self.folder, Owner, context=frozenset(self._processes.calendars()))
        owners = {name: owner for name, (owner, _) in read.items()}
        paths = {name: path for name, (_, path) in read.items()}
        problems = list(problems_between(owners, paths, processes))
        if problems:
            raise DefinitionError(problems)
        return OwnerBook(owners, processes)


def problems_between(
    owners: Mapping[str, Owner], paths: Mapping[str, Path], processes: Mapping[str, ProcessDefinition]
) -> Iterator[Problem]:
    """What does not fit between the files: unknown processes, steps and owners, and what is ambiguous."""
    for owner in owners.values():
        path = paths[owner.id]
        for claim in _claims([owner]):
            place = (claim.side, claim.position)
            for field, message in _unknown(claim.scope, processes):
                yield Problem(str(path), line_of(path, (*place, field)), f"{_written(claim)}.{field}: {message}")
        for position, step in enumerate(owner.escalation):
            if step.to not in owners:
                message = f"escalation.{position}.to: no owner {step.to!r}{suggestion(step.to, owners)}"
                yield Problem(str(path), line_of(path, ("escalation", position, "to")), message)
    for name, process in processes.items():
        if owners:
            file = next(iter(paths.values())).parent.parent / "processes" / f"{name}.yaml"
            named: list[tuple[tuple[str, ...], str]] = [(("owner",), process.owner)]
            named += [(("depends", each), each) for each in process.depends]
            for where, team in named:
                if team and team not in owners:
                    hint = suggestion(team, owners)
                    yield Problem(str(file), line_of(file, where), f"{'.'.join(where)}: no owner {team!r}{hint}")
    for one, other in ambiguities(owners.values()):
        path = paths[other.owner]
        yield Problem(
            str(path),
            line_of(path, (other.side, other.position)),
            f"{_written(other)}: {other.scope} and {one.scope} of {one.owner} can both fit, and neither is the more "
            "specific; add a scope that names what both name, or take one away",
        )


def _written(claim: Claim) -> str:
    return f"{claim.side}.{claim.position}"


def _unknown(scope: Scope, processes: Mapping[str, ProcessDefinition]) -> Iterator[tuple[str, str]]:
    if not scope.process:
        return
    if scope.process not in processes:
        yield "process", f"no process {scope.process!r}{suggestion(scope.process, processes)}"
        return
    definition = processes[scope.process]
    known: Collection[str] = definition.activities or definition.order
    if scope.step and known and scope.step not in known:
        hint = suggestion(scope.step, known)
        yield "step", f"{scope.step!r} is not among the activities of {scope.process}{hint}"
