"""The kinds of steps of a playbook. Each step has an id and exactly one kind, and says where the run goes from it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from kernel.access import PERMISSIONS, Permission, Role
from kernel.findings import Severity
from kernel.promise import parse_within
from kernel.timeparse import parse_duration

STRICT = ConfigDict(frozen=True, extra="forbid")
KINDS = ("gather", "call", "notify", "approval", "trigger", "wait_event", "branch", "record")
WORDS = ("dead_letter", "compensate", "continue")
"""What `on_failed` can say beside the id of a step; the second also `on_reject` and `on_timeout`."""


def _is_within(found: str) -> str:
    parse_within(found)
    return found


def _is_duration(found: str) -> str:
    if not parse_duration(found):
        raise ValueError(f"{found!r} is no time at all")
    return found


def _approves(role: Role) -> Role:
    if Permission.APPROVE not in PERMISSIONS[role]:
        known = ", ".join(role for role in Role if Permission.APPROVE in PERMISSIONS[role])
        raise ValueError(f"nobody approves as {role.value}; roles that do: {known}")
    return role


Within = Annotated[str, AfterValidator(_is_within)]
Duration = Annotated[str, AfterValidator(_is_duration)]
ApproverRole = Annotated[Role, AfterValidator(_approves)]
Connection = Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,62}$")]
Json = dict[str, Any]


class Gather(BaseModel):
    """Read the subject anew and keep what is at stake."""

    model_config = STRICT


class Call(BaseModel):
    """Ask an HTTP service."""

    model_config = STRICT

    connection: Connection = Field(description="Id of the connection.")
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = Field(default="POST", description="HTTP method.")
    path: str = Field(
        pattern="^/", description="Path below the address of the connection; a field is one segment of it."
    )
    body: Json | None = Field(default=None, description="What is sent as JSON; texts may name fields.")


class Notify(BaseModel):
    """Tell people."""

    model_config = STRICT

    channel: Connection = Field(description="Id of the channel.")
    title: str = Field(min_length=1, description="One line; may name fields.")
    text: str = Field(min_length=1, description="What is to be told; may name fields.")
    severity: Severity | None = Field(default=None, description="Of the message; without one: that of the subject.")


class Level(BaseModel):
    """Who else may decide when nobody did for a while."""

    model_config = STRICT

    after: Within = Field(description="Since it was asked: 4h, 1 working day.")
    people: tuple[str, ...] = Field(min_length=1, description="Deputies, by the names they sign in with.")
    notify: Connection | None = Field(default=None, description="Channel where they are told.")


class Approval(BaseModel):
    """Ask people. Neither who asked for the run nor who wrote the playbook may agree, and nobody twice."""

    model_config = STRICT

    ask: str = Field(min_length=1, description="What is to be decided, in one sentence; may name fields.")
    role: ApproverRole = Field(
        default=Role.APPROVER, description="Role that who decides needs for every case at stake."
    )
    people: tuple[str, ...] = Field(
        default=(), description="Only these, by the names they sign in with; without any: everybody with the role."
    )
    votes: int = Field(default=1, ge=1, le=5, description="People who have to agree; one who rejects is enough.")
    timeout: Within = Field(description="How long they have: 8h, 2 working days.")
    escalate: tuple[Level, ...] = Field(default=(), description="Who else may decide, and when.")


class Start(BaseModel):
    """Start a workflow of an external engine, and wait for its answer where `callback` says how long."""

    model_config = STRICT

    connection: Connection = Field(description="Id of the connection.")
    workflow: str = Field(min_length=1, max_length=128, description="What the engine calls it.")
    trigger_schema: Literal[1] = Field(default=1, alias="schema", description="Version of what is sent.")
    parameters: Json = Field(default_factory=dict, description="What it needs beside the cases; may name fields.")
    callback: Within | None = Field(
        default=None, description="How long its answer may take; without: none is expected."
    )


class WaitEvent(BaseModel):
    """Wait until an activity happened in every case that is left, since the run was opened."""

    model_config = STRICT

    activity: str = Field(min_length=1, description="The activity.")
    timeout: Within = Field(description="How long it may take: 1 working day.")


class Condition(BaseModel):
    """One comparison of a field of the context. A field that is not there meets none but `is_not`."""

    model_config = STRICT

    field: str = Field(description="Such as count, totals.EUR or steps.ask.state.")
    is_: str | int | bool | None = Field(default=None, alias="is", description="It is this.")
    is_not: str | int | bool | None = Field(default=None, description="It is not this.")
    above: int | float | None = Field(default=None, description="It is greater.")
    at_least: int | float | None = Field(default=None, description="It is as great or greater.")
    below: int | float | None = Field(default=None, description="It is smaller.")
    at_most: int | float | None = Field(default=None, description="It is as small or smaller.")

    @model_validator(mode="after")
    def _compares_once(self) -> Self:
        if len(self.model_fields_set - {"field"}) != 1:
            raise ValueError("expected exactly one of is, is_not, above, at_least, below, at_most")
        return self


class Route(BaseModel):
    """Where to go when all conditions hold; without any: always."""

    model_config = STRICT

    when: tuple[Condition, ...] = Field(default=(), description="Conditions that hold together.")
    goto: str = Field(description="Id of a step.")


class Record(BaseModel):
    """End the run."""

    model_config = STRICT

    outcome: Literal[
        "sent", "resolved", "handed_over", "no_longer_needed", "rejected", "expired", "failed_permanently"
    ] = Field(description="How it ended.")


class Retry(BaseModel):
    """How often and how soon something is tried again: twice the wait each time, by chance up to that much."""

    model_config = STRICT

    attempts: int = Field(default=6, ge=1, le=50, description="Attempts in all.")
    initial: Duration = Field(default="10s", description="Longest wait before the second one.")
    max: Duration = Field(default="30m", description="Longest wait before any.")


class Compensation(BaseModel):
    """What undoes a step, when a later one fails."""

    model_config = STRICT

    call: Call | None = Field(default=None, description="Ask an HTTP service.")
    trigger: Start | None = Field(default=None, description="Start a workflow of an external engine.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.call is None) == (self.trigger is None):
            raise ValueError("expected either call or trigger")
        if self.trigger is not None and self.trigger.callback is not None:
            raise ValueError("what undoes a step cannot wait for an answer")
        return self


class Step(BaseModel):
    """One step."""

    model_config = STRICT

    id: str = Field(pattern="^[a-z][a-z0-9_]{0,62}$", description="Name of the step within the playbook.")
    gather: Gather | None = Field(default=None, description="Read what is at stake.")
    call: Call | None = Field(default=None, description="Ask an HTTP service.")
    notify: Notify | None = Field(default=None, description="Tell people.")
    approval: Approval | None = Field(default=None, description="Ask people to decide.")
    trigger: Start | None = Field(default=None, description="Start a workflow of an external engine.")
    wait_event: WaitEvent | None = Field(default=None, description="Wait for an activity.")
    branch: tuple[Route, ...] | None = Field(default=None, description="Choose where to go: the first that holds.")
    record: Record | None = Field(default=None, description="End the run.")
    effect: Literal["idempotent", "unsafe"] = Field(
        default="idempotent",
        description="idempotent: who is asked keeps keys, so it may be asked again. unsafe: on doubt, ask a person.",
    )
    timeout: Duration = Field(default="30s", description="Longest time of one attempt of call and trigger.")
    retry: Retry = Field(default_factory=Retry, description="What is done when it may work later.")
    compensate: Compensation | None = Field(default=None, description="What undoes it.")
    next: str = Field(default="", description="Id of the step after it; without: the following one.")
    on_reject: str = Field(default="", description="Step after a rejection, or compensate; without: the run ends.")
    on_timeout: str = Field(default="", description="Step when the time is over, or compensate.")
    on_failed: str = Field(
        default="dead_letter", description="When it fails for good: a step, dead_letter, compensate or continue."
    )

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        kinds = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(kinds) != 1:
            given = f", got {' and '.join(kinds)}" if kinds else ""
            raise ValueError(f"expected exactly one of {', '.join(KINDS)}{given}")
        return self

    @property
    def kind(self) -> str:
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    @property
    def is_effect(self) -> bool:
        """Whether it changes something outside. Telling people and asking for a document change nothing."""
        return self.trigger is not None or (self.call is not None and self.call.method != "GET")

    @property
    def waits(self) -> bool:
        """Whether it can run out of time."""
        answered = self.trigger is not None and self.trigger.callback is not None
        return answered or self.approval is not None or self.wait_event is not None

    @property
    def templates(self) -> Json:
        """What of it may name fields, by the name of the field of the definition."""
        if self.call is not None:
            return {"path": self.call.path, "body": self.call.body or {}}
        if self.trigger is not None:
            return {"parameters": self.trigger.parameters}
        if self.notify is not None:
            return {"title": self.notify.title, "text": self.notify.text}
        return {"ask": self.approval.ask} if self.approval is not None else {}

    def outside(self) -> Iterator[tuple[Literal["connection", "channel"], str]]:
        for part in (self, self.compensate):
            for deed in (part.call, part.trigger) if part is not None else ():
                if deed is not None:
                    yield "connection", deed.connection
        if self.notify is not None:
            yield "channel", self.notify.channel
        for level in self.approval.escalate if self.approval is not None else ():
            if level.notify is not None:
                yield "channel", level.notify
