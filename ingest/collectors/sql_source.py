"""Reading a table, a view or a SELECT of a database: without locks, in short transactions that cannot write.

PostgreSQL through psycopg, MariaDB and MySQL through PyMySQL. Each query is a transaction of its own, so that none is
open while rows are handed over: an old one keeps PostgreSQL from cleaning up. All are READ COMMITTED and READ ONLY,
limited in time, and wait for a lock (of an ALTER TABLE, say) for some seconds only. On MariaDB and MySQL a plain
SELECT is a consistent read of InnoDB, which locks no row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import (
    URL,
    ColumnElement,
    Connection,
    Engine,
    NullPool,
    and_,
    bindparam,
    column,
    create_engine,
    event,
    func,
    literal_column,
    or_,
    select,
    table,
    text,
)
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.sql.elements import quoted_name

from ingest.collectors.polled_settings import SqlSettings
from ingest.sources.delivery import CollectorError
from kernel.secrets import Secrets

LOCK_WAIT_S = 5
_WITHOUT_ZONE = {"postgresql": {1114, 1115}, "mysql": {12}}
"""Type codes of times without a zone: timestamp and its arrays; DATETIME."""
_IN_UTC = {"postgresql": set[int](), "mysql": {7}}
"""TIMESTAMP of MariaDB comes without a zone, in that of the session, which is UTC here."""
_EARLIEST, _LATEST = datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999)  # noqa: DTZ001: in the column's zone
_REASONS = {
    "42703": "a column is not there",
    "1054": "a column is not there",
    "42P01": "the table is not there",
    "1146": "the table is not there",
    "42501": "the user may not read it",
    "1142": "the user may not read it",
    "1143": "the user may not read it",
    "55P03": "the table is locked",
    "1205": "the table is locked",
    "57014": "the query took longer than statement_timeout_s",
    "1969": "the query took longer than statement_timeout_s",
    "3024": "the query took longer than statement_timeout_s",
    "28P01": "the user's password was refused",
    "28000": "the user was refused",
    "1045": "the user or its password was refused",
    "1044": "the user may not use the database",
    "3D000": "the database is not there",
    "1049": "the database is not there",
    "42883": "a column is of another type than before, or than is said",
    "42804": "a column is of another type than before, or than is said",
    "25006": "the statement would write",
    "1792": "the statement would write",
}


@dataclass(frozen=True, slots=True)
class Shape:
    """What the columns are, as they were when last asked for."""

    columns: tuple[str, ...]
    zones: dict[str, ZoneInfo | None]
    """Of each column that holds times without a zone: the one they are in; None where nobody said."""


class SqlSource:
    """Where rows are read."""

    def __init__(self, settings: SqlSettings, secrets: Secrets) -> None:
        self.settings, self._secrets = settings, secrets
        self.is_postgresql = settings.dialect == "postgresql"
        self._family = "postgresql" if self.is_postgresql else "mysql"
        if settings.table is not None:
            schema = None if settings.table_schema is None else quoted_name(settings.table_schema, True)
            self._from: Any = table(quoted_name(settings.table, True), schema=schema)
        else:
            # Colons would be taken for parameters.
            self._from = text(str(settings.select).replace("\\", "\\\\").replace(":", "\\:")).columns().subquery("q")
        self.mark = _column(settings.watermark.column)
        self.keys = [_column(name) for name in settings.key]

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        """A connection, closed afterwards; errors of the database are raised as `CollectorError`."""
        with self._translated():
            engine = self._engine()
            try:
                with engine.connect() as connection:
                    yield connection
            finally:
                engine.dispose()

    def shape(self, connection: Connection) -> Shape:
        """The columns and their types.

        Raises
        ------
        CollectorError
            A column that is needed is not there, or times have no zone and none is said.
        """
        with connection.begin():
            self._prepare(connection)
            found = self._shape(connection.execute(self._all().limit(0)))
        settings = self.settings
        for name in (settings.watermark.column, *settings.key):
            if name not in found.columns:
                raise CollectorError(f"{settings.name} has no column {name!r}")
        unknown = [name for name, zone in found.zones.items() if zone is None]
        if unknown:
            raise CollectorError(
                f"{settings.name}: {', '.join(unknown)} hold times without a time zone: say which it is, by `timezone`"
            )
        return found

    def bound(self, connection: Connection, shape: Shape) -> Any:
        """The highest watermark that there is, but no time after what the database calls now; None where no row is.
        Below it, and within the overlap, all may still appear."""
        now = func.now() if self.is_postgresql else func.utc_timestamp(6)
        with connection.begin():
            self._prepare(connection)
            highest, at = connection.execute(
                select(select(func.max(self.mark)).select_from(self._from).where(self._real()).scalar_subquery(), now)
            ).one()
        if highest is None or not self._is_time:
            return highest
        self.check_mark(highest)
        at = at.replace(tzinfo=timezone.utc) if at.tzinfo is None else at
        if highest.tzinfo is None:
            at = at.astimezone(shape.zones.get(self.settings.watermark.column) or timezone.utc).replace(tzinfo=None)
        return min(highest, at)

    def has_unmarked(self, connection: Connection) -> bool:
        """Whether there are rows whose watermark is null or no real time: no poll can find them."""
        unmarked = or_(self.mark.is_(None), ~self._real()) if self._is_time else self.mark.is_(None)
        with connection.begin():
            self._prepare(connection)
            asked = select(literal_column("1")).select_from(self._from).where(unmarked).limit(1)
            return connection.execute(asked).first() is not None

    def page(self, connection: Connection, least: Any, after: Sequence[Any] | None) -> tuple[list[dict[str, Any]], Shape]:
        """The next rows by watermark and key, from `least` on, or after the row with these values, `batch` at most."""
        asked = self._all().where(self._real())
        if after is not None:
            asked = asked.where(_after([self.mark, *self.keys], after))
        elif least is not None:
            asked = asked.where(self.mark >= least)
        asked = asked.order_by(self.mark, *self.keys).limit(self.settings.batch)
        return self._rows(connection, asked)

    def key_page(self, connection: Connection, after: Sequence[Any] | None, most: int) -> list[tuple[Any, ...]]:
        """The next keys in their order."""
        asked = select(*self.keys).select_from(self._from).order_by(*self.keys).limit(most)
        if after is not None:
            asked = asked.where(_after(self.keys, after))
        with connection.begin():
            self._prepare(connection)
            return [tuple(row) for row in connection.execute(asked)]

    def rows_of(self, connection: Connection, keys: Sequence[Sequence[Any]]) -> tuple[list[dict[str, Any]], Shape]:
        """The rows of these keys that are there. Values may be as they are in JSON."""
        alike = or_(*(and_(*(one == value for one, value in zip(self.keys, key, strict=True))) for key in keys))
        return self._rows(connection, self._all().where(alike))

    def check_mark(self, value: Any) -> None:
        wanted = datetime if self._is_time else int
        if not isinstance(value, wanted):
            raise CollectorError(
                f"{self.settings.name}: {self.settings.watermark.column!r} is no {self.settings.watermark.type}, "
                f"it holds values of type {type(value).__name__}"
            )

    @property
    def _is_time(self) -> bool:
        return self.settings.watermark.type == "timestamp"

    def _real(self) -> ColumnElement[bool]:
        """Neither null, nor a time before the year 1 or after 9999 (`infinity`, 0000-00-00), which is no time here."""
        if not self._is_time:
            return self.mark.is_not(None)
        return and_(self.mark >= bindparam("earliest", _EARLIEST), self.mark <= bindparam("latest", _LATEST))

    def _all(self) -> Any:
        return select(literal_column("*")).select_from(self._from)

    def _rows(self, connection: Connection, asked: Any) -> tuple[list[dict[str, Any]], Shape]:
        with connection.begin():
            self._prepare(connection)
            result = connection.execute(asked)
            shape = self._shape(result)
            rows = [dict(zip(shape.columns, row, strict=True)) for row in result]
        in_utc = self._utc_columns(result)
        for row in rows:
            for name in in_utc:
                if isinstance(row[name], datetime):
                    row[name] = row[name].replace(tzinfo=timezone.utc)
        return rows, shape

    def _shape(self, result: Any) -> Shape:
        described = result.cursor.description
        names = tuple(str(one[0]) for one in described)
        if len(set(names)) < len(names):
            raise CollectorError(f"{self.settings.name}: two columns have the same name")
        declared = None if self.settings.timezone is None else ZoneInfo(self.settings.timezone)
        return Shape(names, {str(one[0]): declared for one in described if one[1] in _WITHOUT_ZONE[self._family]})
