"""What an OCEL writer holds on disk until it knows what to declare.

OCEL declares the attributes of a type before their values, keeps the values and relations of an object together
and wants ids that are unique in the whole file. So the rows are first collected in a temporary database; memory
holds the types and one entry per object.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import polars as pl

from ingest.formats.instants import written as written_instant
from ingest.formats.ocel_values import (
    BEGINNING,
    FIELD_KINDS,
    MARK,
    OVERFLOW,
    Kind,
    actor_of,
    kind_of,
    merged_kind,
    renamed_event,
    renamed_object,
)
from kernel.attributes import date_value, decode, encode, encode_value

MAX_COLUMNS = 1_000
"""Attributes of one type that get a column; SQLite allows 2,000 columns per table."""

_OWN_COLUMNS = ("ocel_id", "ocel_time", "ocel_changed_field")
_SCHEMA = """
CREATE TABLE event (pos INTEGER PRIMARY KEY, id TEXT, type TEXT, time TEXT, attributes TEXT, objects TEXT);
CREATE TABLE value (pos INTEGER PRIMARY KEY, object INTEGER, attribute TEXT, value TEXT, time TEXT);
CREATE TABLE link (source INTEGER, target INTEGER, qualifier TEXT);
"""
_EVENT_COLUMNS = ("source_event_id", "activity", "attributes", "objects", "occurred_at", *FIELD_KINDS)

Kinds = dict[str, dict[str, Kind]]


@dataclass(frozen=True, slots=True)
class StagedEvent:
    """One event as the file shall hold it."""

    id: str
    type: str
    time: str
    attributes: dict[str, Any]
    objects: list[tuple[str, str]]  # id, qualifier


@dataclass(frozen=True, slots=True)
class StagedObject:
    """One object as the file shall hold it."""

    id: str
    type: str
    values: list[tuple[str, Any, str]]  # attribute, value, time
    links: list[tuple[str, str]]  # target, qualifier


class _Types:
    """The types of events or of objects, with the kinds of their attributes as seen so far."""

    def __init__(self, declared: Mapping[str, Mapping[str, Kind]]) -> None:
        self.kinds: Kinds = {}
        self._folded: dict[str, dict[str, str]] = {}
        for name, kinds in declared.items():
            usable = self.carried(name, dict(kinds))
            self.kinds[name] = {key: kind for key, kind in usable.items() if key != OVERFLOW}

    def carried(self, name: str, attributes: dict[str, Any]) -> dict[str, Any]:
        """The attributes under names that every file can carry; the others together as OVERFLOW."""
        self.kinds.setdefault(name, {})
        folded = self._folded.setdefault(name, {})
        own, overflow = {}, {}
        for key, value in attributes.items():
            lower = key.lower()  # SQLite does not tell upper from lower case
            usable = key and not key.startswith(MARK) and "\0" not in key and lower not in _OWN_COLUMNS
            fits = lower in folded or len(folded) < MAX_COLUMNS
            if usable and fits and folded.setdefault(lower, key) == key:
                own[key] = value
            else:
                overflow[key] = value
        return own | {OVERFLOW: overflow} if overflow else own

    def declare(self, name: str, attributes: dict[str, Any]) -> None:
        """Takes note of the kinds of values of one event or object."""
        kinds = self.kinds[name]
        for key, value in attributes.items():
            kind, known = kind_of(value), kinds.get(key)
            if known is None or known != kind:
                kinds[key] = merged_kind(known or kind, kind)


class OcelStage:
    """Collects frames in any order, then gives events in that order and objects by first appearance."""

    def __init__(
        self,
        folder: Path,
        event_types: Mapping[str, Mapping[str, Kind]],
        object_types: Mapping[str, Mapping[str, Kind]],
    ) -> None:
        self._event_types, self._object_types = _Types(event_types), _Types(object_types)
        self._numbers: dict[str, int] = {}  # by the written id
        self._written: list[tuple[str, str]] = []  # written id and type, by number
        self._events = 0
        self._db = sqlite3.connect(folder / "stage", isolation_level=None)
        self._db.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;" + _SCHEMA + "BEGIN;")

    @property
    def event_kinds(self) -> Kinds:
        """Attributes and their kinds by event type."""
        return self._event_types.kinds

    @property
    def object_kinds(self) -> Kinds:
        """Attributes and their kinds by object type."""
        return self._object_types.kinds

    def close(self) -> None:
        """Closes the temporary database."""
        self._db.close()

    # Collecting -------------------------------------------------------------------------------------

    def add_events(self, events: pl.DataFrame) -> None:
        """Adds rows of EVENT_FRAME, with or without the extra column `source`."""
        if "source" not in events.columns:
            events = events.with_columns(pl.lit("").alias("source"))
        rows = events.select(_EVENT_COLUMNS).iter_rows()
        self._db.executemany("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?)", map(self._event, rows))

    def add_objects(self, objects: pl.DataFrame) -> None:
        """Adds rows of OBJECT_FRAME."""
        rows = objects.select("type", "id", "attribute", "value", "changed_at").iter_rows()
        values = (row for row in map(self._value, rows) if row is not None)
        self._db.executemany("INSERT INTO value VALUES (NULL, ?, ?, ?, ?)", values)

    def add_links(self, links: pl.DataFrame) -> None:
        """Adds rows of LINK_FRAME."""
        rows = links.select("from_type", "from_id", "to_type", "to_id", "qualifier").iter_rows()
        pairs = (
            (self._number(from_type, from_id), self._number(to_type, to_id), qualifier)
            for from_type, from_id, to_type, to_id, qualifier in rows
        )
        self._db.executemany("INSERT INTO link VALUES (?, ?, ?)", pairs)

    def _event(self, row: tuple[Any, ...]) -> tuple[int, str, str, str, str, str]:
        event_id, activity, text, objects, occurred_at, *others = row
        self._events += 1
        fields = dict(zip(FIELD_KINDS, others, strict=True))
        time = written_instant(occurred_at, fields["precision"])
        given = decode(text)
        own = self._event_types.carried(activity, given)
        defaults = _defaults(time, self._events, given)
        for name, value in fields.items():
            if value != defaults[name]:
                plain = date_value(value) if FIELD_KINDS[name] == "time" else value
                own[MARK + name] = format(plain, "f") if name == "value" else plain
        self._event_types.declare(activity, own)
        references = {(self._number(each["type"], each["id"]), each["qualifier"]): None for each in objects}
        return self._events, event_id, activity, time, encode(own), encode_value(list(references))

    def _value(self, row: tuple[Any, ...]) -> tuple[int, str, str, str] | None:
        object_type, object_id, name, text, changed_at = row
        number = self._number(object_type, object_id)
        if not name:
            return None
        own = self._object_types.carried(object_type, {name: decode(text)})
        self._object_types.declare(object_type, own)
        ((name, value),) = own.items()
        time = BEGINNING if changed_at is None else written_instant(changed_at, "s")
        return number, name, encode_value(value), time

    def _number(self, object_type: str, object_id: str) -> int:
        """The number of the object, which is added on its first appearance."""
        if object_id and not object_id.startswith(MARK):
            number = self._numbered(object_id, object_type)
            if self._written[number][1] == object_type:
                return number
        return self._numbered(renamed_object(object_type, object_id), object_type)

    def _numbered(self, written_id: str, object_type: str) -> int:
        number = self._numbers.get(written_id)
        if number is None:
            self._numbers[written_id] = number = len(self._written)
            self._written.append((written_id, object_type))
            self._object_types.kinds.setdefault(object_type, {})
        return number

    # Giving back ------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Makes the ids of events unique; call it once, after the last row."""
        self._db.create_function("renamed", 2, renamed_event, deterministic=True)
        self._db.execute("CREATE INDEX event_id ON event (id)")
        self._db.execute(
            "UPDATE event SET id = renamed(pos, id) WHERE id = '' OR substr(id, 1, ?) = ? "
            "OR pos NOT IN (SELECT min(pos) FROM event GROUP BY id)",
            (len(MARK), MARK),
        )
        self._db.execute("CREATE INDEX value_object ON value (object)")
        self._db.execute("CREATE INDEX link_source ON link (source)")

    def events(self) -> Iterator[StagedEvent]:
        """The events in the order in which they came."""
        rows = self._db.execute("SELECT id, type, time, attributes, objects FROM event ORDER BY pos")
        for event_id, event_type, time, attributes, objects in rows:
            named = [(self._written[number][0], qualifier) for number, qualifier in decode(objects)]
            yield StagedEvent(event_id, event_type, time, decode(attributes), named)

    def objects(self) -> Iterator[StagedObject]:
        """The objects, also those that only a relation names, by first appearance."""
        values = groupby(
            self._db.execute("SELECT object, attribute, value, time FROM value ORDER BY object, pos"), itemgetter(0)
        )
        links = groupby(
            self._db.execute("SELECT DISTINCT source, target, qualifier FROM link ORDER BY source"), itemgetter(0)
        )
        value_of, link_of = next(values, None), next(links, None)
        for number, (written_id, object_type) in enumerate(self._written):
            own_values, own_links = [], []
            if value_of and value_of[0] == number:
                own_values = [(name, decode(value), time) for _, name, value, time in value_of[1]]
                value_of = next(values, None)
            if link_of and link_of[0] == number:
                own_links = [(self._written[target][0], qualifier) for _, target, qualifier in link_of[1]]
                link_of = next(links, None)
            yield StagedObject(written_id, object_type, own_values, own_links)


def _defaults(time: str, number: int, attributes: dict[str, Any]) -> dict[str, Any]:
    """The fields that a reader finds without being told: those of FIELD_KINDS."""
    precision = {6: "us", 3: "ms"}.get(len(time.partition(".")[2].partition("+")[0]), "s")
    known = {"precision": precision, "time_kind": "happened", "sequence": number, "actor": actor_of(attributes)}
    empty = {"time": None, "integer": 0, "string": ""}
    return {name: known.get(name, None if name == "value" else empty[kind]) for name, kind in FIELD_KINDS.items()}
