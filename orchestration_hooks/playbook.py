"""Playbooks: what is done about a trouble, step by step, as a YAML file. `playbook_steps` has the kinds of steps."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from kernel.access import Role
from kernel.findings import SEVERITIES, Kind, Severity
from kernel.promise import CalendarName
from orchestration_hooks.playbook_flow import problems
from orchestration_hooks.playbook_steps import STRICT, Step
from orchestration_hooks.situation import Subject
from orchestration_hooks.states import Mode
from orchestration_hooks.templates import text


class Match(BaseModel):
    """Which findings a playbook is for. What is left out does not matter."""

    model_config = STRICT

    process: str = Field(min_length=1, description="Id of the process.")
    kind: tuple[Kind, ...] = Field(default=(), description="Kinds of findings, such as missing_event.")
    rule: tuple[str, ...] = Field(default=(), description="Ids of rules, names of promises.")
    severity: Severity = Field(default=Severity.LOW, description="The least severity.")

    def admits(self, subject: Subject) -> bool:
        ranks = [severity.value for severity in SEVERITIES]
        known = subject.severity in ranks
        return (
            subject.process == self.process
            and (not self.kind or subject.kind in self.kind)
            and (not self.rule or subject.rule in self.rule)
            and (ranks.index(subject.severity) if known else 0) >= ranks.index(self.severity)
        )


class Trigger(BaseModel):
    """What opens a run."""

    model_config = STRICT

    mode: Mode = Field(
        default=Mode.DRY_RUN,
        description="automatic: findings open it; manual: people do; shadow and dry_run: likewise, and it does nothing "
        "outside. Without one: dry_run.",
    )
    match: Match = Field(description="Which findings it is for.")
    key: str = Field(
        default="{{ subject.incident_id }}",
        min_length=1,
        description="What is open at most once per process, from fields of the subject.",
    )


class ApprovalLimit(BaseModel):
    """How much a person, or somebody of a role, may approve at once."""

    model_config = STRICT

    role: Role | None = Field(default=None, description="Of whom: everybody with this role.")
    person: str = Field(default="", description="Or of one person, by the name they sign in with; counts before roles.")
    max_cases: int = Field(ge=1, description="Most cases of one run.")
    max_money: dict[Annotated[str, Field(pattern="^[A-Z]{3}$")], Annotated[Decimal, Field(gt=0)]] = Field(
        min_length=1, description="Most money per currency, such as {EUR: 2500}; other currencies may not be approved."
    )
    unpriced: bool = Field(default=False, description="Whether cases without a price may be among them.")

    @model_validator(mode="after")
    def _of_somebody(self) -> Self:
        if (self.role is None) == (not self.person):
            raise ValueError("give either a role or a person, and not both")
        return self


class Limits(BaseModel):
    model_config = STRICT

    open_runs: int | None = Field(default=None, ge=1, description="Most runs of the playbook that are open at once.")
    approvals: tuple[ApprovalLimit, ...] = Field(
        default=(), description="Who may approve how much; without any, every approver may approve everything."
    )


class Playbook(BaseModel):
    """One playbook."""

    model_config = STRICT

    id: str = Field(pattern="^[a-z][a-z0-9_]{0,62}$", description="The file's name.")
    name: str = Field(min_length=1, max_length=120, description="What people call it.")
    description: str = Field(default="", description="What it is for, in a sentence or two.")
    author: str = Field(
        min_length=1, max_length=254, description="Who wrote it, by the name they sign in with; approves none of it."
    )
    trigger: Trigger = Field(description="What opens a run.")
    requires_approval: bool = Field(
        default=True, description="Whether every way to a call or a trigger has to pass an approval."
    )
    calendar: CalendarName | None = Field(default=None, description="Calendar of working days and hours in timeouts.")
    limits: Limits = Field(default_factory=Limits, description="How much at once.")
    steps: tuple[Step, ...] = Field(min_length=1, description="What is done, in order where no step says otherwise.")

    @model_validator(mode="after")
    def _flows(self) -> Self:
        found = [
            InitErrorDetails(
                type=PydanticCustomError("playbook", "{message}", {"message": message}), loc=place, input=self.id
            )
            for place, message in problems(self.trigger.key, self.steps, self.calendar, self.requires_approval)
        ]
        if found:
            raise ValidationError.from_exception_data("Playbook", found)
        return self

    @property
    def body(self) -> str:
        """The playbook as canonical JSON: what is kept, and what its hash is of."""
        return json.dumps(
            self.model_dump(mode="json", by_alias=True, exclude_none=True), sort_keys=True, ensure_ascii=False
        )

    @property
    def hash(self) -> str:
        return hashlib.sha256(self.body.encode()).hexdigest()

    @property
    def mode(self) -> Mode:
        return self.trigger.mode

    def step(self, step_id: str) -> Step:
        """The step; `KeyError` when there is none of that id."""
        for step in self.steps:
            if step.id == step_id:
                return step
        raise KeyError(step_id)

    def after(self, step_id: str) -> str:
        """The step after this one where it names none itself; "" after the last."""
        step = self.step(step_id)
        following = self.steps[self.steps.index(step) + 1 :]
        return step.next or (following[0].id if following else "")

    def key_of(self, subject: Subject) -> str:
        return text(self.trigger.key, {"subject": subject.document()})

    def outside(self) -> Iterator[tuple[Literal["connection", "channel"], str]]:
        """Every connection and channel that it uses, once per use."""
        for step in self.steps:
            yield from step.outside()
