"""Events as systems send them: a JSON array, decoded, checked one by one and made frames of `kernel.events`.

An event that cannot be kept never stops the others: it is `Rejected`, with its text as it was sent. A body that is no
array of JSON values is refused as a whole. The sender's own id of each event is required: it makes sending again safe.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
import polars as pl
from msgspec import Meta, Struct

from ingest.formats.ocel_values import nested_value
from kernel.attributes import date_value, encode, encode_value
from kernel.errors import InputError, UnreadableFile
from kernel.events import EVENT_FRAME, LINK_FRAME, OBJECT_FRAME, OBJECT_REFS

MAX_EVENTS = 10_000
"""Most events of one request."""
MAX_SOURCES = 100
"""Most sources that one request may name."""
MAX_SOURCE = 200
MAX_VALUE_CHARACTERS = 64 << 10
"""Of all attributes of an event, and of one of an object, as JSON."""
MAX_DEPTH = 16
FIRST, LAST = datetime(1970, 1, 1, tzinfo=timezone.utc), datetime(2200, 1, 1, tzinfo=timezone.utc)

Name = Annotated[str, Meta(min_length=1, max_length=500)]
Short = Annotated[str, Meta(max_length=500)]
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Stamp = Annotated[
    str,
    Meta(description="RFC 3339 with an offset: 2026-01-31T12:00:00.250Z", extra_json_schema={"format": "date-time"}),
]


class ObjectRef(Struct, forbid_unknown_fields=True, frozen=True):
    """An object that an event happened to. `attributes` take these values when the event happens."""

    type: Name
    id: Name
    qualifier: Short = ""
    attributes: dict[Name, Any] = {}


class Named(Struct, forbid_unknown_fields=True, frozen=True):
    """One end of a link."""

    type: Name
    id: Name


class Link(Struct, forbid_unknown_fields=True, frozen=True, rename={"from_": "from"}):
    """A relation between two objects."""

    from_: Named
    to: Named
    qualifier: Short = ""


class Event(Struct, forbid_unknown_fields=True, frozen=True):
    """Something that happened in a source."""

    id: Annotated[
        str, Meta(min_length=1, max_length=500, description="The source's own id; sent again it adds nothing.")
    ]
    activity: Name
    occurred_at: Stamp
    source: Annotated[
        str, Meta(max_length=MAX_SOURCE, description="The system it is from; else the source of the request.")
    ] = ""
    seen_at: Stamp | None = None
    started_at: Stamp | None = None
    lifecycle: Short = ""
    sequence: Annotated[int, Meta(ge=0, le=2**63 - 1, description="Orders events of one instant.")] = 0
    actor: Short = ""
    actor_kind: Literal["", "human", "system", "agent"] = ""
    outcome: Literal["", "ok", "error", "retry", "timeout", "rejected"] = ""
    error_code: Short = ""
    value: Annotated[Decimal | None, Meta(description="Money, as decimal text or number, with `currency`.")] = None
    currency: Annotated[str, Meta(max_length=16)] = ""
    objects: Annotated[list[ObjectRef], Meta(max_length=1_000)] = []
    attributes: dict[Name, Any] = {}
    links: Annotated[list[Link], Meta(max_length=1_000)] = []
    trace_id: Short = ""
    span_id: Short = ""
    revision: Annotated[int, Meta(ge=0, le=2**63 - 1, description="Of the source; the highest one counts.")] = 0


@dataclass(frozen=True, slots=True)
class Refused:
    """An event of a request that cannot be kept. `index` counts from 0; `raw` is what was sent."""

    index: int
    id: str  # "" where it has none
    source: str
    reason: str
    raw: str


@dataclass(frozen=True, slots=True)
class Sent:
    """The events of one source in one request. `row` of objects and links is the row of their event."""

    source: str
    events: pl.DataFrame  # of EVENT_FRAME
    objects: pl.DataFrame  # of OBJECT_FRAME and row
    links: pl.DataFrame  # of LINK_FRAME and row
    refused: tuple[Refused, ...]

    @property
    def received(self) -> int:
        return self.events.height + len(self.refused)


NUL = rb"\u0000"
"""The only way to write it in a text of JSON."""
ROW = {"row": pl.UInt32()}
OBJECT_ROWS = pl.Schema({**OBJECT_FRAME, **ROW})
LINK_ROWS = pl.Schema({**LINK_FRAME, **ROW})

_STAMP = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(?P<s>:\d\d(?:\.(?P<f>\d{1,9}))?)?(?P<zone>[Zz]|[+-]\d\d:?\d\d)?", re.ASCII
)
_whole = msgspec.json.Decoder(list[Event])
_single = msgspec.json.Decoder(Event)


class _Unfit(ValueError):
    """Why an event cannot be kept."""


def read_events(body: bytes, source: str, now: datetime) -> list[Sent]:
    """The events of a request by source, each in the order they came; one object counts as an array of one.

    `source` is that of events which name none. `now` is when they are seen, where they do not say.

    Raises
    ------
    InputError
        The body is no JSON array of at most MAX_EVENTS events from at most MAX_SOURCES sources. Nothing is kept of it.
    """
    if len(source) > MAX_SOURCE or not source.isprintable():
        raise InputError(f"source: at most {MAX_SOURCE} characters, none of them a control character")
    body = body.strip()
    if body.startswith(b"{"):
        body = b"[" + body + b"]"
    by_source: dict[str, _Rows] = {}
    nul = NUL in body
    for index, event, unfit in _decoded(body):
        if unfit is None and event is not None:
            name = event.source if event.source and event.source.isprintable() else source
            rows = by_source.get(name)
            if rows is None:
                rows = by_source[name] = _Rows(name, now)
            try:
                if nul:
                    _check_texts(event)
                rows.add(event)
                continue
            except (_Unfit, UnreadableFile) as error:
                unfit = Refused(index, event.id, name, str(error), "")
        if unfit is not None:
            name = unfit.source or source
            by_source.setdefault(name, _Rows(name, now)).refused.append(unfit)
    _put_texts(body, by_source)
    if len(by_source) > MAX_SOURCES:
        raise InputError(f"a request names at most {MAX_SOURCES} sources; this one names {len(by_source)}")
    return [rows.sent() for rows in by_source.values()]


def _decoded(body: bytes) -> Iterator[tuple[int, Event | None, Refused | None]]:
    """Each event, or why it is none; at once where all are, else one by one."""
    try:
        events = _whole.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        events = None
    if events is not None:
        _check_count(len(events))
        yield from ((index, event, None) for index, event in enumerate(events))
        return
    for index, (text, value, finite) in enumerate(_pieces(body)):
        try:
            yield index, _one(text, value, finite=finite), None
        except _Unfit as error:
            yield index, None, Refused(index, _text_of(value, "id"), _text_of(value, "source"), str(error), text)


def _one(text: str, value: Any, *, finite: bool) -> Event:
    if not finite:
        raise _Unfit("NaN and infinities are no numbers")
    try:
        return _single.decode(text)
    except msgspec.ValidationError as error:
        raise _Unfit(str(error)) from None
    except RecursionError:
        raise _Unfit(f"values are nested more than {MAX_DEPTH} deep") from None
    except (msgspec.DecodeError, UnicodeEncodeError):
        raise _Unfit(_unreadable(value)) from None


def _unreadable(value: Any) -> str:
    """Why msgspec cannot read what Python can."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return "text holds half of a surrogate pair"
    return "this is not JSON"


def _pieces(body: bytes) -> list[tuple[str, Any, bool]]:
    """The elements of the array: text, value (numbers aside), and whether it is free of NaN and infinities."""
    strange: list[str] = []
    decoder = json.JSONDecoder(parse_int=lambda _: 0, parse_float=lambda _: 0.0, parse_constant=strange.append)
    blank = re.compile(r"[ \t\n\r]*").match
    found: list[tuple[str, Any, bool]] = []

    def skip(position: int) -> int:
        matched = blank(text, position)
        return matched.end() if matched is not None else position

    try:
        text = body.decode()
        if not text.startswith("["):
            raise InputError("expected a JSON array of events")
        position = skip(1)
        while text[position : position + 1] != "]" or found:
            value, end = decoder.raw_decode(text, position)
            found.append((text[position:end], value, not strange))
            strange.clear()
            _check_count(len(found))
            position = skip(end)
            if text[position : position + 1] == "]":
                break
            if text[position : position + 1] != ",":
                raise json.JSONDecodeError("expected , or ]", text, position)
            position = skip(position + 1)
        if skip(position + 1) != len(text):
            raise json.JSONDecodeError("something follows the array", text, position + 1)
    except UnicodeDecodeError as error:
        raise InputError(f"the body is not UTF-8 text (byte {error.start})") from None
    except RecursionError:
        raise InputError("the body is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise InputError(f"the body is not a JSON array: {error.msg} (character {error.pos})") from None
    return found


def _check_count(count: int) -> None:
    if count > MAX_EVENTS:
        raise InputError(f"a request has at most {MAX_EVENTS:,} events; send them in several")


def _text_of(value: Any, name: str) -> str:
    """A text of an event that is none, as far as it can be told; "" else."""
    found = value.get(name, "") if isinstance(value, dict) else ""
    if not isinstance(found, str) or len(found) > MAX_SOURCE or not found.isprintable():
        return ""
    return found


def _put_texts(body: bytes, by_source: Mapping[str, _Rows]) -> None:
    """Give those that were refused after they were decoded the text that was sent."""
    if not any(one.raw == "" for rows in by_source.values() for one in rows.refused):
        return
    pieces = _pieces(body)
    for rows in by_source.values():
        rows.refused[:] = [
            one if one.raw else Refused(one.index, one.id, one.source, one.reason, pieces[one.index][0])
            for one in rows.refused
        ]


class _Rows:
    """The events of one source on their way to frames."""

    def __init__(self, source: str, now: datetime) -> None:
        self.refused: list[Refused] = []
        self._source, self._now = source, now
        self._kept: list[Event] = []
        self._worked: list[tuple[Any, ...]] = []
        self._objects: list[tuple[Any, ...]] = []
        self._links: list[tuple[Any, ...]] = []

    def add(self, event: Event) -> None:
        """`_Unfit` where it cannot be kept; then nothing of it is."""
        if not self._source:
            raise _Unfit("source: neither the event nor the request names one")
        if event.source and event.source != self._source:
            raise _Unfit("source: holds a control character")
        occurred_at, precision = _instant("occurred_at", event.occurred_at)
        started_at = _instant("started_at", event.started_at)[0] if event.started_at is not None else None
        seen_at = _instant("seen_at", event.seen_at)[0] if event.seen_at is not None else self._now
        attributes = encode({name: _value(name, value) for name, value in event.attributes.items()})
        _check_length("attributes", attributes)
        row, objects = len(self._kept), []
        for one in event.objects:
            for name, value in one.attributes.items():
                written = encode_value(_value(name, value))
                _check_length(f"attributes.{name}", written)
                objects.append((one.type, one.id, name, written, occurred_at, row))
        self._worked.append((occurred_at, precision, started_at, seen_at, _money(event.value), attributes))
        self._kept.append(event)
        self._objects += objects
        for link in event.links:
            self._links.append((link.from_.type, link.from_.id, link.to.type, link.to.id, link.qualifier, row))

    def sent(self) -> Sent:
        return Sent(
            self._source,
            self._frame(),
            pl.DataFrame(self._objects, schema=OBJECT_ROWS, orient="row"),
            pl.DataFrame(self._links, schema=LINK_ROWS, orient="row"),
            tuple(self.refused),
        )

    def _frame(self) -> pl.DataFrame:
        """The events, column by column: row by row takes three times as long."""
        kept = self._kept
        worked = zip(*self._worked, strict=True) if kept else ([] for _ in WORKED)
        columns: dict[str, Any] = {name: list(values) for name, values in zip(WORKED, worked, strict=True)}
        columns["time_kind"] = ["happened"] * len(kept)
        columns["source_event_id"] = [event.id for event in kept]
        columns["objects"] = _references(kept)
        for name in EVENT_FRAME:
            if name not in columns:
                columns[name] = [getattr(event, name) for event in kept]
        return pl.DataFrame({name: columns[name] for name in EVENT_FRAME}, schema=EVENT_FRAME)


WORKED = ("occurred_at", "precision", "started_at", "seen_at", "value", "attributes")
"""The columns that are made of what was sent; the others hold it as it is."""


def _references(events: list[Event]) -> pl.Series:
    """The objects of each event, as OBJECT_REFS."""
    named = [(row, one) for row, event in enumerate(events) for one in event.objects]
    flat = pl.DataFrame(
        {
            "row": pl.Series([row for row, _ in named], dtype=pl.UInt32),
            "type": pl.Series([one.type for _, one in named], dtype=pl.String),
            "id": pl.Series([one.id for _, one in named], dtype=pl.String),
            "qualifier": pl.Series([one.qualifier for _, one in named], dtype=pl.String),
        }
    )
    by_row = flat.group_by("row", maintain_order=True).agg(pl.struct("type", "id", "qualifier").alias("objects"))
    rows = pl.DataFrame({"row": pl.Series(range(len(events)), dtype=pl.UInt32)})
    empty = pl.lit(pl.Series([[]], dtype=OBJECT_REFS))
    found = rows.join(by_row, on="row", how="left", maintain_order="left")
    return found.select(pl.col("objects").fill_null(empty)).to_series()


def _check_texts(event: Event) -> None:
    for name in ("id", "activity", "lifecycle", "actor", "error_code", "currency", "trace_id", "span_id"):
        _check_text(name, getattr(event, name))
    for one in event.objects:
        for text in (one.type, one.id, one.qualifier):
            _check_text("objects", text)
        for name, value in one.attributes.items():
            _check_nul(name, value)
    for name, value in event.attributes.items():
        _check_nul(name, value)
    for link in event.links:
        for text in (link.from_.type, link.from_.id, link.to.type, link.to.id, link.qualifier):
            _check_text("links", text)


def _check_nul(name: str, value: Any) -> None:
    if isinstance(value, list | dict):
        for item in value if isinstance(value, list) else (*value, *value.values()):
            _check_nul(name, item)
    for text in (name, value):
        if isinstance(text, str):
            _check_text(f"attributes.{name}".replace("\0", ""), text)


def _check_text(where: str, text: str) -> None:
    if "\0" in text:
        raise _Unfit(f"{where}: text holds a NUL character")


def _check_length(where: str, written: str) -> None:
    if len(written) > MAX_VALUE_CHARACTERS:
        raise _Unfit(f"{where}: {len(written):,} characters as JSON; at most {MAX_VALUE_CHARACTERS:,}")


def _instant(name: str, text: str) -> tuple[datetime, str]:
    """The instant in UTC, and how exact it is written."""
    found = _STAMP.fullmatch(text)
    if found is None:
        raise _Unfit(f"{name}: {text[:60]!r} is not a time such as 2026-01-31T12:00:00.250Z")
    if found["zone"] is None:
        raise _Unfit(f"{name}: {text[:60]!r} has no offset; end it with Z or +01:00")
    try:
        moment = datetime.fromisoformat(text.upper())
        inside = FIRST <= moment < LAST
        moment = moment.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise _Unfit(f"{name}: there is no time {text[:60]!r}") from None
    if not inside:
        raise _Unfit(f"{name}: {text[:60]!r} is not between the years 1970 and 2200")
    if found["s"] is None:
        return moment, "min"
    return moment, "s" if found["f"] is None else "ms" if len(found["f"]) <= 3 else "us"


def _money(value: Decimal | None) -> Decimal | None:
    if value is None:
        return None
    if not value.is_finite():
        raise _Unfit("value: NaN and infinities are no amounts")
    if value.adjusted() >= 32:
        raise _Unfit("value: an amount has at most 32 digits before its point")
    exponent = value.normalize().as_tuple().exponent
    if isinstance(exponent, int) and exponent < -6:
        raise _Unfit("value: an amount has at most 6 digits after its point")
    return value


def _value(name: str, value: Any) -> Any:
    """An attribute's value with the types of `kernel.attributes`."""
    if isinstance(value, str | float | bool | None):
        return value
    _check_value(name, value, MAX_DEPTH)
    if isinstance(value, dict) and len(value) == 1 and isinstance(value.get("$date"), str):
        return date_value(_instant(f"attributes.{name}", value["$date"])[0])
    return nested_value(value, MAX_DEPTH)


def _check_value(name: str, value: Any, depth: int) -> None:
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        raise _Unfit(f"attributes.{name}: a whole number has at most 64 bits; send it as text")
    if isinstance(value, list | dict):
        if depth <= 0:
            raise _Unfit(f"attributes.{name}: values are nested more than {MAX_DEPTH} deep")
        for item in value if isinstance(value, list) else value.values():
            _check_value(name, item, depth - 1)


def schema() -> dict[str, Any]:
    """The JSON Schema of a request, with its parts by name, for the documentation of the API."""
    (found,), parts = msgspec.json.schema_components([list[Event]], ref_template="#/components/schemas/{name}")
    return {"schema": {**found, "maxItems": MAX_EVENTS}, "parts": parts}
