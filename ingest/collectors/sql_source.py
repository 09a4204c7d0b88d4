"""Reading a table, a view or a SELECT of a database: without locks, in short transactions that cannot write.

PostgreSQL through psycopg, MariaDB and MySQL through PyMySQL. Each query is a transaction of its own, so that none is
open while rows are handed over: an old one keeps PostgreSQL from cleaning up. All are READ COMMITTED and READ ONLY,
limited in time, and wait for a lock (of an ALTER TABLE, say) for some seconds only. On MariaDB and MySQL a plain
SELECT is a consistent read of InnoDB, which locks no row.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    column,
    func,
    literal_column,
    or_,
    select,
    table,
    text,
)
from sqlalchemy.sql.elements import quoted_name
from sqlalchemy.types import NullType

from ingest.collectors.polled_settings import SqlSettings
from ingest.collectors.sql_session import SqlSession
from ingest.sources.delivery import CollectorError
from kernel.secrets import Secrets

_WITHOUT_ZONE = {"postgresql": {1114, 1115}, "mysql": {12}}
"""Type codes of times without a zone: timestamp and its arrays; DATETIME."""
_IN_UTC = {"postgresql": set[int](), "mysql": {7}}
"""TIMESTAMP of MariaDB comes without a zone, in that of the session, which is UTC here."""
_TIMES = {"postgresql": {1114, 1115, 1184, 1185}, "mysql": {7, 12}}
"""With a zone or without."""
_DIGITS = {"postgresql": 4, "mysql": 5}
"""Where a driver says how many digits of a second the column has: as its precision, and as its scale."""
# In the zone of the column, whichever that is.
_EARLIEST, _LATEST = datetime.min, datetime.max  # noqa: DTZ901


@dataclass(frozen=True, slots=True)
class Shape:
    """What the columns are, as they were when last asked for."""

    columns: tuple[str, ...]
    zones: dict[str, ZoneInfo | None]
    """Of each column that holds times without a zone: the one they are in; None where nobody said."""
    digits: dict[str, int]
    """Of columns that hold times: how many digits of a second they have, where the database says so."""


class SqlSource:
    """Where rows are read."""

    def __init__(self, settings: SqlSettings, secrets: Secrets) -> None:
        self.settings, self.session = settings, SqlSession(settings, secrets)
        self.is_postgresql = self.session.is_postgresql
        self._family = "postgresql" if self.is_postgresql else "mysql"
        if settings.table is not None:
            schema = None if settings.table_schema is None else quoted_name(settings.table_schema, True)
            self._from: Any = table(quoted_name(settings.table, True), schema=schema)
        else:
            # Colons would be taken for parameters.
            self._from = text(str(settings.select).replace("\\", "\\\\").replace(":", "\\:")).columns().subquery("q")
        self.mark = _column(settings.watermark.column)
        self.keys = [_column(name) for name in settings.key]

    def connected(self) -> AbstractContextManager[Connection]:
        """A connection, closed afterwards; errors of the database are raised as `CollectorError`."""
        return self.session.connected()

    def shape(self, connection: Connection) -> Shape:
        """The columns and their types.

        Raises
        ------
        CollectorError
            A column that is needed is not there, or times have no zone and none is said.
        """
        with connection.begin():
            self.session.prepare(connection)
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
            self.session.prepare(connection)
            highest, at = connection.execute(
                select(select(func.max(self.mark)).select_from(self._from).where(self._real()).scalar_subquery(), now)
            ).one()
        if highest is None:
            return None
        self.check_mark(highest)
        if not self._is_time:
            return highest
        at = at.replace(tzinfo=timezone.utc) if at.tzinfo is None else at
        if highest.tzinfo is None:
            at = at.astimezone(shape.zones.get(self.settings.watermark.column) or timezone.utc).replace(tzinfo=None)
        return min(highest, at)

    def has_unmarked(self, connection: Connection) -> bool:
        """Whether there are rows whose watermark is null or no real time: no poll can find them."""
        unmarked: Any = or_(self.mark.is_(None), ~self._real()) if self._is_time else self.mark.is_(None)
        with connection.begin():
            self.session.prepare(connection)
            asked: Any = select(literal_column("1")).select_from(self._from).where(unmarked).limit(1)
            return connection.execute(asked).first() is not None

    def page(
        self, connection: Connection, least: Any, after: Sequence[Any] | None
    ) -> tuple[list[dict[str, Any]], Shape]:
        """The next rows by watermark and key, from `least` on, or after the row with these values, `batch` at most."""
        asked: Any = self._all().where(self._real())
        if after is not None:
            asked = asked.where(_after([self.mark, *self.keys], after))
        elif least is not None:
            asked = asked.where(self.mark >= _bound(least))
        asked = asked.order_by(self.mark, *self.keys).limit(self.settings.batch)
        return self._rows(connection, asked)

    def key_page(
        self, connection: Connection, after: Sequence[Any] | None, most: int
    ) -> tuple[list[dict[str, Any]], Shape]:
        """The next keys in their order."""
        asked: Any = select(*self.keys).select_from(self._from).order_by(*self.keys).limit(most)
        if after is not None:
            asked = asked.where(_after(self.keys, after))
        return self._rows(connection, asked)

    def rows_of(self, connection: Connection, keys: Sequence[Sequence[Any]]) -> tuple[list[dict[str, Any]], Shape]:
        """The rows of these keys, a hundred or so, that are there."""
        alike = or_(*(and_(*(one == _bound(value) for one, value in zip(self.keys, key, strict=True))) for key in keys))
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
        return and_(self.mark >= _bound(_EARLIEST), self.mark <= _bound(_LATEST))

    def _all(self) -> Any:
        return select(literal_column("*")).select_from(self._from)

    def _rows(self, connection: Connection, asked: Any) -> tuple[list[dict[str, Any]], Shape]:
        with connection.begin():
            self.session.prepare(connection)
            result = connection.execute(asked)
            shape = self._shape(result)
            in_utc = [str(one[0]) for one in result.cursor.description if one[1] in _IN_UTC[self._family]]
            rows = [dict(zip(shape.columns, row, strict=True)) for row in result]
        for row in rows:
            for name in self.settings.key:
                if row[name] is None:  # nothing comes after null, so the next page could leave rows out
                    raise CollectorError(
                        f"{self.settings.name}: {name!r} of the key is null in a row: name another key"
                    )
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
        zones = {str(one[0]): declared for one in described if one[1] in _WITHOUT_ZONE[self._family]}
        exact = {str(one[0]): one[_DIGITS[self._family]] for one in described if one[1] in _TIMES[self._family]}
        return Shape(names, zones, {name: digits for name, digits in exact.items() if digits is not None})


def _column(name: str) -> ColumnElement[Any]:
    return column(quoted_name(name, True))


def _bound(value: Any) -> Any:
    """The value as a parameter without a type: the database takes that of the column, also of enums and UUIDs."""
    return bindparam(None, value, type_=NullType(), unique=True)


def _after(columns: Sequence[ColumnElement[Any]], values: Sequence[Any]) -> ColumnElement[bool]:
    """That a row comes after these values, in the order of the columns. The first is compared alone as well, which is
    what lets an index be used."""
    steps = []
    for n, one in enumerate(columns):
        same = [columns[m] == _bound(values[m]) for m in range(n)]
        steps.append(and_(*same, one > _bound(values[n])))
    return and_(columns[0] >= _bound(values[0]), or_(*steps))
