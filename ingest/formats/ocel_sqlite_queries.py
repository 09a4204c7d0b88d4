# ruff: noqa: S608 - SQLite takes no parameters for names; all names here are quoted ones of existing tables
"""The queries that read an OCEL 2.0 database.

`events` and `objects` are the queries that `identities` makes of the tables `event` and `object`. Common
table expressions that are joined are MATERIALIZED: SQLite then gives them an index of their own, which it
cannot build on ids compared across column types.
"""

from __future__ import annotations

from dataclasses import dataclass

from ingest.formats.ocel_values import Kind


@dataclass(frozen=True, slots=True)
class Table:
    """An ordinary table of the file."""

    name: str
    columns: tuple[str, ...]
    kinds: tuple[Kind | None, ...]  # by the declared types of the columns
    place: str  # the name by which its row number is read; "" where it has none

    @property
    def sql(self) -> str:
        return quoted(self.name)


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def row_count(table: Table) -> str:
    """One row: the number of rows."""
    return f"SELECT count(*) FROM {table.sql}"


def type_map(table: Table) -> str:
    """One row per type and the suffix of its table; takes the largest number of rows."""
    return f'SELECT "ocel_type", "ocel_type_map" FROM {table.sql} LIMIT ?'


def identities(table: Table) -> str:
    """A subquery of `event` or `object`: pos (ascending in the order of the table), id (text), type."""
    place = table.place or """coalesce(CAST("ocel_id" AS TEXT), '')"""
    return f'(SELECT {place} AS pos, CAST("ocel_id" AS TEXT) AS id, "ocel_type" AS type FROM {table.sql})'


def identity_counts(ids: str) -> str:
    """One row: the rows and the different ids, with each null counted as different."""
    return f"SELECT count(*), count(DISTINCT id) + count(*) - count(id) FROM {ids}"


def first_identities(ids: str) -> str:
    """A subquery with the first row of each id: besides min() SQLite takes columns from the minimum's row."""
    return f"(SELECT min(pos) AS pos, id, type FROM {ids} GROUP BY id, CASE WHEN id IS NULL THEN pos END)"


def other_types(ids: str) -> str:
    """Rows (id, type) whose id stands in an earlier row with another type."""
    return (
        f"WITH first AS MATERIALIZED {first_identities(ids)} SELECT later.id, later.type FROM {ids} AS later "
        "CROSS JOIN first ON first.id = later.id WHERE later.type IS NOT first.type"
    )


def in_order(ids: str) -> str:
    """Rows (pos, id, type) in the order of the table."""
    return f"SELECT pos, id, type FROM {ids} ORDER BY pos"


def object_values(table: Table, objects: str) -> str:
    """Rows (id or null, id, columns of the table...) of one object type, which is the parameter."""
    return (
        f"WITH o AS MATERIALIZED (SELECT id FROM {objects} WHERE type = ?) "
        f"SELECT o.id, t.* FROM ({_with_id(table)}) AS t LEFT JOIN o ON o.id = t.own"
    )


def typed_events(table: Table, events: str) -> str:
    """Rows (pos, id, id in the table or null, its columns...) of one event type, the parameter, by pos."""
    return (
        f"WITH t AS MATERIALIZED ({_with_id(table)}) SELECT e.pos, e.id, t.* FROM {events} AS e "
        "LEFT JOIN t ON t.own = e.id WHERE e.type = ? ORDER BY e.pos"
    )


def lost_events(table: Table, events: str) -> str:
    """Rows of an event type's table whose id is not in the table `event`."""
    return (
        f"WITH e AS MATERIALIZED (SELECT id FROM {events} WHERE id IS NOT NULL) "
        f"SELECT t.* FROM ({_with_id(table)}) AS t WHERE t.own IS NULL OR t.own NOT IN (SELECT id FROM e)"
    )


def relations(table: Table, events: str, objects: str) -> str:
    """Rows (pos of the event, object id, qualifier, object type or null), by pos, then in table order."""
    return (
        f"WITH e AS MATERIALIZED (SELECT id, pos FROM {events}), "
        f"o AS MATERIALIZED (SELECT id, type FROM {objects}), r AS ({_relation_rows(table)}) "
        "SELECT e.pos, r.object, r.qualifier, o.type FROM r CROSS JOIN e ON e.id = r.event "
        "LEFT JOIN o ON o.id = r.object ORDER BY e.pos, r.pos"
    )


def lost_relations(table: Table, events: str) -> str:
    """Rows (event id, object id, qualifier) whose event is not in the table `event`."""
    return (
        f"WITH e AS MATERIALIZED (SELECT id FROM {events} WHERE id IS NOT NULL), "
        f"r AS ({_relation_rows(table)}) SELECT r.event, r.object, r.qualifier FROM r "
        "WHERE r.event IS NULL OR r.event NOT IN (SELECT id FROM e)"
    )


def links(table: Table, objects: str) -> str:
    """Rows (source id, its type or null, target id, its type or null, qualifier) in table order."""
    return (
        f"WITH o AS MATERIALIZED (SELECT id, type FROM {objects}), "
        'l AS (SELECT CAST("ocel_source_id" AS TEXT) AS source, CAST("ocel_target_id" AS TEXT) AS target, '
        f'"ocel_qualifier" AS qualifier, {table.place or "0"} AS pos FROM {table.sql}) '
        "SELECT l.source, x.type, l.target, y.type, l.qualifier FROM l "
        "LEFT JOIN o AS x ON x.id = l.source LEFT JOIN o AS y ON y.id = l.target ORDER BY l.pos"
    )


def _with_id(table: Table) -> str:
    # By name, since * would compute generated columns, which may run functions at any cost.
    columns = ", ".join(quoted(column) for column in table.columns)
    return f'SELECT CAST("ocel_id" AS TEXT) AS own, {columns} FROM {table.sql}'


def _relation_rows(table: Table) -> str:
    return (
        'SELECT CAST("ocel_event_id" AS TEXT) AS event, CAST("ocel_object_id" AS TEXT) AS object, '
        f'"ocel_qualifier" AS qualifier, {table.place or "0"} AS pos FROM {table.sql}'
    )
