"""Packs: what a tenant, or a brand, a region or a store of it, does otherwise than a process says, until a stated day.

Files: `packs/ID.yaml` in a tenant's folder. A pack has an owner, a reason and an end, so that a licensed exception ends
by itself: from that day on the process is what its file says. Where processes are read the packs in force are applied,
so maps, promises, rules and `check` all see the same, and a projection is rebuilt when one begins or ends.

A pack for the whole tenant may change activities, their order, start and end, promises, targets, owner and calendar.
One for some cases (`for`) may change what is promised to these, and license activities: of an event nobody knows
beforehand whether its case is one of them, so a licensed activity belongs to the process everywhere. Where both change
the same promise the one for some cases wins. Two packs that change the same otherwise contradict each other, unless no
case or no day can have both.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date, datetime
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    model_validator,
)

from kernel.calendar_definition import iso_date, known_timezone
from kernel.condition import Condition, apart
from kernel.definitions import Place, line_of, suggestion
from kernel.errors import DefinitionError, Problem
from kernel.promise import CalendarName, Promise
from kernel.target import Target

if TYPE_CHECKING:
    from kernel.process import ProcessDefinition

DIMENSIONS = ("brand", "region", "store")
"""Case attributes that a pack may be limited by."""

Day = Annotated[date, BeforeValidator(iso_date), PlainSerializer(date.isoformat, when_used="json")]
Files = Mapping[str, tuple["Pack", Path]]
"""Packs by id, each with its file."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Additions(_Part):
    """What a pack adds."""

    activities: tuple[str, ...] = Field(default=(), description="Activities that belong too, last in the order.")
    start: tuple[str, ...] = Field(default=(), description="Activities that begin a case too.")
    end: tuple[str, ...] = Field(default=(), description="Activities after which a case is complete too.")


class Removals(_Part):
    """What a pack takes away."""

    activities: tuple[str, ...] = Field(default=(), description="Activities that no longer belong.")
    start: tuple[str, ...] = Field(default=(), description="Activities that no longer begin a case.")
    end: tuple[str, ...] = Field(default=(), description="Activities that no longer complete a case.")
    promises: tuple[str, ...] = Field(default=(), description="Names of promises that are not made.")


class Replacements(_Part):
    """What a pack says in the place of what the process says."""

    order: tuple[str, ...] = Field(default=(), description="Normal order of activities.")
    owner: str = Field(default="", description="Team that answers for the outcome.")
    calendar: CalendarName | None = Field(default=None, description="Calendar of the promises.")
    targets: tuple[Target, ...] = Field(
        default=(), description="Target waits; each in the place of that of the same step, or added."
    )
    promises: tuple[Promise, ...] = Field(
        default=(),
        max_length=100,
        description="Promises; each in the place of that of the same name, or added. Of a pack for some cases they are "
        "made to those alone, and called NAME (brand X); rules about NAME watch them too.",
    )


class Pack(_Part):
    """One difference from a process; the file's name is its id."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,119}$", description="Name of the pack.")
    process: str = Field(min_length=1, description="Process that it changes.")
    cases: Condition = Field(
        default=(),
        alias="for",
        description="Cases that it is for: brands, regions or stores, as the cases name them, such as {region: "
        "[north]}. Absent: the whole tenant.",
    )
    owner: str = Field(min_length=1, description="Team that answers for the difference.")
    reason: str = Field(min_length=1, description="Why there is one, for people.")
    begins: Day = Field(alias="from", description="First day on which it is in force.")
    until: Day = Field(description="The day on which it is over.")
    timezone: Annotated[str, AfterValidator(known_timezone)] = Field(
        default="UTC", description="Zone in which these days are days."
    )
    add: Additions = Field(default=Additions(), description="What it adds.")
    remove: Removals = Field(default=Removals(), description="What it takes away.")
    put: Replacements = Field(
        default=Replacements(), alias="set", description="What it says in the place of what the process says."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.until <= self.begins:
            raise ValueError("until must be after from: the pack ends when that day begins")
        changes = list(_changes(self))
        if not changes:
            raise ValueError("changes nothing: give add, remove or set")
        for name, _ in self.cases:
            if name not in DIMENSIONS:
                raise ValueError(f"for: a pack is for a brand, a region or a store, not for {name!r}")
        if self.cases:
            for change in changes:
                if change not in ("add.activities", "remove.promises", "set.promises"):
                    raise ValueError(f"{change}: only a pack for the whole tenant, without `for`, can change this")
            for promise in self.put.promises:
                if same := sorted({name for name, _ in self.cases} & {name for name, _ in promise.where}):
                    raise ValueError(
                        f"set.promises: {promise.name!r} names {same[0]} in where, and `for` does so already"
                    )
        return self

    def in_force(self, at: datetime) -> bool:
        """Whether it is in force at an instant."""
        return self.begins <= at.astimezone(ZoneInfo(self.timezone)).date() < self.until

    def over(self, at: datetime) -> bool:
        """Whether it has ended by an instant."""
        return at.astimezone(ZoneInfo(self.timezone)).date() >= self.until


def _changes(pack: Pack) -> Iterator[str]:
    """What it changes, as its file calls it."""
    for section, part in (("add", pack.add), ("remove", pack.remove), ("set", pack.put)):
        yield from (f"{section}.{name}" for name in type(part).model_fields if getattr(part, name))


def with_packs(definition: ProcessDefinition, packs: Files, at: datetime) -> ProcessDefinition:
    """The process with those of the packs that are about it and in force.

    Raises
    ------
    DefinitionError
        With what does not fit the process, and with packs that contradict each other.
    """
    chosen = {n: (p, path) for n, (p, path) in packs.items() if p.process == definition.id and p.in_force(at)}
    problems = [*contradictions(chosen), *(each for pack in chosen.values() for each in unfit(*pack, definition))]
    if problems:
        raise DefinitionError(problems)
    # Those for the whole tenant first, so that those for some cases see what there is.
    for pack, path in sorted(chosen.values(), key=lambda found: (bool(found[0].cases), found[0].id)):
        definition = _changed(definition, pack, path)
    return definition


def unfit(pack: Pack, path: Path, definition: ProcessDefinition) -> Iterator[Problem]:
    """What a pack names that its process does not have, or has already."""

    def each(place: Place, names: Iterable[str], known: Collection[str], what: str) -> Iterator[Problem]:
        adds = place[0] == "add"
        for number, name in enumerate(names):
            if (name in known) == adds:
                said = f"is {what} already" if adds else f"is not {what}{suggestion(name, known)}"
                where = ".".join(map(str, (*place, number)))
                yield Problem(str(path), line_of(path, (*place, number)), f"{where}: {name!r} {said}")

    of = f"of {definition.id}"
    if (pack.add.activities or pack.remove.activities) and not definition.activities:
        section = "add" if pack.add.activities else "remove"
        yield Problem(
            str(path),
            line_of(path, (section, "activities")),
            f"{section}.activities: {definition.id} lists no activities, so every activity of {definition.object_type} "
            "belongs to it",
        )
        return
    yield from each(("add", "activities"), pack.add.activities, definition.activities, f"an activity {of}")
    yield from each(("add", "start"), pack.add.start, definition.start, f"a start {of}")
    yield from each(("add", "end"), pack.add.end, definition.end, f"an end {of}")
    yield from each(("remove", "activities"), pack.remove.activities, definition.activities, f"an activity {of}")
    yield from each(("remove", "start"), pack.remove.start, definition.start, f"a start {of}")
    yield from each(("remove", "end"), pack.remove.end, definition.end, f"an end {of}")
    names = [promise.name for promise in definition.promises]
    yield from each(("remove", "promises"), pack.remove.promises, names, f"a promise {of}")


def contradictions(packs: Files) -> list[Problem]:
    """Pairs of packs of one process that change the same in different ways, for a case and on a day that both are
    for; told of the later one by id."""
    found = []
    for (one, _), (other, path) in combinations(sorted(packs.values(), key=lambda pack: pack[0].id), 2):
        if one.process != other.process or one.until <= other.begins or other.until <= one.begins:
            continue
        if bool(one.cases) != bool(other.cases) or apart(one.cases, other.cases):
            continue
        ours, theirs = _touched(one), _touched(other)
        for what in sorted(ours.keys() & theirs.keys()):
            if "set" in (ours[what], theirs[what]) or ours[what] != theirs[what]:
                message = (
                    f"contradicts the pack {one.id}, which also changes {what}; give them other days or other cases"
                )
                found.append(Problem(str(path), line_of(path, ("process",)), message))
    return found


def _touched(pack: Pack) -> dict[str, str]:
    """What it changes, in words, and how."""
    touched: dict[str, str] = {}
    for how, part in (("add", pack.add), ("remove", pack.remove)):
        for kind, word in (("activities", "the activity"), ("start", "the start"), ("end", "the end")):
            touched |= {f"{word} {name!r}": how for name in getattr(part, kind)}
    touched |= {f"the promise {name!r}": "remove" for name in pack.remove.promises}
    touched |= {f"the promise {promise.name!r}": "set" for promise in pack.put.promises}
    touched |= {f"the target from {t.source!r} to {t.target!r}": "set" for t in pack.put.targets}
    return touched | {f"the {name}": "set" for name in ("order", "owner", "calendar") if getattr(pack.put, name)}


def _changed(definition: ProcessDefinition, pack: Pack, path: Path) -> ProcessDefinition:
    add, remove, put = pack.add, pack.remove, pack.put
    changed = {
        "activities": _names(definition.activities, add.activities, remove.activities),
        "order": put.order or _names(definition.order, add.activities if definition.order else (), remove.activities),
        "start": _names(definition.start, add.start, remove.start),
        "end": _names(definition.end, add.end, remove.end),
        "owner": put.owner or definition.owner,
        "calendar": put.calendar or definition.calendar,
        "targets": _replaced(definition.targets, put.targets),
        "promises": _promises(definition.promises, pack),
    }
    try:
        return type(definition).model_validate(dict(definition) | changed)
    except ValidationError as error:
        raise DefinitionError(
            [
                Problem(
                    str(path),
                    line_of(path, ("process",)),
                    f"{definition.id} would be wrong with it: {each['msg'].removeprefix('Value error, ')}",
                )
                for each in error.errors()
            ]
        ) from None


def _names(names: tuple[str, ...], added: tuple[str, ...], removed: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in (*names, *added) if name not in removed))


def _replaced(targets: tuple[Target, ...], others: tuple[Target, ...]) -> tuple[Target, ...]:
    return tuple({(target.source, target.target): target for target in (*targets, *others)}.values())


def _promises(promises: tuple[Promise, ...], pack: Pack) -> tuple[Promise, ...]:
    named = {promise.name: promise for promise in promises if promise.name not in pack.remove.promises or pack.cases}
    if not pack.cases:
        return tuple((named | {promise.name: promise for promise in pack.put.promises}).values())
    for name in (*pack.remove.promises, *(promise.name for promise in pack.put.promises)):
        if name in named:
            named[name] = named[name].model_copy(update={"unless": (*named[name].unless, pack.cases)})
    for promise in pack.put.promises:
        one = promise.for_cases(pack.cases)
        named[one.name] = one
    return tuple(named.values())
