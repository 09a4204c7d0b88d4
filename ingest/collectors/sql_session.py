"""Connections to a database that is only read: their limits, and its errors as ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, func, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ingest.collectors.polled_settings import SqlSettings
from ingest.sources.delivery import CollectorError
from kernel.secrets import Secrets

LOCK_WAIT_S = 5
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


class SqlSession:
    """Opens connections as the settings say."""

    def __init__(self, settings: SqlSettings, secrets: Secrets) -> None:
        self.settings, self._secrets = settings, secrets
        self.is_postgresql = settings.dialect == "postgresql"

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

    def prepare(self, connection: Connection) -> None:
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
