"""The embedded engine as the test server uses it: connections, sessions, and settings that do not leak."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import quote

from clickhouse_request import EngineError, Request, quoted


class Engine:
    """The one chDB engine of this process, its sessions and the requests that run."""

    def __init__(self, path: Path) -> None:
        # Imported here: whoever imports this module for `running_server` must not load an engine.
        self._connect: Callable[[str], Any] = import_module("chdb").connect
        self._path = quote(str(path))
        self._lock = threading.Lock()
        self._sessions: dict[str, tuple[Any, threading.Lock]] = {}
        self._running: set[str] = set()
        self._keep = self._open()  # chDB closes the engine with its last connection
        answer = str(self._keep.query("SELECT version(), timezone()", "TabSeparated"))
        self.version, self.timezone = answer.strip().split("\t")

    def close(self) -> None:
        with self._lock:
            for connection, _ in self._sessions.values():
                connection.close()
            self._keep.close()

    def _open(self) -> Any:
        connection = self._connect(self._path)
        connection.query("SET implicit_select = 0")  # chDB's default is 1; a server refuses a bare expression
        return connection

    @contextlib.contextmanager
    def running(self, query_id: str) -> Iterator[None]:
        """Holds the query id; a second request with it meanwhile is refused, as a server does."""
        with self._lock:
            if query_id in self._running:
                message = f"Query with id = {query_id} is already running."
                raise EngineError(216, "QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING", message)
            self._running.add(query_id)
        try:
            yield
        finally:
            with self._lock:
                self._running.discard(query_id)

    @contextlib.contextmanager
    def connection(self, request: Request) -> Iterator[Any]:
        """A connection with the database and the settings of the request, and of no other request."""
        session_id = request.fields.get("session_id")
        if not session_id or request.stays_apart:
            connection = self._open()
            try:
                self._apply(connection, request.fields.get("database"), request.settings)
                yield connection
            finally:
                connection.close()
            return
        connection, lock = self._session(session_id, must_exist=request.fields.get("session_check") == "1")
        # A moment's patience: the request before is answered a little before it lets go of its session.
        if not lock.acquire(timeout=0.25):
            raise EngineError(373, "SESSION_IS_LOCKED", f"Session {session_id} is locked by a concurrent client.")
        try:
            if request.statement.keyword in ("SET", "USE"):
                yield connection  # meant to outlive the request
                return
            database, changed, unchanged = self._state(connection, request.settings)
            try:
                self._apply(connection, request.fields.get("database"), request.settings)
                yield connection
            finally:
                self._apply(connection, database, changed, unchanged)
        finally:
            lock.release()

    def _session(self, session_id: str, *, must_exist: bool) -> tuple[Any, threading.Lock]:
        with self._lock:
            if session_id not in self._sessions:
                if must_exist:
                    raise EngineError(372, "SESSION_NOT_FOUND", f"Session {session_id} not found.")
                self._sessions[session_id] = (self._open(), threading.Lock())
            return self._sessions[session_id]

    @staticmethod
    def _state(connection: Any, settings: Mapping[str, str]) -> tuple[str, dict[str, str], list[str]]:
        """The current database, and of the named settings: values that were set, names that were not.
        Raises UNKNOWN_SETTING before anything is changed."""
        names = {"names": "[" + ", ".join(quoted(name) for name in settings) + "]"}
        sql = "SELECT name, value, changed FROM system.settings WHERE has({names:Array(String)}, name)"
        found = rows_of(connection.query(sql, "JSONCompactEachRow", params=names))
        for name in settings.keys() - {row[0] for row in found}:
            raise EngineError(115, "UNKNOWN_SETTING", f"Setting {name} is neither a builtin setting nor a custom one.")
        database = str(connection.query("SELECT currentDatabase()", "TabSeparatedRaw")).rstrip("\n")
        changed = {name: value for name, value, is_changed in found if is_changed}
        return database, changed, [name for name in settings if name not in changed]

    @staticmethod
    def _apply(
        connection: Any, database: str | None, settings: Mapping[str, str], defaults: list[str] | None = None
    ) -> None:
        for name in settings:
            if not name.isidentifier():
                raise EngineError(
                    115, "UNKNOWN_SETTING", f"Setting {name} is neither a builtin setting nor a custom one."
                )
        if database:
            connection.query("USE `" + database.replace("\\", "\\\\").replace("`", "\\`") + "`")
        changes = [f"{name} = {quoted(value)}" for name, value in settings.items()]
        changes += [f"{name} = DEFAULT" for name in defaults or []]
        if changes:
            connection.query("SET " + ", ".join(changes))

    def with_engine_ids(self, request: Request) -> tuple[str, dict[str, str]]:
        """The SQL and the values of a request, where ids of running requests became the engine's ids in a
        statement that speaks of processes."""
        sql, values = request.statement.sql, request.values
        if request.statement.keyword != "KILL" and "system.processes" not in sql.lower():
            return sql, values
        with self._lock:
            running = self._running - {request.query_id}
        with contextlib.closing(self._open()) as connection:
            tagged = "SELECT Settings['query_cache_tag'], query_id FROM system.processes"
            rows = rows_of(connection.query(tagged, "JSONCompactEachRow"))
        engine_ids = {tag: engine_id for tag, engine_id in rows if tag in running}
        for request_id, engine_id in engine_ids.items():
            sql = sql.replace(quoted(request_id), quoted(engine_id))
        return sql, {name: engine_ids.get(text, text) for name, text in values.items()}


def rows_of(answer: Any) -> list[list[Any]]:
    return [json.loads(line) for line in str(answer).splitlines()]
