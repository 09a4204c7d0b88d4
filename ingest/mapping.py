"""Which column of a table means what.

A mapping comes from flags or from a YAML file; common headers are offered as a guess, used only on request.
"""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator

from kernel.definitions import read_definition, suggestion
from kernel.errors import MappingError

CASE_PREFIX = "case:"
"""A column with this prefix is an attribute of the case itself (the convention of pm4py's tables)."""

GUESSES: dict[str, tuple[str, ...]] = {
    "case": (
        "case:concept:name",
        "case_id",
        "caseid",
        "case id",
        "case",
        "order_id",
        "order id",
        "ticket_id",
    ),
    "activity": ("concept:name", "activity", "activity_name", "event", "event_name", "step", "task"),
    "time": ("time:timestamp", "timestamp", "occurred_at", "complete timestamp", "time", "date", "end_time"),
    "start": ("start_timestamp", "start timestamp", "start_time", "started_at"),
    "actor": ("org:resource", "resource", "actor", "user"),
    "lifecycle": ("lifecycle:transition", "lifecycle"),
    "event_id": ("event_id", "eventid"),
    "source": ("system", "source"),
    "outcome": ("outcome",),
    "error_code": ("error_code",),
    "actor_kind": ("actor_kind",),
    "value": ("value",),
    "currency": ("currency",),
}


class ObjectColumn(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str = Field(min_length=1, description="Object type that the ids of the column belong to.")
    column: str = Field(min_length=1, description="Column that holds the ids.")
    qualifier: str = Field(default="", description="Role of the object in the event.")


class Mapping(BaseModel):
    """Columns of a table by what they mean; only `case`, `activity` and `time` are needed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    case: str | None = Field(default=None, description="Column of the case id.")
    activity: str | None = Field(default=None, description="Column of the activity.")
    time: str | None = Field(default=None, description="Column of the time stamp: when it happened or ended.")
    start: str | None = Field(default=None, description="Column of the time at which the activity began.")
    seen: str | None = Field(default=None, description="Column of the time at which the source saw the event.")
    time_format: str | None = Field(
        default=None, description="strftime pattern, or epoch_s, epoch_ms, epoch_us; detected when absent."
    )
    timezone: str | None = Field(default=None, description="Zone of stamps that carry none, e.g. Europe/Berlin.")
    event_id: str | None = Field(default=None, description="Column of the source's own event id.")
    source: str | None = Field(default=None, description="Column that names the system of each row.")
    sequence: str | None = Field(default=None, description="Column of the source's sequence number.")
    revision: str | None = Field(default=None, description="Column of the source's revision of the event.")
    actor: str | None = Field(default=None, description="Column of who or what did it.")
    actor_kind: str | None = Field(default=None, description="Column with human, system or agent.")
    lifecycle: str | None = Field(default=None, description="Column of the lifecycle state.")
    outcome: str | None = Field(default=None, description="Column with ok, error, retry, timeout or rejected.")
    error_code: str | None = Field(default=None, description="Column of the error code.")
    value: str | None = Field(default=None, description="Column of the money value.")
    currency: str | None = Field(default=None, description="Column of its currency, or a code such as =EUR.")
    precision: str | None = Field(
        default=None, description="Column that says how exact the time is: us, ms, s, min or day."
    )
    time_kind: str | None = Field(default=None, description="Column with happened, entered or posted.")
    trace_id: str | None = Field(default=None, description="Column of the distributed trace.")
    span_id: str | None = Field(default=None, description="Column of the span in that trace.")
    event_id_optional: bool = Field(default=False, description="Rows may have no event id.")
    case_type: str | None = Field(
        default=None, min_length=1, description="Object type of the cases; case:PROCESS when absent."
    )
    objects: tuple[ObjectColumn, ...] = Field(default=(), description="Further objects of each event.")
    object_list: str | None = Field(
        default=None,
        description="Column with all objects of an event as a JSON list of [type, id, qualifier]; empty: the case.",
    )
    repeats: str | None = Field(
        default=None,
        description="Column with true where the row gives an event of an earlier row again, for another case.",
    )
    case_columns: tuple[str, ...] = Field(default=(), description="Columns that are attributes of the case.")
    json_columns: tuple[str, ...] = Field(
        default=(), description="Columns of attributes whose values are JSON; empty means there is none."
    )
    attribute_names: dict[str, str] = Field(
        default_factory=dict, description="Names of attributes whose columns are called otherwise, by column."
    )
    drop: tuple[str, ...] = Field(default=(), description="Columns that are not kept.")

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str | None) -> str | None:
        if value is not None:
            zone(value)
        return value


def zone(name: str) -> ZoneInfo:
    """The time zone of an IANA name; ValueError names it when there is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"no time zone is called {name!r}; use names such as Europe/Berlin") from None


def read_mapping(path: Path) -> Mapping:
    """The mapping in a YAML file; `DefinitionError` lists all its problems."""
    return read_definition(path, Mapping)


def guess(columns: list[str]) -> dict[str, str]:
    """What the header suggests: field to column, only for headers whose meaning is common knowledge."""
    by_name = {column.strip().lower(): column for column in reversed(columns)}
    found: dict[str, str] = {}
    for meaning, names in GUESSES.items():
        column = next((by_name[name] for name in names if name in by_name), None)
        if column is not None and column not in found.values():
            found[meaning] = column
    return found


def complete(mapping: Mapping, columns: list[str], *, accept_guess: bool) -> Mapping:
    """The mapping with its gaps filled from the header, when that was asked for.

    Raises
    ------
    MappingError
        A needed column is not named (the message offers the guess) or a named one does not exist (the message
        lists those that do).
    """
    guessed = guess(columns)
    if accept_guess:
        taken = {getattr(mapping, name) for name in COLUMN_FIELDS} - {None} if mapping.case else set()
        gaps = {k: v for k, v in guessed.items() if getattr(mapping, k) is None and v not in taken}
        mapping = mapping.model_copy(update=gaps)
    listed = ", ".join(repr(column) for column in columns[:40]) + (" …" if len(columns) > 40 else "")
    missing = [name for name in ("case", "activity", "time") if getattr(mapping, name) is None]
    if missing:
        flags = " ".join(
            f"--{name} {_shell(guessed[name])}" for name in ("case", "activity", "time") if name in guessed
        )
        offer = f" From the header I would guess {flags}; repeat with these, or with --guess." if flags else ""
        raise MappingError(f"say which column is the {' and the '.join(missing)}.{offer} Columns: {listed}")
    named = [(name, value) for name, value in mapping if name in COLUMN_FIELDS and value is not None]
    named += [("objects", item.column) for item in mapping.objects]
    named += [("case_columns", column) for column in mapping.case_columns]
    named += [("json_columns", column) for column in mapping.json_columns]
    named += [("attribute_names", column) for column in mapping.attribute_names]
    for name, column in named:
        if column not in columns and not (name == "currency" and column.startswith("=")):
            raise MappingError(f"no column {column!r} for {name}{suggestion(column, columns)}. Columns: {listed}")
    return mapping


COLUMN_FIELDS = (
    *("case", "activity", "time", "start", "seen", "event_id", "source", "sequence", "revision", "actor"),
    *("actor_kind", "lifecycle", "outcome", "error_code", "value", "currency", "precision", "time_kind"),
    *("trace_id", "span_id", "object_list", "repeats"),
)
"""The fields of a mapping that name one column."""


def _shell(text: str) -> str:
    return f"'{text}'" if not text.isidentifier() else text
