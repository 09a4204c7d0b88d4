"""The kinds of rules, as written in YAML. What a rule names must be in the process definitions that are read with
it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from kernel.definitions import suggestion
from kernel.findings import Severity
from kernel.process import ProcessDefinition
from kernel.promise import parse_within
from kernel.target import Duration

RULE_ID = r"^[a-z0-9][a-z0-9._-]{0,119}$"

Known = Mapping[str, ProcessDefinition]
"""What the validators are given as context: the process definitions by id."""


def _process(name: str, info: ValidationInfo) -> str:
    known: Known | None = info.context
    if known is not None and name not in known:
        there = ", ".join(sorted(known)) or "none"
        raise ValueError(f"no process {name!r}{suggestion(name, known)}; there are: {there}")
    return name


def _definition(info: ValidationInfo) -> ProcessDefinition | None:
    """The process that the rule is about; None while it is not known."""
    known: Known | None = info.context
    return known.get(info.data.get("process", "")) if known is not None else None


def _activity(name: str, info: ValidationInfo) -> str:
    """Refuse what is not among the activities; a process that names none has every activity of its object type."""
    definition = _definition(info)
    if definition is not None and definition.activities and name not in definition.activities:
        hint = suggestion(name, definition.activities)
        raise ValueError(f"{name!r} is not among the activities of {definition.id}{hint}")
    return name


def _promise(name: str, info: ValidationInfo) -> str:
    definition = _definition(info)
    if definition is not None:
        names = [promise.name for promise in definition.promises]
        if not any(promise.answers_to(name) for promise in definition.promises):
            there = ", ".join(repr(known) for known in names) or "none"
            raise ValueError(f"{definition.id} has no promise {name!r}{suggestion(name, names)}; there are: {there}")
    return name


def _within(text: str) -> str:
    parse_within(text)
    return text


def _longer_than_nothing(value: timedelta) -> timedelta:
    if not value:
        raise ValueError("expected more than nothing, such as 30d")
    return value


ProcessName = Annotated[str, AfterValidator(_process)]
Activity = Annotated[str, Field(min_length=1), AfterValidator(_activity)]
Stretch = Annotated[Duration, AfterValidator(_longer_than_nothing)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class _Rule(_Part):
    id: str = Field(pattern=RULE_ID, description="Name of the rule; the file's name.")
    title: str = Field(default="", description="Name shown to people.")
    process: ProcessName = Field(description="Process whose cases it watches.")

    @property
    def version(self) -> str:
        """32 hex digits that change when, and only when, the rule does."""
        return hashlib.blake2b(self.model_dump_json().encode(), digest_size=16).hexdigest()


class SilenceLimit(_Part):
    """When a source is silent for longer than it ever is. Its silence is measured in what it usually tells meanwhile,
    by hour of the week, so a quiet night is short."""

    learn_from: Stretch = Field(default=timedelta(days=56), description="How far back its usual silences are learned.")
    quantile: float = Field(default=0.999, gt=0.5, le=1, description="Quantile of its silences that is still usual.")
    margin: float = Field(default=2.0, ge=1, le=100, description="How many times as long is silent.")
    at_least: int = Field(default=200, ge=2, description="Silences that it takes to learn; fewer: never silent.")


class MissingEventRule(_Rule):
    """After one activity another has to come, told by a source."""

    kind: Literal["missing_event"] = Field(description="missing_event: an activity that has to follow another.")
    after: Activity = Field(description="Activity after which the other is awaited.")
    expect: Activity = Field(description="Activity that has to come. Whichever source tells it, it came.")
    source: str = Field(min_length=1, description="Source that tells it: when that is silent, nobody can know.")
    within: Annotated[str, AfterValidator(_within)] | None = Field(
        default=None,
        description="How long it may take, such as 48h or 3 working days on the calendar of the process. Absent: "
        "learned.",
    )
    quantile: float = Field(default=0.99, gt=0.5, lt=1, description="Quantile of the waits that is still usual.")
    learn_from: Stretch = Field(default=timedelta(days=180), description="How far back waits are learned.")
    settle: Stretch = Field(
        default=timedelta(days=30),
        description="Only waits that began this long ago are learned from, so that slow ones are not missed; waits "
        "longer than that are not learned from.",
    )
    at_least: int = Field(default=100, ge=2, description="Waits that it takes to learn; with fewer nothing is found.")
    unless: tuple[Activity, ...] | None = Field(
        default=None,
        description="Activities after which it is awaited no more; absent: the end activities of the process.",
    )
    lag: Duration = Field(
        default=timedelta(),
        description="How far past the deadline the source must have told of later things before the step counts as "
        "missing: for sources that tell out of order.",
    )
    silence: SilenceLimit = Field(default=SilenceLimit(), description="When the source counts as silent.")
    severity: Severity = Field(default=Severity.HIGH, description="Of a step that did not happen.")
    silent_severity: Severity = Field(default=Severity.CRITICAL, description="Of a source that is silent.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.after == self.expect:
            raise ValueError(f"after and expect are both {self.after!r}")
        for name in (self.after, self.expect):
            if self.unless is not None and name in self.unless:
                raise ValueError(f"unless names {name!r}, which the rule itself waits after or for")
        if 2 * self.settle >= self.learn_from:
            raise ValueError("settle must be less than half of learn_from, or no wait is watched long enough")
        return self


class UnusualCaseRule(_Rule):
    """Cases whose durations, waits and steps are unlike those of their peers."""

    kind: Literal["unusual_case"] = Field(description="unusual_case: cases unlike their peers.")
    segment: str = Field(default="", description="Case attribute whose value peers share; absent: all are peers.")
    learn_from: Stretch = Field(default=timedelta(days=180), description="How far back peers are taken from.")
    at_least: int = Field(default=200, ge=8, description="Peers that it takes to learn; with fewer nothing is found.")
    recent: Stretch = Field(default=timedelta(days=7), description="Cases that are over are looked at for this long.")
    quantile: float = Field(default=0.99, gt=0.5, lt=1, description="Quantile of the peers' scores that is usual.")
    most_share: float = Field(default=0.1, gt=0, le=1, description="Of the cases looked at, at most so many (0 to 1).")
    most_findings: int = Field(default=50, ge=1, le=10_000, description="At most so many findings of a run.")
    seed: int = Field(default=1, ge=0, le=2**31, description="Seed of the forest.")
    severity: Severity = Field(default=Severity.LOW, description="Of an unusual case.")


class SlaRule(_Rule):
    """A promise of a process whose breaches are findings."""

    kind: Literal["sla"] = Field(description="sla: a promise that is broken or at risk.")
    promise: Annotated[str, AfterValidator(_promise)] = Field(
        min_length=1,
        description="Name of the promise. What packs promise to some cases in its place is watched too.",
    )
    breached: Severity | None = Field(
        default=Severity.HIGH, description="Severity of a promise past due and not kept; null: no finding."
    )
    at_risk: Severity | None = Field(
        default=Severity.MEDIUM, description="Severity of a promise that is due soon; null: no finding."
    )

    @field_validator("at_risk")
    @classmethod
    def _finds_something(cls, at_risk: Severity | None, info: ValidationInfo) -> Severity | None:
        if at_risk is None and info.data.get("breached") is None:
            raise ValueError("breached and at_risk are both null: the rule would find nothing")
        return at_risk


Rule = MissingEventRule | UnusualCaseRule | SlaRule

KINDS: dict[str, type[MissingEventRule] | type[UnusualCaseRule] | type[SlaRule]] = {
    "missing_event": MissingEventRule,
    "unusual_case": UnusualCaseRule,
    "sla": SlaRule,
}
