"""OCEL 2.0 files, written: JSON and SQLite (https://www.ocel-standard.org).

    with OcelJsonWriter(path) as writer:
        for batch in batches:
            writer.write(events=batch.events, objects=batch.objects, links=batch.links)

Frames may come in any order and pieces; types, attributes and their kinds are derived from them. The rows wait in
a temporary folder beside the target. At the end of the block the file is written there and then renamed, so that
the target is either the old file or the whole new one; an exception in the block leaves it untouched. What OCEL
has no place for is written as `ingest.formats.ocel_values` describes, and the readers of this package restore it.

Not kept: the difference between 5 and 5.0 in an attribute that holds integers and floats, and change times of
object attributes within 14 hours of the start of 1970, which mean "from the beginning".
"""

from __future__ import annotations

import math
import os
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
import polars as pl

from ingest.formats.ocel_sqlite_queries import quoted
from ingest.formats.ocel_stage import Kinds, OcelStage, StagedObject
from ingest.formats.ocel_values import BEGINNING, JSON_MARK, Kind, written, written_text
from kernel.attributes import encode_value

INSERT_ROWS = 5_000

Declarations = Mapping[str, Mapping[str, Kind]]
"""Attributes and their kinds by type, for types and attributes that shall be declared although no row has them."""


class _OcelWriter:
    """A context manager that collects frames and writes the file when its block ends without an exception."""

    def __init__(
        self, path: Path, *, event_types: Declarations | None = None, object_types: Declarations | None = None
    ) -> None:
        self._path = path
        self._declared = event_types or {}, object_types or {}

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix=f".{self._path.name[:100]}.", dir=self._path.parent))
        self._stage = OcelStage(self._folder, *self._declared)
        return self

    def write(
        self,
        *,
        events: pl.DataFrame | None = None,
        objects: pl.DataFrame | None = None,
        links: pl.DataFrame | None = None,
    ) -> None:
        """Adds rows of EVENT_FRAME, OBJECT_FRAME and LINK_FRAME.

        Objects that only an event or a link names are added with their type.
        """
        if objects is not None:
            self._stage.add_objects(objects)
        if links is not None:
            self._stage.add_links(links)
        if events is not None:
            self._stage.add_events(events)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._stage.settle()
                target = self._folder / "log"
                self._save(self._stage, target)
                with target.open("rb") as done:
                    os.fsync(done.fileno())
                target.replace(self._path)
        finally:
            self._stage.close()
            shutil.rmtree(self._folder)

    def _save(self, stage: OcelStage, target: Path) -> None:
        raise NotImplementedError


class OcelJsonWriter(_OcelWriter):
    """Writes OCEL 2.0 JSON. Values are text, as the schema of the standard asks."""

    def _save(self, stage: OcelStage, target: Path) -> None:
        with target.open("wb") as out:
            out.write(b'{"eventTypes":')
            out.write(msgspec.json.encode(_declarations(stage.event_kinds)))
            out.write(b',\n"objectTypes":')
            out.write(msgspec.json.encode(_declarations(stage.object_kinds)))
            out.write(b',\n"events":')
            events = (
                {
                    "id": event.id,
                    "type": event.type,
                    "time": event.time,
                    "attributes": [
                        {"name": name, "value": written_text(value, stage.event_kinds[event.type][name])}
                        for name, value in event.attributes.items()
                    ],
                    "relationships": [{"objectId": target, "qualifier": text} for target, text in event.objects],
                }
                for event in stage.events()
            )
            for piece in _array(events):
                out.write(piece)
            out.write(b',\n"objects":')
            objects = (
                {
                    "id": each.id,
                    "type": each.type,
                    "attributes": [
                        {"name": name, "time": time, "value": written_text(value, stage.object_kinds[each.type][name])}
                        for name, value, time in each.values
                    ],
                    "relationships": [{"objectId": target, "qualifier": text} for target, text in each.links],
                }
                for each in stage.objects()
            )
            for piece in _array(objects):
                out.write(piece)
            out.write(b"}\n")


class OcelSqliteWriter(_OcelWriter):
    """Writes OCEL 2.0 SQLite: the tables of the standard, one more per event type and per object type."""

    def _save(self, stage: OcelStage, target: Path) -> None:
        with closing(sqlite3.connect(target, isolation_level=None)) as db:
            db.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;" + _TABLES + "BEGIN;")
            inserts = _Inserts(db)
            object_tables = _type_tables(db, "object", stage.object_kinds)
            event_tables = _type_tables(db, "event", stage.event_kinds)
            for each in stage.objects():
                inserts.add("INSERT INTO object VALUES (?, ?)", (each.id, each.type))
                for row in _object_rows(each, stage.object_kinds[each.type]):
                    inserts.add(object_tables[each.type], row)
                for link in each.links:
                    inserts.add("INSERT INTO object_object VALUES (?, ?, ?)", (each.id, *link))
            for event in stage.events():
                inserts.add("INSERT INTO event VALUES (?, ?)", (event.id, event.type))
                cells = (
                    _cell(event.attributes[name], kind) if name in event.attributes else None
                    for name, kind in stage.event_kinds[event.type].items()
                )
                inserts.add(event_tables[event.type], (event.id, event.time, *cells))
                for reference in event.objects:
                    inserts.add("INSERT INTO event_object VALUES (?, ?, ?)", (event.id, *reference))
            inserts.flush()
            db.execute("COMMIT")


class _Inserts:
    """Gathers rows per statement and inserts them together."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._rows: dict[str, list[tuple[Any, ...]]] = {}
        self._count = 0

    def add(self, statement: str, row: tuple[Any, ...]) -> None:
        self._rows.setdefault(statement, []).append(row)
        self._count += 1
        if self._count >= INSERT_ROWS:
            self.flush()

    def flush(self) -> None:
        for statement, rows in self._rows.items():
            self._db.executemany(statement, rows)
        self._rows.clear()
        self._count = 0


_TABLES = """
CREATE TABLE event_map_type (ocel_type TEXT PRIMARY KEY, ocel_type_map TEXT);
CREATE TABLE object_map_type (ocel_type TEXT PRIMARY KEY, ocel_type_map TEXT);
CREATE TABLE event (ocel_id TEXT PRIMARY KEY, ocel_type TEXT REFERENCES event_map_type (ocel_type));
CREATE TABLE object (ocel_id TEXT PRIMARY KEY, ocel_type TEXT REFERENCES object_map_type (ocel_type));
CREATE TABLE event_object (
    ocel_event_id TEXT REFERENCES event (ocel_id), ocel_object_id TEXT REFERENCES object (ocel_id),
    ocel_qualifier TEXT, PRIMARY KEY (ocel_event_id, ocel_object_id, ocel_qualifier));
CREATE TABLE object_object (
    ocel_source_id TEXT REFERENCES object (ocel_id), ocel_target_id TEXT REFERENCES object (ocel_id),
    ocel_qualifier TEXT, PRIMARY KEY (ocel_source_id, ocel_target_id, ocel_qualifier));
"""
_COLUMN_TYPES: Mapping[Kind, str] = {
    "string": "TEXT",
    "time": "TIMESTAMP",
    "integer": "INTEGER",
    "float": "REAL",
    "boolean": "BOOLEAN",
}


def table_suffixes(types: Iterable[str]) -> dict[str, str]:
    """The part of a table's name that stands for each type: its words joined, told apart by a number.

    SQLite does not tell upper from lower case in names, and `event_object` and `object_object` are taken.
    """
    taken = {"object"}
    suffixes = {}
    for name in types:
        words = re.findall(r"[A-Za-z0-9]+", name)
        plain = suffix = "".join(word[:1].upper() + word[1:] for word in words)[:60] or "Type"
        number = 1
        while suffix.lower() in taken:
            number += 1
            suffix = f"{plain}_{number}"
        taken.add(suffix.lower())
        suffixes[name] = suffix
    return suffixes


def _type_tables(db: sqlite3.Connection, noun: str, kinds: Kinds) -> dict[str, str]:
    """Makes the table of each type; gives the statement that inserts a row into it."""
    statements = {}
    own = ["ocel_id TEXT", "ocel_time TIMESTAMP"] + (["ocel_changed_field TEXT"] if noun == "object" else [])
    for name, suffix in table_suffixes(kinds).items():
        columns = own + [f"{quoted(key)} {_COLUMN_TYPES[kind]}" for key, kind in kinds[name].items()]
        table = quoted(f"{noun}_{suffix}")
        db.execute(f"CREATE TABLE {table} ({', '.join(columns)}, FOREIGN KEY (ocel_id) REFERENCES {noun} (ocel_id))")
        db.execute(f"INSERT INTO {noun}_map_type VALUES (?, ?)", (name, suffix))  # noqa: S608 - two fixed names
        marks = ", ".join("?" * len(columns))
        statements[name] = f"INSERT INTO {table} VALUES ({marks})"  # noqa: S608 - a quoted name
    return statements


def _object_rows(each: StagedObject, kinds: dict[str, Kind]) -> Iterable[tuple[Any, ...]]:
    """One row with what holds from the beginning, then one per change."""
    first: dict[str, Any] = {}
    later = []
    for name, value, time in each.values:
        if time == BEGINNING and name not in first:
            first[name] = _cell(value, kinds[name])
        else:
            later.append((name, value, time))
    yield (each.id, BEGINNING, None, *(first.get(name) for name in kinds))
    for name, value, time in later:
        cells = (_cell(value, kind) if name == key else None for key, kind in kinds.items())
        yield (each.id, time, name, *cells)


def _cell(value: Any, kind: Kind) -> str | int | float | bool:
    """As `written`, for a cell of SQLite, which keeps a whole number in a REAL column as an integer: -0.0 as 0."""
    negative_zero = isinstance(value, float) and value == 0 and math.copysign(1, value) < 0
    return JSON_MARK + encode_value(value) if negative_zero else written(value, kind)


def _declarations(kinds: Kinds) -> list[dict[str, Any]]:
    return [
        {"name": name, "attributes": [{"name": key, "type": kind} for key, kind in of_type.items()]}
        for name, of_type in kinds.items()
    ]


def _array(items: Iterable[dict[str, Any]]) -> Iterable[bytes]:
    """A JSON array, one item per line."""
    mark = b"[\n"
    for item in items:
        yield mark + msgspec.json.encode(item)
        mark = b",\n"
    yield b"\n]" if mark == b",\n" else b"[]"
