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
from sqlalchemy.types import NullType

from ingest.collectors.polled_settings import SqlSettings
from ingest.sources.delivery import CollectorError
from kernel.secrets import Secrets

LOCK_WAIT_S = 5
_WITHOUT_ZONE = {"postgresql": {1114, 1115}, "mysql": {12}}
"""Type codes of times without a zone: timestamp and its arrays; DATETIME."""
_IN_UTC = {"postgresql": set[int](), "mysql": {7}}
"""TIMESTAMP of MariaDB comes without a zone, in that of the session, which is UTC here."""
# In the zone of the column, whichever that is.
_EARLIEST, _LATEST = datetime.min, datetime.max  # noqa: DTZ901
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
            self._prepare(connection)
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
            self._prepare(connection)
            result = connection.execute(asked)
            shape = self._shape(result)
            in_utc = [str(one[0]) for one in result.cursor.description if one[1] in _IN_UTC[self._family]]
            rows = [dict(zip(shape.columns, row, strict=True)) for row in result]
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

    # Connecting ----------------------------------------------------------------------------------------------

    def _engine(self) -> Engine:
        settings = self.settings
        password = None if settings.password is None else self._secrets.get(settings.password)
        url = URL.create(
            "postgresql+psycopg" if self.is_postgresql else "mysql+pymysql",
            settings.user,
            password,
            settings.host,
            settings.port,
            settings.database,
        )
        engine = create_engine(url, poolclass=NullPool, connect_args=self._arguments(), hide_parameters=True)
        event.listen(engine, "connect", _read_odd_times if self.is_postgresql else self._begin_session)
        return engine

    def _arguments(self) -> dict[str, Any]:
        tls = self.settings.tls
        if not self.is_postgresql:
            found: dict[str, Any] = {"connect_timeout": 10, "read_timeout": self.settings.statement_timeout_s + 30}
            found |= {"write_timeout": 30, "charset": "utf8mb4", "local_infile": False}
            return found | ({} if tls is None else {"ssl": tls.context()})
        found = {
            "connect_timeout": 10,
            "prepare_threshold": None,
            "application_name": f"gembascope {self.settings.name}"[:60],
        }
        if tls is None:
            return found | {"sslmode": "prefer"}
        tls.context()  # to refuse files that are none with a message that says so
        found |= {"sslmode": "verify-full", "sslrootcert": str(tls.ca_file or "system")}
        if tls.certificate_file is not None:
            found |= {"sslcert": str(tls.certificate_file), "sslkey": str(tls.key_file)}
        return found

    def _begin_session(self, connection: Any, _: object) -> None:
        """Of MariaDB and MySQL, where a transaction cannot be told once it runs."""
        limit_s = self.settings.statement_timeout_s
        statements = [
            "SET SESSION time_zone = '+00:00'",
            "SET SESSION TRANSACTION READ ONLY",
            "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
            f"SET SESSION lock_wait_timeout = {LOCK_WAIT_S}",
            f"SET SESSION max_statement_time = {limit_s}"
            if self.settings.dialect == "mariadb"
            else f"SET SESSION max_execution_time = {int(limit_s * 1000)}",
        ]
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        cursor.close()
        connection.commit()

    def _prepare(self, connection: Connection) -> None:
        """The first statements of a transaction. PostgreSQL is told in each, as a pooler may give each to another
        session."""
        if not self.is_postgresql:
            return
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL READ COMMITTED, READ ONLY")
        limits = {
            "statement_timeout": int(self.settings.statement_timeout_s * 1000),
            "lock_timeout": LOCK_WAIT_S * 1000,
        }
        for name, value in (*limits.items(), ("TimeZone", "UTC")):
            connection.execute(select(func.set_config(name, str(value), True)))

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Errors of the database as ours. Its texts repeat statements and values, so only codes leave this place."""
        where = f"{self.settings.dialect} at {self.settings.reaches[0]}, {self.settings.name}"
        try:
            yield
        except DBAPIError as error:
            original: Any = error.orig
            number = next(iter(getattr(original, "args", ())), None)
            code = str(number) if isinstance(number, int) else getattr(original, "sqlstate", None) or ""
            reason = _REASONS.get(code, "does not answer, or refused")
            raise CollectorError(f"{where}: {reason} ({type(original).__name__} {code})".replace(" )", ")")) from None
        except SQLAlchemyError as error:
            raise CollectorError(f"{where}: cannot be read ({type(error).__name__})") from None


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


def _read_odd_times(connection: Any, _: object) -> None:
    """Times that Python has none for (`infinity`, years before 1) as their texts: they would fail a whole page."""
    from psycopg import DataError
    from psycopg.types.datetime import DateLoader, IntervalLoader, TimestampLoader, TimestamptzLoader

    def lenient(loader: Any) -> Any:
        class Lenient(loader):  # type: ignore[misc]
            def load(self, data: Any) -> Any:
                try:
                    return super().load(data)
                except DataError:
                    return bytes(data).decode()

        return Lenient

    kinds = {
        "timestamp": TimestampLoader,
        "timestamptz": TimestamptzLoader,
        "date": DateLoader,
        "interval": IntervalLoader,
    }
    for name, loader in kinds.items():
        connection.adapters.register_loader(name, lenient(loader))
