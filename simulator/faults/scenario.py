"""Scenario files: which faults happen to the simulated retailer, where and when.

Times are the retailer's own: `day 12 22:00` is 22:00 by the clocks of its head office on the twelfth day, the first
being day 1. So a scenario fits any beginning.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from kernel.definitions import line_of, read_definition, suggestion
from kernel.errors import DefinitionError, Problem
from kernel.timeparse import parse_duration
from simulator.faults.kinds import KINDS, FaultKind
from simulator.world.retailer import NAMES, ZONE
from simulator.world.times import WEEKDAYS, local_us

SHIPPED = Path(__file__).parent.parent / "scenarios"
_WHEN = re.compile(r"day ([1-9][0-9]{0,3})(?: ([01][0-9]|2[0-3]):([0-5][0-9]))?")
STRICT = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def parse_when(text: str) -> tuple[int, str]:
    """The day, counted from 1, and the hour of `day 12 22:00` or `day 12`, which is its midnight.

    ValueError for anything else.
    """
    found = _WHEN.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no time of a scenario: write day 12 or day 12 22:00")
    return int(found[1]), f"{found[2]}:{found[3]}" if found[2] else "00:00"


def _check_when(text: str) -> str:
    parse_when(text)
    return text


def _check_for(text: str) -> str:
    if parse_duration(text) <= timedelta():
        raise ValueError(f"{text!r} is no time at all")
    return text


When = Annotated[str, AfterValidator(_check_when)]


class Fault(BaseModel):
    """One fault, from one time to another."""

    model_config = STRICT

    kind: str = Field(description="What breaks: one of the kinds of docs/faults.md.")
    begins: When = Field(alias="from", description="When it begins: day 12 22:00.")
    until: When | None = Field(default=None, description="When it is over: day 13 06:00.")
    lasts: Annotated[str, AfterValidator(_check_for)] | None = Field(
        default=None, alias="for", description="Instead of until: how long it lasts, such as 8h or 3d."
    )
    where: dict[str, str] = Field(
        default_factory=dict, description="What it is narrowed to, such as {carrier: ridge-express}; empty: everything."
    )
    share: float | None = Field(
        default=None, gt=0, le=1, description="Of what is concerned how much it strikes, from 0 to 1."
    )
    size: float | None = Field(default=None, description="How strong it is, in the unit of its kind.")

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if self.kind not in KINDS:
            raise ValueError(f"no kind of fault {self.kind!r}{suggestion(self.kind, KINDS)}")
        kind = KINDS[self.kind]
        if (self.until is None) == (self.lasts is None):
            raise ValueError("give either until or for, and not both")
        if self.until is not None and parse_when(self.until) <= parse_when(self.begins):
            raise ValueError(f"until {self.until} is not after from {self.begins}")
        for name, value in self.where.items():
            if name not in kind.where:
                there = ", ".join(kind.where) or "nothing"
                raise ValueError(f"{kind.id} cannot be narrowed to a {name}; it can to: {there}")
            _known(name, kind.named_by(name), value)
        for name in kind.needs:
            if name not in self.where:
                raise ValueError(f"{kind.id} needs where.{name}: one of {_there(kind.named_by(name))}")
        if self.size is not None and kind.size is None:
            raise ValueError(f"{kind.id} has no size")
        if self.size is not None and self.size == 0:
            raise ValueError("a size of 0 is no fault")
        return self

    @property
    def of_kind(self) -> FaultKind:
        return KINDS[self.kind]

    def span_us(self, first: date) -> tuple[int, int]:
        """When it begins and is over, of a simulation whose first day this is."""
        begin_us = _at_us(first, self.begins)
        if self.until is not None:
            return begin_us, _at_us(first, self.until)
        return begin_us, begin_us + parse_duration(self.lasts or "") // timedelta(microseconds=1)


def _at_us(first: date, when: str) -> int:
    day, clock = parse_when(when)
    return local_us(first + timedelta(days=day - 1), clock, ZoneInfo(ZONE))


def _known(name: str, named: str, value: str) -> None:
    names = WEEKDAYS if named == "weekday" else NAMES[named]
    if value not in names:
        other = f"; there are: {_there(named)}" if named != name else ""
        raise ValueError(f"where.{name}: there is no {named} {value!r}{suggestion(value, names)}{other}")


def _there(name: str) -> str:
    names = sorted(NAMES[name])
    return ", ".join(names[:8]) + (", …" if len(names) > 8 else "")


class Scenario(BaseModel):
    """What happens to the retailer; the file's name is its id."""

    model_config = STRICT

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,119}$", description="Name used by commands.")
    title: str = Field(default="", description="What it is about, in a line.")
    faults: tuple[Fault, ...] = Field(default=(), max_length=500, description="What goes wrong.")


NOTHING = Scenario(id="nothing", title="Everything works")


def read_scenario(path: Path) -> Scenario:
    """The scenario of a file, or by its name one of those that are shipped; `DefinitionError` lists its problems."""
    if not path.exists() and path.parent == Path() and not path.suffix:
        shipped = sorted(found.stem for found in SHIPPED.glob("*.yaml"))
        if path.name not in shipped:
            hint = suggestion(path.name, shipped)
            raise DefinitionError(
                [
                    Problem(
                        str(path), 1, f"no such file, and no scenario of that name{hint}; there are: {_list(shipped)}"
                    )
                ]
            )
        path = SHIPPED / f"{path.name}.yaml"
    return read_definition(path, Scenario)


def too_late(scenario: Scenario, path: Path, days: int) -> Iterable[Problem]:
    """The faults that would begin after the end of a simulation of so many days."""
    for number, fault in enumerate(scenario.faults):
        day, _ = parse_when(fault.begins)
        if day > days:
            line = line_of(path, ("faults", number, "from"))
            yield Problem(str(path), line, f"faults.{number}.from: {fault.begins} is after the last of {days} days")


def _list(names: Iterable[Any]) -> str:
    return ", ".join(str(name) for name in names) or "none"
