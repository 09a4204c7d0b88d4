"""Object-centric event logs in SQLite: OCEL 2.0.

The file is opened read-only and immutable, its schema is not trusted, an authorizer lets nothing pass but
SELECT, and only ordinary columns of ordinary tables are read: no view, virtual table, trigger, generated
column or function of the file runs.
Joins and sorts spill to temporary files of SQLite; memory does not grow with the file.

Ids are compared as text, because public files declare the same id TEXT in one table and INTEGER in another.
Time stamps without a zone are read as UTC where no time zone is given: SQLite takes such text as UTC, and so
does the example of the standard, which writes the start of Unix time as `1970-01-01 00:00:00`. Some public
files hold local time instead; give their `timezone`.
"""

from __future__ import annotations

import heapq
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ingest.formats import ocel_sqlite_queries as queries
from ingest.formats.base import Batch, Limits
from ingest.formats.ocel_rows import OcelRows, Reference
from ingest.formats.ocel_values import Kind, declared_kind
from kernel.errors import UnreadableFile

MAX_TYPES = 2_000
"""Event types or object types per file; each needs a table."""

FETCH_ROWS = 2_000
_NEEDED = {
    "event": ("ocel_id", "ocel_type"),
    "object": ("ocel_id", "ocel_type"),
    "event_object": ("ocel_event_id", "ocel_object_id", "ocel_qualifier"),
    "event_map_type": ("ocel_type", "ocel_type_map"),
    "object_map_type": ("ocel_type", "ocel_type_map"),
}
_LINKS = {"object_object": ("ocel_source_id", "ocel_target_id", "ocel_qualifier")}
_ALLOWED = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ)
_FUNCTIONS = ("count", "min", "coalesce")


class OcelSqliteReader:
    """Reads an OCEL 2.0 SQLite file; see `ingest.formats.ocel_rows` for the mapping.

    `timezone` is that of stamps without one; UTC if it is not given.
    """

    def __init__(self, path: Path, *, timezone: ZoneInfo | None = None, limits: Limits | None = None) -> None:
        self._path = path
        self._limits = limits or Limits()
        self._rows = OcelRows(timezone or ZoneInfo("UTC"), self._limits)
        self._tables: dict[str, queries.Table] = {}

    def batches(self) -> Iterator[Batch]:
        """Objects, their attributes and relations, then events in the order of the table `event`."""
        try:
            size = self._path.stat().st_size
            with closing(self._opened(size)) as db:
                self._tables = self._described(db)
                total = sum(
                    db.execute(queries.row_count(self._tables[name])).fetchone()[0] for name in ("event", "object")
                )
                for done in self._steps(db):
                    if self._rows.full:
                        yield self._rows.cut(min(size, size * done // max(total, 1)))
        except (sqlite3.Error, UnicodeError, OSError) as error:
            raise UnreadableFile(f"{self._path.name} is no readable OCEL 2.0 database: {error}") from error
        yield self._rows.cut(size)

    # Opening ----------------------------------------------------------------------------------------

    def _opened(self, size: int) -> sqlite3.Connection:
        if size > self._limits.max_bytes:
            raise UnreadableFile(f"{self._path.name} is larger than {self._limits.max_bytes} bytes")
        with self._path.open("rb") as source:
            if source.read(16) != b"SQLite format 3\0":
                raise UnreadableFile(f"{self._path.name} is no SQLite database")
        for suffix in ("-wal", "-journal"):
            log = self._path.with_name(self._path.name + suffix)
            if log.exists() and log.stat().st_size:
                raise UnreadableFile(
                    f"{log.name} holds changes that are not settled in {self._path.name}; open and close it once"
                )
        db = sqlite3.connect(f"{self._path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
        db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, self._limits.max_item_bytes)
        db.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        for pragma in (
            "trusted_schema=OFF",
            "query_only=ON",
            "cell_size_check=ON",
            "mmap_size=0",
            "temp_store=FILE",
        ):
            db.execute(f"PRAGMA {pragma}")
        # Text that is not UTF-8 becomes half pairs here, which `check_text` refuses row by row.
        db.text_factory = partial(str, encoding="utf-8", errors="surrogateescape")
        return db

    def _described(self, db: sqlite3.Connection) -> dict[str, queries.Table]:
        """The ordinary tables by their lower-case name; afterwards the connection only selects."""
        tables = {}
        listed = db.execute("SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type = 'table'")
        for name, without_rowid in listed.fetchall():
            if name.lower().startswith("sqlite_"):
                continue
            described = db.execute("SELECT name, type FROM pragma_table_xinfo(?) WHERE hidden = 0", (name,)).fetchall()
            columns = tuple(column for column, _ in described)
            names = {column.lower() for column in columns}
            places = [each for each in ("rowid", "_rowid_", "oid") if each not in names and not without_rowid]
            kinds = tuple(declared_kind(kind) for _, kind in described)
            tables[name.lower()] = queries.Table(name, columns, kinds, places[0] if places else "")
        for name, columns in (_NEEDED | (_LINKS if "object_object" in tables else {})).items():
            table = tables.get(name)
            missing = set(columns) - {column.lower() for column in table.columns} if table else set(columns)
            if missing:
                raise UnreadableFile(
                    f"{self._path.name} is no OCEL 2.0 database: "
                    + (f"its table {name} has no {', '.join(sorted(missing))}" if table else f"it has no table {name}")
                )
        db.set_authorizer(_only_select)
        return tables

    # Reading ----------------------------------------------------------------------------------------

    def _steps(self, db: sqlite3.Connection) -> Iterator[int]:
        """Adds all rows; yields the number of events and objects done after each."""
        done = 0
        objects, events = self._identities(db, "object"), self._identities(db, "event")
        for _, object_id, object_type in _fetched(db, queries.in_order(objects)):
            done += 1
            try:
                self._rows.add_object(_text(object_type), _text(object_id))
            except ValueError as error:
                self._rows.reject(f"object {done}", str(error), _raw((object_id, object_type)))
            yield done
        for object_type, table in self._type_tables(db, "object").items():
            for row in _fetched(db, queries.object_values(table, objects), object_type):
                self._values(object_type, table, row)
                yield done
        for _ in self._links(db, objects):
            yield done
        for number, _ in enumerate(self._events(db, events, objects), 1):
            yield done + number

    def _identities(self, db: sqlite3.Connection, name: str) -> str:
        """SQL of `event` or `object` as pos, id, type, one row per id: of repeated ids the first row.

        A repeated id with another type is rejected.
        """
        table = self._tables[name]
        plain = queries.identities(table)
        rows, different = db.execute(queries.identity_counts(plain)).fetchone()
        if rows == different:
            return plain
        for row in _fetched(db, queries.other_types(plain)):
            self._rows.reject(f"table {name}", "the id already belongs to another type", _raw(row))
        return queries.first_identities(plain)

    def _type_tables(self, db: sqlite3.Connection, noun: str) -> dict[str, queries.Table]:
        """The table of each type; types whose table is absent or lacks ocel_id are left out."""
        mapped = self._tables[f"{noun}_map_type"]
        rows = db.execute(queries.type_map(mapped), (MAX_TYPES + 1,))
        pairs = rows.fetchall()
        if len(pairs) > MAX_TYPES:
            raise UnreadableFile(f"{self._path.name} declares more than {MAX_TYPES} {noun} types")
        found = {}
        for name, suffix in pairs:
            table = self._tables.get(f"{noun}_{suffix}".lower())
            if isinstance(name, str) and table and "ocel_id" in map(str.lower, table.columns):
                found[name] = table
        return found

    def _values(self, object_type: str, table: queries.Table, row: tuple[Any, ...]) -> None:
        object_id, _, *cells = row
        named = dict(zip(map(str.lower, table.columns), cells, strict=True))
        position = f"table {table.name:.200}, object {named['ocel_id']!r:.200}"
        if object_id is None:
            self._rows.reject(position, "no object of this id and type is in the table object", _raw(cells))
            return
        stamp, changed = named.get("ocel_time"), named.get("ocel_changed_field")
        seen = False
        for name, kind, cell in zip(table.columns, table.kinds, cells, strict=True):
            if name.lower() in ("ocel_id", "ocel_time", "ocel_changed_field"):
                continue
            if (cell is None) if changed is None else (name != changed):
                continue  # never set, or not what this row changed
            seen = True
            try:
                self._rows.add_value(object_type, object_id, name, self._value(cell, kind), stamp)
            except ValueError as error:
                self._rows.reject(f"{position}, attribute {name:.200}", str(error), _raw(cells))
        if changed is not None and not seen:
            self._rows.reject(position, f"the changed attribute {changed!r:.200} is no column", _raw(cells))

    def _links(self, db: sqlite3.Connection, objects: str) -> Iterator[None]:
        if "object_object" not in self._tables:
            return
        table = self._tables["object_object"]
        for row in _fetched(db, queries.links(table, objects)):
            source, source_type, target, target_type, qualifier = row
            try:
                if source_type is None or target_type is None:
                    raise ValueError("the relation names an object that is not in the table object")
                ends = (_text(source_type), _text(source)), (_text(target_type), _text(target))
                self._rows.add_link(*ends, _text(qualifier))
            except ValueError as error:
                self._rows.reject("table object_object", str(error), _raw((source, target, qualifier)))
            yield

    def _events(self, db: sqlite3.Connection, events: str, objects: str) -> Iterator[None]:
        """Merges the tables of the event types, and the relations, in the order of the table `event`."""
        tables = self._type_tables(db, "event")
        related = self._tables["event_object"]
        for row in _fetched(db, queries.lost_relations(related, events)):
            self._rows.reject("table event_object", "the relation names an event that is not there", _raw(row))
        for table in dict.fromkeys(tables.values()):
            for row in _fetched(db, queries.lost_events(table, events)):
                reason = "the event is not in the table event"
                self._rows.reject(f"table {table.name:.200}", reason, _raw(row))
        typed = [
            _labelled(name, _fetched(db, queries.typed_events(table, events), name)) for name, table in tables.items()
        ]
        untyped = ((row[0], "", row) for row in _fetched(db, queries.in_order(events)) if row[2] not in tables)
        relations = groupby(_fetched(db, queries.relations(related, events, objects)), itemgetter(0))
        place, references = next(relations, (None, iter(())))
        current: Any = None
        kept: list[Reference] = []
        merged = heapq.merge(*typed, untyped, key=itemgetter(0))
        for number, (pos, name, row) in enumerate(merged, 1):
            if pos != current:
                current, kept = pos, []
            if pos == place:
                kept = [(each[3], _text(each[1]), _text(each[2])) for each in references]
                place, references = next(relations, (None, iter(())))
            self._event(number, name, tables.get(name), row, kept)
            yield

    def _event(
        self, number: int, name: str, table: queries.Table | None, row: tuple[Any, ...], references: list[Reference]
    ) -> None:
        if table is None:
            reason = "no table holds events of this type, so the time is unknown"
            self._rows.reject(f"event {number}", reason, _raw(row[1:]))
            return
        _, event_id, found, *cells = row
        if found is None:
            self._rows.reject(
                f"event {number}", f"the table {table.name:.200} has no such event", _raw((event_id, name))
            )
            return
        attributes, stamp = [], None
        try:
            for column, kind, cell in zip(table.columns, table.kinds, cells, strict=True):
                if column.lower() == "ocel_time":
                    stamp = cell
                elif column.lower() != "ocel_id" and cell is not None:
                    attributes.append((column, self._value(cell, kind)))
        except ValueError as error:
            self._rows.reject(f"event {number}", str(error), _raw(cells))
            return
        self._rows.add_event(number, lambda: _raw((name, *cells)), event_id, name, stamp, attributes, references)

    def _value(self, cell: Any, kind: Kind | None) -> Any:
        if isinstance(cell, bytes):
            raise ValueError("the value is binary")
        return self._rows.value(cell, kind)


def _fetched(db: sqlite3.Connection, query: str, *parameters: str) -> Iterator[tuple[Any, ...]]:
    cursor = db.execute(query, parameters)
    while rows := cursor.fetchmany(FETCH_ROWS):
        yield from rows


def _labelled(name: str, rows: Iterator[tuple[Any, ...]]) -> Iterator[tuple[Any, str, tuple[Any, ...]]]:
    return ((row[0], name, row) for row in rows)


def _only_select(action: int, _: str | None, detail: str | None, *__: str | None) -> int:
    allowed = action in _ALLOWED or (action == sqlite3.SQLITE_FUNCTION and detail in _FUNCTIONS)
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY


def _text(cell: Any) -> str:
    return "" if cell is None else cell if isinstance(cell, str) else str(cell)


def _raw(cells: Any) -> str:
    return json.dumps([cell if not isinstance(cell, bytes) else repr(cell[:2_000]) for cell in cells])
