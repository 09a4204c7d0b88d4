"""What an external engine is sent, and what it sends back: versioned, with a JSON Schema beside it (`schemas/`)."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, StringConstraints
from pydantic.json_schema import JsonSchemaMode

Short = Annotated[str, StringConstraints(max_length=254, pattern=r"^[^\x00-\x1f\x7f]*$")]
Name = Annotated[Short, StringConstraints(min_length=1)]
CaseId = Annotated[str, StringConstraints(min_length=1, pattern=r"^[^\x00]*$")]


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)


class TriggerCase(_Document):
    case_id: CaseId = Field(description="The case to be worked on.")
    amount: Annotated[Decimal, Field(allow_inf_nan=False)] | None = Field(
        description="Money as decimal text; null: not priced."
    )
    currency: Short = Field(description="Its currency (ISO 4217); empty: not priced.")
    store: Short = Field(default="", description="The store it belongs to; empty: not told.")


class TriggerCallback(_Document):
    url: Annotated[str, StringConstraints(min_length=1, max_length=2000)] = Field(
        description="Where the outcome goes, as gembascope.callback/v1, signed with the secret of the connection."
    )
    token: Annotated[str, StringConstraints(min_length=1, max_length=2000)] = Field(
        description="What binds the outcome to this step; it is part of the address."
    )


class Trigger(_Document):
    """A step asks an external engine to do something, once per idempotency key."""

    document: Literal["gembascope.trigger/v1"] = Field(
        default="gembascope.trigger/v1", alias="schema", description="Name and version."
    )
    run_id: Name = Field(description="The run that asks.")
    step_id: Name = Field(description="Its step.")
    visit: int = Field(ge=1, description="How often the run came by this step, from 1.")
    idempotency_key: Name = Field(description="The same key again is the same deed: it is done once.")
    workflow: Name = Field(description="What is to be done, as the engine calls it, such as resend-refunds.")
    parameters: dict[str, JsonValue] = Field(default_factory=dict, description="What it needs beside the cases.")
    process: Name = Field(description="Process of the cases.")
    incident_id: Short = Field(description="The incident behind it; empty: none.")
    cases: tuple[TriggerCase, ...] = Field(min_length=1, max_length=10_000, description="What it is to be done to.")
    callback: TriggerCallback | None = Field(description="Where the outcome goes; null: nobody waits for it.")
    requested_by: Name = Field(description="Who or what asked for it.")
    approved_by: tuple[Name, ...] = Field(description="The persons who approved it; empty: no approval was needed.")
    requested_at: AwareDatetime = Field(description="When the step asked first.")
    expires_at: AwareDatetime = Field(description="Not to be begun after this instant.")


class CallbackCase(_Document):
    case_id: CaseId = Field(description="A case of the trigger.")
    status: Literal["succeeded", "failed", "skipped"] = Field(description="What became of it.")
    detail: Short = Field(default="", description="One line for a person; empty: nothing to say.")
    reference: Short = Field(default="", description="What the other system calls it, such as a booking number.")


class Callback(_Document):
    """What became of a trigger."""

    document: Literal["gembascope.callback/v1"] = Field(alias="schema", description="Name and version.")
    status: Literal["succeeded", "failed"] = Field(description="Of the whole.")
    detail: Short = Field(default="", description="One line for a person.")
    cases: tuple[CallbackCase, ...] = Field(default=(), max_length=10_000, description="Of each case.")


class Alert(_Document):
    """What people are told of incidents."""

    document: Literal["gembascope.alert/v1"] = Field(
        default="gembascope.alert/v1", alias="schema", description="Name and version."
    )
    title: str = Field(description="One line: what is wrong.")
    text: str = Field(description="What, since when, how many, money, deadline, suspect and owner, line by line.")
    severity: str = Field(description="low, medium, high or critical.")
    link: str = Field(description="Where to look; empty: no public address is set.")
    fields: dict[str, str] = Field(description="The same by name, for those who lay it out; of one incident only.")


def schemas() -> dict[str, dict[str, Any]]:
    """The JSON Schemas, by the name of their file in `schemas/`."""
    found = {}
    files: list[tuple[str, type[BaseModel], JsonSchemaMode]] = [
        ("trigger.v1.json", Trigger, "serialization"),
        ("callback.v1.json", Callback, "validation"),
        ("alert.v1.json", Alert, "serialization"),
    ]
    for name, model, mode in files:
        schema = model.model_json_schema(mode=mode)
        found[name] = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    return found
