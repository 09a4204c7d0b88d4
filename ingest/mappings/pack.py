"""The model of a mapping pack: `mappings/ID.yaml` in a tenant's home, or shipped with Gembascope."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from ingest.mappings.expressions import check, unknown_functions
from kernel.definitions import read_definition, suggestion
from kernel.errors import NotFound

SHIPPED = Path(__file__).parent / "shipped"
_PERSONAL = re.compile(r"actor|attributes\.[^.\0]+|objects\.[^.\0]+(\.[^.\0]+)?")


def _expression(text: str) -> str:
    check(text)
    for name in unknown_functions(text):
        from ingest.mappings.functions import Functions

        raise ValueError(f"there is no function {name!r}{suggestion(name, Functions.FUNCTION_TABLE)}")
    return text


Expression = Annotated[str, AfterValidator(_expression)]


class Constant(BaseModel):
    """A value that is the same for every event."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    is_: Any = Field(alias="is", description="The value.")


def _value(value: Any) -> Any:
    return Constant(**{"is": value}) if isinstance(value, bool | int | float) else value


Value = Annotated[Expression | Constant, BeforeValidator(_value)]
"""A JMESPath expression, or `{is: VALUE}`."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Attributes(_Model):
    """Attributes by name; `all` is an expression for an object that holds more of them."""

    all: Expression | None = Field(default=None, description="An object whose entries are attributes.")
    named: dict[str, Value] = Field(default_factory=dict, description="Attributes by their names.")


def _attributes(value: Any) -> Any:
    if isinstance(value, str):
        return {"all": value}
    if isinstance(value, dict) and not set(value) <= {"all", "named"}:
        return {"named": value}
    return value


Some = Annotated[Attributes, BeforeValidator(_attributes)]
"""An expression for an object whose entries are attributes, attributes by name, or `all` and `named`."""


class _Each(_Model):
    each: Expression | None = Field(default=None, description="A list; the others see each of it as `item`.")
    when: Expression | None = Field(default=None, description="Only where this is true.")


class ObjectRule(_Each):
    """An object that the event happened to."""

    type: Value = Field(description="Its type.")
    id: Value = Field(description="Its id; without one it is left out.")
    qualifier: Value | None = Field(default=None, description="What it is to the event.")
    attributes: Some = Field(default=Attributes(), description="Values that its attributes take when it happens.")
    initial: Some = Field(default=Attributes(), description="Values that they have from the beginning.")


class End(_Model):
    """One end of a link."""

    type: Value = Field(description="Type of the object.")
    id: Value = Field(description="Its id; without one there is no link.")


class LinkRule(_Each):
    """A relation between two objects."""

    from_: End = Field(alias="from", description="One end.")
    to: End = Field(description="The other.")
    qualifier: Value | None = Field(default=None, description="What the first is to the other.")


class ChangeRule(_Each):
    """A value that an attribute of an object takes at a time of its own."""

    type: Value = Field(description="Type of the object.")
    id: Value = Field(description="Its id.")
    attribute: Value = Field(description="Name of the attribute.")
    value: Value = Field(description="The value.")
    at: Value | None = Field(default=None, description="When it takes it; from the beginning where this is absent.")


class EventRule(_Each):
    """An event of a record. What is absent is taken from `event` of the pack."""

    id: Value | None = Field(default=None, description="The source's own id of the event.")
    activity: Value | None = Field(default=None, description="What happened.")
    occurred_at: Value | None = Field(default=None, description="When, as RFC 3339 text with an offset.")
    seen_at: Value | None = Field(default=None, description="When its source told of it.")
    started_at: Value | None = Field(default=None, description="When what ended with it began.")
    lifecycle: Value | None = Field(default=None, description="Such as start or complete.")
    sequence: Value | None = Field(default=None, description="Its number in the order of its source.")
    actor: Value | None = Field(default=None, description="Who did it.")
    actor_kind: Value | None = Field(default=None, description="human, system or agent.")
    outcome: Value | None = Field(default=None, description="ok, error, retry, timeout or rejected.")
    error_code: Value | None = Field(default=None, description="What went wrong.")
    value: Value | None = Field(default=None, description="An amount.")
    currency: Value | None = Field(default=None, description="Its currency.")
    trace_id: Value | None = Field(default=None, description="The trace that it is part of.")
    span_id: Value | None = Field(default=None, description="The span.")
    revision: Value | None = Field(default=None, description="Of its source; the highest one counts.")
    attributes: Some | None = Field(default=None, description="What is known besides.")
    objects: tuple[ObjectRule, ...] | None = Field(default=None, description="What it happened to.")
    links: tuple[LinkRule, ...] | None = Field(default=None, description="Which objects belong together.")
    changes: tuple[ChangeRule, ...] | None = Field(default=None, description="What else is known of objects.")

    def over(self, usual: EventRule) -> EventRule:
        """This rule, with what it leaves out as it is usual."""
        own = {name: value for name in type(self).model_fields if (value := getattr(self, name)) is not None}
        return usual.model_copy(update=own | {"each": self.each, "when": self.when})


class Rule(_Model):
    """What is made of the records that it is for; the first rule that is for a record takes it."""

    name: str = Field(min_length=1, max_length=100, description="What it is about, for messages.")
    when: Expression | None = Field(default=None, description="For which records; for all that are left.")
    ignore: str = Field(default="", max_length=200, description="Why such records are no events.")
    events: tuple[EventRule, ...] = Field(default=(), description="The events of each record.")

    @model_validator(mode="after")
    def _either(self) -> Rule:
        if bool(self.ignore) == bool(self.events):
            raise ValueError("has events, or says with `ignore` why there are none")
        return self


class Decode(_Model):
    """How a delivery is taken apart into records."""

    format: Literal[
        "json",
        "json_array",
        "json_lines",
        "table",
        "journal",
        "edifact",
        "text",
        "n8n_execution",
        "temporal_history",
        "camunda_instance",
    ] = Field(
        default="json",
        description="json (one record), json_array, json_lines, table, journal, edifact, text, n8n_execution, "
        "temporal_history or camunda_instance.",
    )
    encoding: Literal["utf-8", "utf-8-sig", "latin-1", "cp1252"] = Field(default="utf-8", description="Of text.")
    delimiter: str = Field(default=",", min_length=1, max_length=1, description="Between the fields of a line.")
    columns: tuple[str, ...] = Field(default=(), description="Their names; of a table, else its first line.")
    group: str = Field(
        default="",
        description="Of a table: a column. Rows after each other that hold the same in it are one record, the first "
        "row with all of them as `rows`.",
    )
    context: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="Of a journal: columns of lines by their first field, which say something of those after them.",
    )


class Personal(_Model):
    """What is known of a person, and what is done about it before it is kept."""

    field: str = Field(description="actor, attributes.NAME, objects.TYPE (its ids) or objects.TYPE.NAME.")
    do: Literal["pseudonym", "drop"] = Field(description="pseudonym (keyed, so that joins still work) or drop.")

    @model_validator(mode="after")
    def _known(self) -> Personal:
        if not _PERSONAL.fullmatch(self.field):
            raise ValueError("expected actor, attributes.NAME, objects.TYPE or objects.TYPE.NAME")
        if self.do == "drop" and self.field.count(".") == 1 and self.field.startswith("objects."):
            raise ValueError("ids of objects cannot be dropped: they get pseudonyms")
        return self


class MappingPack(_Model):
    """How what a source says becomes events."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$", description="Name of the pack, as the file is called.")
    version: int = Field(ge=1, description="Raised whenever the events of a record change.")
    title: str = Field(min_length=1, description="Which system it is for.")
    description: str = Field(default="", description="How its deliveries come, and what is to be known of them.")
    decode: Decode = Field(default=Decode(), description="How a delivery is taken apart.")
    tables: dict[str, dict[str, Any]] = Field(default_factory=dict, description="For lookup().")
    event: EventRule = Field(default=EventRule(), description="What is usual for every event.")
    rules: tuple[Rule, ...] = Field(min_length=1, description="What is made of which records, in this order.")
    personal: tuple[Personal, ...] = Field(default=(), description="What is known of persons.")
    watch: bool = Field(default=True, description="Whether it is noticed when fields appear, vanish or change type.")

    @model_validator(mode="after")
    def _whole(self) -> MappingPack:
        for number, rule in enumerate(self.rules):
            if rule.when is None and number < len(self.rules) - 1:
                raise ValueError(f"rule {rule.name!r} takes all records; it has to be the last one")
            for event in rule.events:
                merged = event.over(self.event)
                missing = [name for name in ("id", "activity", "occurred_at") if getattr(merged, name) is None]
                if missing:
                    raise ValueError(f"rule {rule.name!r} has no {' and no '.join(missing)}")
        return self

    def merged(self, rule: Rule) -> Iterator[EventRule]:
        """The events of a rule with what is usual."""
        return (event.over(self.event) for event in rule.events)


class MappingPacks:
    """The packs of a tenant: those in the home, and those that are shipped; one in the home stands before one shipped
    under the same name."""

    def __init__(self, home: Path, tenant: str) -> None:
        self.folder = home / "tenants" / tenant / "mappings"

    def names(self) -> list[str]:
        """Their ids, in order."""
        return sorted({path.stem for folder in (self.folder, SHIPPED) for path in folder.glob("*.yaml")})

    def path(self, name: str) -> Path:
        """The file of one.

        Raises
        ------
        NotFound
            With those that there are.
        """
        if name in self.names():
            own = self.folder / f"{name}.yaml"
            return own if own.is_file() else SHIPPED / f"{name}.yaml"
        names = self.names()
        raise NotFound(f"no mapping pack {name!r}{suggestion(name, names)}; there are: {', '.join(names) or 'none'}")

    def get(self, name: str) -> MappingPack:
        """One pack; NotFound, and DefinitionError with the problems of its file."""
        return read_definition(self.path(name), MappingPack)
