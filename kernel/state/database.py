"""Opening the state database, and transactions on it.

Facts that shape it: SQLite has one writer, so a transaction that will write says so when it begins (BEGIN IMMEDIATE)
and waits its turn in this process; one that turns into a writer half-way would fail instead of waiting. Python's
sqlite3 begins transactions when it likes, so it is told not to. psycopg prepares a statement that it saw five times,
and then partial indexes are not found: it is told not to as well.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, OperationalError, SQLAlchemyError

from kernel.errors import SettingsError, StateConflict, StateError, StateUnavailable
from kernel.settings import Settings
from kernel.state.migrating import migrate

FILE = "state.sqlite"
BUSY_MS = 30_000
"""How long a writer waits for one of another process."""
IDLE_S, LOCK_S = 30.0, 45.0
"""PostgreSQL ends a transaction in which nothing was said for so long: a process that was stopped, or whose machine is
gone, would keep its locks. Others wait for a lock for longer than that, and not for ever."""
WRITES = "gembascope_writes"


class State:
    """The state database of an installation, open and at the newest schema.

    Raises
    ------
    SettingsError
        The URL is of no database that is known.
    StateUnavailable
        It does not answer.
    """

    def __init__(
        self, settings: Settings, *, file: str = FILE, prepare: Callable[[Connection], None] = migrate
    ) -> None:
        """`file`: its name in the home where no server is set. `prepare` brings its tables to the newest schema."""
        self._turn: threading.RLock | None = None
        url = self._locate(settings, file)
        self.engine = self._engine(url)
        try:
            with self.writing() as connection:
                prepare(connection)
        except BaseException:
            self.close()
            raise

    def _locate(self, settings: Settings, file: str) -> URL:
        if settings.state_url is None:
            home = settings.home.expanduser().resolve()
            home.mkdir(parents=True, exist_ok=True, mode=0o700)
            return _file_url(home / file)
        try:
            url = make_url(settings.state_url.get_secret_value())
        except (ArgumentError, ValueError):
            raise _unknown() from None
        if url.get_backend_name() == "postgresql":
            return url.set(drivername="postgresql+psycopg")
        raise _unknown()

    def _engine(self, url: URL) -> Engine:
        if url.get_backend_name() == "sqlite":
            self._turn = threading.RLock()
            engine = create_engine(url)
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
            return engine
        engine = create_engine(url, pool_pre_ping=True, connect_args={"prepare_threshold": None, "connect_timeout": 10})
        event.listen(engine, "connect", _prepare_postgresql)
        return engine

    @property
    def is_sqlite(self) -> bool:
        return self._turn is not None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database and changes nothing."""
        with _translated(), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that writes: all of it, or nothing when an error leaves it. Keep it short, and wait for nothing
        within: on SQLite it is the only writer.

        Raises
        ------
        StateUnavailable
            The database does not answer, or another process writes for longer than half a minute.
        StateError
            It refused; the message holds no data.
        """
        with self._in_turn(), _translated(), self.engine.connect() as connection:
            connection = connection.execution_options(**{WRITES: True})
            with connection.begin():
                yield connection

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        if self._turn is None:
            yield
            return
        with self._turn:
            yield

    def compact(self, *, patience_s: float = 5.0) -> bool:
        """Have nothing be left in the files of what was deleted; False when somebody read them for so long that the log
        of changes could not be emptied. PostgreSQL does so by itself, in its own time."""
        if self._turn is None:
            return True
        until = time.monotonic() + patience_s
        try:
            with self._in_turn(), _translated(), closing(self.engine.raw_connection()) as connection:
                connection.execute("VACUUM")
                while True:
                    (busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                    if not busy or time.monotonic() > until:
                        return not busy
                    time.sleep(0.05)
        except sqlite3.Error as error:
            kind = type(error).__name__
            raise StateUnavailable(f"the state database cannot be written anew ({kind})") from error

    def close(self) -> None:
        self.engine.dispose()

    def __enter__(self) -> State:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _file_url(path: Path) -> URL:
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # nobody else's to read, whatever the umask says
    return URL.create("sqlite+pysqlite", database=str(path))


def _unknown() -> SettingsError:
    return SettingsError(
        "GEMBASCOPE_STATE_URL: expected postgresql://user:password@host:5432/database; unset: a file in the home"
    )


def _prepare_postgresql(connection: Any, _: object) -> None:
    with connection.cursor() as cursor:
        for name, limit_s in (("idle_in_transaction_session_timeout", IDLE_S), ("lock_timeout", LOCK_S)):
            cursor.execute("SELECT set_config(%s, %s, false)", (name, str(round(limit_s * 1_000))))
    connection.commit()


def _prepare_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None  # transactions begin below
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    _keep_changes_beside(cursor)
    for pragma in ("synchronous = FULL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _keep_changes_beside(cursor: Any) -> None:
    """Write ahead of the file, in a log of changes. Where several make a new file so at once, SQLite refuses all but
    one without waiting, whatever `busy_timeout` says."""
    until = time.monotonic() + BUSY_MS / 1_000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
        time.sleep(0.01)


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def _translated() -> Iterator[None]:
    """Errors of the database as ours. Its texts repeat statements and values, so only their kind leaves this place."""
    try:
        yield
    except IntegrityError as error:
        raise StateConflict("the state database has that already, or it refers to what is not there") from error
    except OperationalError as error:
        kind = type(error.orig).__name__
        raise StateUnavailable(f"the state database does not answer ({kind})") from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise StateUnavailable("the state database ended the connection") from error
        code = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "sqlite_errorname", None) or ""
        raise StateError(f"the state database refused ({type(error.orig).__name__} {code})".rstrip()) from error
    except SQLAlchemyError as error:
        raise StateError(f"the state database refused ({type(error).__name__})") from error
