"""Access to ClickHouse, embedded (chDB) or over HTTP, behind one class.

Facts that shape it: chDB allows one process per folder and hangs in a forked child, so it is opened late and
under our own lock file; its clients serialise, so readers draw from a small pool; its embedded backend would
run `a; b`, so SQL comes from .sql files only and every value is a server-side parameter; over HTTP the driver
itself resends an insert after a dropped connection, so every insert carries a token.
"""

from __future__ import annotations

import fcntl
import io
import os
import queue
import re
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import polars as pl

from kernel.errors import BudgetExceeded, HomeInUse, SettingsError, WarehouseError, WarehouseUnavailable
from kernel.settings import Settings

DATABASE = "gembascope"
READERS = 4
LARGE_TABLES = ("events", "event_objects", "rebuilt_paths")
"""Whose merges are put off while they are filled."""
WRITERS = 2
"""Statements of one step that run side by side; all else is written one at a time."""
OVER_BUDGET = {158, 159, 160, 241, 307, 396}
"""ClickHouse's codes for too many rows, too slow, too slow (estimated), memory, bytes and result rows."""


@dataclass(frozen=True, slots=True)
class Query:
    """One question: the text of a .sql file and its name for messages."""

    name: str
    text: str


DELETES_WAIT = ("mutations_sync", "lightweight_deletes_sync")
"""Whether ClickHouse answers a DELETE when it is done: 0 for no, 2 when it is on all servers."""
DELETING_POLL_S, LONGEST_POLL_S = 0.002, 0.05
"""How soon it is looked whether a DELETE is done: most are at once, and a long one is not to be disturbed."""


def load_query(beside: str, name: str) -> Query:
    """The query in `sql/NAME.sql` beside the module whose `__file__` is given."""
    path = Path(beside).parent / "sql" / f"{name}.sql"
    return Query(name, path.read_text(encoding="utf-8"))


DELETING, GIVING_UP = load_query(__file__, "deleting"), load_query(__file__, "giving_up")


class Warehouse:
    """A warehouse that is open: run queries, insert Parquet, close.

    Reading queries run under the budgets of the settings and may run side by side; writes go one at a time.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock_file: io.TextIOWrapper | None = None
        self._write_lock = threading.RLock()
        self._readers: queue.LifoQueue[Any] = queue.LifoQueue()
        self._writers: queue.LifoQueue[Any] = queue.LifoQueue()
        self._opened: list[Any] = []
        self._connect_arguments = self._locate()
        try:
            bootstrap = self._connect(database=None, reading=False)
            create = "CREATE DATABASE IF NOT EXISTS {name:Identifier} ENGINE = Atomic"
            bootstrap.command(create, {"name": self.database})
        except BaseException:
            self.close()
            raise
        for _ in range(READERS):
            self._readers.put(None)
        for _ in range(WRITERS):
            self._writers.put(None)

    @property
    def settings(self) -> Settings:
        """Those that it was opened with."""
        return self._settings

    def _locate(self) -> dict[str, Any]:
        secret = self._settings.warehouse_url
        if secret is None:
            self.database = DATABASE
            home = self._settings.home.expanduser().resolve()
            home.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock_file = lock_home(home)
            return {"dsn": f"chdb://{home / 'warehouse'}"}
        url = urlsplit(secret.get_secret_value())
        if url.scheme not in ("clickhouse", "clickhouses") or not url.hostname:
            raise SettingsError("GEMBASCOPE_WAREHOUSE_URL: expected clickhouse://user:password@host:8123/database")
        self.database = url.path.strip("/") or DATABASE
        return {
            "host": url.hostname,
            "port": url.port or (8443 if url.scheme == "clickhouses" else 8123),
            "username": unquote(url.username or "default"),
            "password": unquote(url.password or ""),
            "secure": url.scheme == "clickhouses",
            "autogenerate_session_id": False,
        }

    def _connect(self, *, database: str | None, reading: bool) -> Any:
        import clickhouse_connect  # opening the engine costs a second: only who opens a warehouse pays
        from clickhouse_connect.driver.exceptions import ClickHouseError

        settings: dict[str, Any] = {"output_format_arrow_low_cardinality_as_dictionary": 0, "async_insert": 0}
        settings["output_format_arrow_string_as_string"] = 1
        if self._settings.threads:
            settings["max_threads"] = self._settings.threads
        if reading:
            settings |= {
                "max_execution_time": self._settings.query_seconds,
                "max_memory_usage": self._settings.query_memory_bytes,
                "max_result_rows": self._settings.query_rows,
                "result_overflow_mode": "throw",
            }
        else:
            settings |= dict.fromkeys(DELETES_WAIT, 0 if self.is_alone else 2)
        arguments = dict(self._connect_arguments)
        if database is not None:
            arguments["database"] = database
        try:
            client = clickhouse_connect.get_client(settings=settings, **arguments)
        except ClickHouseError as error:
            raise WarehouseUnavailable(f"the warehouse does not open: {_first_line(error)}", query="connect") from error
        self._opened.append(client)
        return client

    @contextmanager
    def _client(self, *, reading: bool) -> Iterator[Any]:
        """One of the clients for reading or writing, for this thread alone; connected when it is first needed."""
        clients = self._readers if reading else self._writers
        client = clients.get()
        try:
            if client is None:
                client = self._connect(database=self.database, reading=reading)
            yield client
        except BaseException:
            self._discard(client)
            client = None
            raise
        finally:
            clients.put(client)

    @contextmanager
    def _writing(self) -> Iterator[Any]:
        with self._write_lock, self._client(reading=False) as client:
            yield client

    def _discard(self, client: Any) -> None:
        """Close a client after an error: the embedded engine leaves the half answer of a query that failed in its
        connection, and the next answer would begin with it."""
        if client is not None:
            self._opened.remove(client)
            client.close()

    def query(self, query: Query, parameters: Mapping[str, Any] | None = None) -> pl.DataFrame:
        """The rows that `query` gives, as a frame with its schema even when empty.

        Raises
        ------
        BudgetExceeded
            The query passed its limit of time, memory or rows.
        WarehouseError
            ClickHouse refused it; the message holds no data.
        """
        with self._client(reading=True) as client, _translated(query.name):
            return _frame(client.query_arrow(query.text, parameters=dict(parameters or {})))

    def read_for_write(self, query: Query, parameters: Mapping[str, Any] | None = None) -> pl.DataFrame:
        """As `query`, without budgets: for the loader and the projection, never on a request path."""
        with self._writing() as client, _translated(query.name):
            return _frame(client.query_arrow(query.text, parameters=dict(parameters or {})))

    def command(self, query: Query, parameters: Mapping[str, Any] | None = None) -> None:
        """Run a statement that gives no rows (DDL, INSERT … SELECT); `delete` runs those that delete."""
        with self._writing() as client, _translated(query.name):
            client.command(query.text, parameters=dict(parameters or {}))

    def commands(self, *statements: tuple[Query, Mapping[str, Any]]) -> None:
        """Run statements that do not read what the others write, side by side; the first error when all have ended."""

        def run(query: Query, parameters: Mapping[str, Any]) -> None:
            with self._client(reading=False) as client, _translated(query.name):
                client.command(query.text, parameters=dict(parameters))

        with self._write_lock, ThreadPoolExecutor(WRITERS, thread_name_prefix="write") as pool:
            for done in [pool.submit(run, *statement) for statement in statements]:
                done.result()

    def insert_parquet(self, table: str, data: bytes, columns: Sequence[str] | None = None) -> None:
        """Append Parquet bytes to `table`, columns by name; resent by the driver, it still counts once.

        `columns` names those that are in the bytes: where many of the table are not, filling in their defaults costs
        half.
        """
        with self._writing() as client, _translated(f"insert into {table}"):
            client.raw_insert(
                table,
                column_names=columns,
                insert_block=data,
                fmt="Parquet",
                settings={"insert_deduplication_token": uuid4().hex},
            )

    @property
    def is_alone(self) -> bool:
        """Whether no other process can have it open: the embedded one."""
        return self._lock_file is not None

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold all writes of this process: for a sequence that must not interleave."""
        with self._write_lock:
            yield

    @contextmanager
    def merges_put_off(self) -> Iterator[None]:
        """Let the embedded engine merge later: during a long load it would merge the same rows again and again,
        and while they are read it would take half the processors. A server merges as it likes."""
        if self._lock_file is None:
            yield
            return
        self._merges("STOP", LARGE_TABLES)
        try:
            yield
        finally:
            self._merges("START", LARGE_TABLES)

    def _merges(self, word: Literal["START", "STOP"], tables: Iterable[str]) -> None:
        with self._writing() as client, _translated(f"{word.lower()} merges"):
            for table in tables:
                client.command(f"SYSTEM {word} MERGES {{table:Identifier}}", parameters={"table": table})

    def delete(self, query: Query, parameters: Mapping[str, Any]) -> None:
        """Run a DELETE, and wait until it is done. It is done by who merges, and would wait for ever for merges that
        are put off: here they begin again, and nobody puts them off while it runs.

        The embedded engine has few threads for it, and one that found them busy looks again half a second later, for
        each part of the table: it is told to look as long as there is something to do.

        Raises
        ------
        WarehouseError
            ClickHouse refused it, or could not do it; the message holds no data.
        """
        with self._write_lock:
            if self._lock_file is None:
                self.command(query, parameters)
                return
            self._merges("START", LARGE_TABLES)
            self.command(query, parameters)
            pause_s = DELETING_POLL_S
            while waiting := self._deleting():
                if any(waiting.values()):
                    self.command(GIVING_UP)  # it would be tried for ever, and be waited for by whoever deletes next
                    raise WarehouseError(f"{query.name}: ClickHouse could not delete", query=query.name)
                self._merges("START", waiting)
                time.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_POLL_S)

    def _deleting(self) -> dict[str, bool]:
        """The tables of which something is still to be deleted, and whether that was tried in vain."""
        with self._writing() as client, _translated(DELETING.name):
            found = _frame(client.query_arrow(DELETING.text))
        return dict(zip(found["table"], found["failed"].cast(pl.Boolean), strict=True))

    def release_memory(self) -> None:
        """Let the embedded engine give freed memory back: after each step of a long load, else it keeps the peaks."""
        if self._lock_file is not None:
            self.command(Query("release_memory", "SYSTEM JEMALLOC PURGE"))

    def close(self) -> None:
        for client in self._opened:
            client.close()
        self._opened.clear()
        if self._lock_file is not None:
            self._lock_file.close()
            self._lock_file = None

    def __enter__(self) -> Warehouse:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def lock_home(home: Path) -> io.TextIOWrapper:
    """Take the home for this process until the returned file is closed.

    Raises
    ------
    HomeInUse
        Another process has it; the message names its process id.
    """
    handle = open(home / "lock", "a+", encoding="utf-8")  # noqa: SIM115 - stays open as long as the lock is held
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.seek(0)
        holder = handle.read().strip() or "unknown"
        handle.close()
        raise HomeInUse(
            f"{home} is in use by process {holder}; only one process can open an embedded warehouse. "
            "Commands reach a running service by themselves; else wait, or stop that process"
        ) from None
    handle.seek(0)
    handle.truncate()
    handle.write(str(os.getpid()))
    handle.flush()
    return handle


def parquet(frame: pl.DataFrame) -> bytes:
    """The frame as Parquet bytes, the fastest way in."""
    sink = io.BytesIO()
    frame.write_parquet(sink, compression="lz4", statistics=False)
    return sink.getvalue()


def _frame(table: Any) -> pl.DataFrame:
    frame = pl.from_arrow(table)
    if not isinstance(frame, pl.DataFrame):
        raise TypeError("a table was expected")
    return frame


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__


@contextmanager
def _translated(query_name: str) -> Iterator[None]:
    from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError

    try:
        yield
    except ClickHouseError as error:
        text = str(error)
        found = re.search(r"Code: (\d+)", text)
        code = int(found.group(1)) if found else 0
        named = re.findall(r"\(([A-Z][A-Z0-9_]+)\)", text)
        name = named[-1] if named else type(error).__name__
        if code in OVER_BUDGET:
            raise BudgetExceeded(
                f"{query_name}: the query passed its budget ({name}); narrow it by time or filters, "
                "or raise GEMBASCOPE_QUERY_SECONDS, _MEMORY_BYTES or _ROWS",
                code=code,
                name=name,
                query=query_name,
            ) from error
        if isinstance(error, OperationalError) and not code:
            message = f"{query_name}: no answer from the warehouse"
            raise WarehouseUnavailable(message, query=query_name) from error
        # ClickHouse repeats the offending values in its text; only its code and name leave this place.
        raise WarehouseError(
            f"{query_name}: ClickHouse refused ({name}, code {code})", code=code, name=name, query=query_name
        ) from error
