"""A test server: ClickHouse's HTTP protocol in front of the embedded engine (chDB). Never for production.

    python tests/clickhouse_server.py --port 0 --path DIR [--password P]

It runs in a process of its own, started by `running_server` or by hand, and prints `READY <port>` once it
serves. chDB allows one engine per process and hangs in a forked child, so the process is always spawned.

Faults, to see what a client does when the network or the server fails it:

=====================  ====================================================================================
drop_before_commit     the connection closes without an answer, nothing was executed
drop_after_commit      the statement was executed, then the connection closes without an answer
unavailable            status 503 and nothing executed
slow                   the statement runs after a pause of `test_fault_s` seconds (1 when not given)
=====================  ====================================================================================

A request asks for its own fault through the setting `test_fault`; the setting also rides on the client's
retries, so each of them fails too. `Server.fail_next` makes only the next requests fail, whoever sends them.

Known differences from a server. Absent: roles, quotas, TLS, external data, `input()`, progress headers,
session time-outs, and INSERT ... FORMAT with `{x:Type}` values. A request that is read-only (GET, or the
setting `readonly`) does not see its session's temporary tables. Only Native, TabSeparated, CSV, RowBinary and
JSONEachRow answers are streamed. KILL QUERY and system.processes accept the query id of the request as a
quoted literal or as a parameter, but answer with the engine's own id. One node: nothing is replicated.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit
from urllib.request import urlopen

from clickhouse_engine import Engine
from clickhouse_request import (
    AnswerEncoder,
    EngineError,
    Request,
    decompressed,
    engine_error,
    form_fields,
    parse_statement,
    quoted,
)

FAULTS = ("drop_before_commit", "drop_after_commit", "unavailable", "slow")
START_LIMIT_S = 60
STOP_LIMIT_S = 10


@dataclass(slots=True)
class Faults:
    """Faults ordered by `Server.fail_next`, oldest first."""

    _orders: list[tuple[str, str]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def order(self, kind: str, times: int, match: str) -> None:
        with self._lock:
            self._orders += [(kind, match)] * times

    def take(self, request: Request) -> str:
        """The fault of this request, or an empty string: its own setting first, else the first order whose
        text occurs in the statement; that order is then used up."""
        kind = request.fields.get("test_fault", "")
        with self._lock:
            for order in self._orders if not kind else ():
                if order[1].lower() in request.statement.sql.lower():
                    self._orders.remove(order)
                    return order[0]
        if kind and kind not in FAULTS:
            raise EngineError(36, "BAD_ARGUMENTS", f"test_fault is one of {', '.join(FAULTS)}, not {kind}")
        return kind


class Handler(BaseHTTPRequestHandler):
    """One connection of a client. The subclass made by `serve` carries what all connections share."""

    engine: Engine
    faults: Faults
    password: str | None

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: the error stream is shown when a test fails, and requests would bury the cause."""

    def do_GET(self) -> None:
        self._respond()

    def do_POST(self) -> None:
        self._respond()

    def _respond(self) -> None:
        url = urlsplit(self.path)
        fields = dict(parse_qsl(url.query, keep_blank_values=True))
        query_id = fields.get("query_id") or str(uuid.uuid4())
        self._answer_began = False
        try:
            body = self._read_body()  # first, so that the connection stays usable after a refusal
            if url.path == "/ping":
                return self._send(200, b"Ok.\n")
            self._authenticate(fields)
            if url.path == "/fault":
                self.faults.order(fields["kind"], int(fields["times"]), fields["match"])
                return self._send(200)
            body = decompressed(body, self.headers.get("Content-Encoding"))
            content_type = self.headers.get("Content-Type", "")
            if content_type.startswith("multipart/form-data"):
                fields |= form_fields(body, content_type)
                body = b""
            text = b"\n".join(part for part in (fields.get("query", "").encode(), body) if part)
            request = Request(fields, parse_statement(text), query_id, read_only=self.command == "GET")
            self._execute_with_fault(request, self.faults.take(request))
        except ConnectionError:
            self.close_connection = True
        except Exception as error:
            self._refuse(engine_error(error), query_id)

    def _read_body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = bytearray()
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return bytes(body)

    def _authenticate(self, fields: Mapping[str, str]) -> None:
        user = self.headers.get("X-ClickHouse-User") or fields.get("user", "default")
        password = self.headers.get("X-ClickHouse-Key") or fields.get("password", "")
        authorization = self.headers.get("Authorization", "")
        if authorization.startswith("Basic "):
            user, _, password = b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        if self.password is not None and (user, password) != ("default", self.password):
            message = "Authentication failed: password is incorrect, or there is no user with such name."
            raise EngineError(516, "AUTHENTICATION_FAILED", f"{user}: {message}")

    def _execute_with_fault(self, request: Request, fault: str) -> None:
        if fault == "unavailable":
            return self._send(503, b"Service Unavailable")
        if fault == "slow":
            time.sleep(float(request.fields.get("test_fault_s", "1")))
        if fault == "drop_before_commit":
            raise ConnectionResetError(fault)
        with self.engine.running(request.query_id), self.engine.connection(request) as connection:
            if request.is_streamed and fault != "drop_after_commit":
                return self._stream(connection, request)
            body, summary = self._execute(connection, request)
        # Sent after the query id is free again, so that a client that sends the request once more gets in.
        if fault == "drop_after_commit":
            raise ConnectionResetError(fault)
        encoder = self._encoder(request)
        body = encoder.encode(body) + encoder.finish()
        self._send(200, body, self._headers(request, summary, encoder.encoding))

    def _execute(self, connection: Any, request: Request) -> tuple[bytes, dict[str, str]]:
        statement = request.statement
        started = time.perf_counter_ns()
        if statement.data is not None:
            for name, text in request.values.items():
                connection.query(f"SET param_{name} = {quoted(text)}")
            with connection.send_insert(statement.sql, statement.format) as inserter:
                inserter.append(statement.data)
                result = inserter.finish()
            body, counts = b"", {"written_rows": result.rows_written, "written_bytes": result.bytes_written}
        else:
            sql, values = self.engine.with_engine_ids(request)
            result = connection.query(sql, request.answer_format or "TabSeparated", params=values)
            body = result.bytes() or b""
            counts = {
                "read_rows": result.storage_rows_read(),
                "read_bytes": result.storage_bytes_read(),
                "written_rows": result.rows_written(),
                "written_bytes": result.bytes_written(),
                "result_rows": result.rows_read(),
            }
        counts["elapsed_ns"] = time.perf_counter_ns() - started
        return body, {name: str(count) for name, count in counts.items()}

    def _stream(self, connection: Any, request: Request) -> None:
        """Sends block after block. An error before the first one still gets a status of its own; a later one
        is written into the body, between markers with the tag that the headers announced."""
        sql, values = self.engine.with_engine_ids(request)
        stream = connection.send_query(sql, request.answer_format, params=values)
        try:
            block = stream.fetch()
            tag, encoder = secrets.token_hex(8), self._encoder(request)
            headers = self._headers(request, {}, encoder.encoding)
            self._send_head(200, headers | {"X-ClickHouse-Exception-Tag": tag, "Transfer-Encoding": "chunked"})
            try:
                while block is not None:
                    self._send_chunk(encoder.encode(block.bytes()))
                    block = stream.fetch()
            except ConnectionError:
                raise
            except Exception as error:
                message = self._message(engine_error(error))
                size = len(message.encode())
                marked = f"\r\n__exception__\r\n{tag}\r\n{message}{size} {tag}\r\n__exception__\r\n"
                self._send_chunk(encoder.encode(marked.encode()))
            self._send_chunk(encoder.finish())
            self.wfile.write(b"0\r\n\r\n")
        finally:
            stream.close()

    def _encoder(self, request: Request) -> AnswerEncoder:
        wanted = request.fields.get("enable_http_compression") == "1" and request.answer_format is not None
        return AnswerEncoder(self.headers.get("Accept-Encoding", ""), wanted=wanted)

    def _headers(self, request: Request, summary: Mapping[str, str], encoding: str | None) -> dict[str, str]:
        headers = {
            "X-ClickHouse-Summary": json.dumps(summary),
            "X-ClickHouse-Query-Id": request.query_id,
            "X-ClickHouse-Timezone": self.engine.timezone,
        }
        if request.answer_format is not None:
            headers["X-ClickHouse-Format"] = request.answer_format
        return headers | ({"Content-Encoding": encoding} if encoding else {})

    def _message(self, error: EngineError) -> str:
        return f"{error} (version {self.engine.version} (embedded engine))\n"

    def _refuse(self, error: EngineError, query_id: str) -> None:
        if self._answer_began:
            self.close_connection = True
            return
        headers = {"X-ClickHouse-Exception-Code": str(error.code), "X-ClickHouse-Query-Id": query_id}
        headers["Content-Type"] = "text/plain; charset=UTF-8"
        self._send(error.status, self._message(error).encode(), headers)

    def _send_head(self, status: int, headers: Mapping[str, str]) -> None:
        self._answer_began = True
        self.send_response(status)
        for name, text in headers.items():
            self.send_header(name, text)
        self.end_headers()

    def _send(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        self._send_head(status, {**(headers or {}), "Content-Length": str(len(body))})
        self.wfile.write(body)

    def _send_chunk(self, chunk: bytes) -> None:
        if chunk:  # an empty chunk would end the answer
            self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))


class EngineServer(ThreadingHTTPServer):
    request_queue_size = 64
    daemon_threads = True


def serve(port: int, path: Path, password: str | None) -> None:
    """Serves until the process is told to end; port 0 means any free one."""
    engine = Engine(path)
    shared = {"engine": engine, "faults": Faults(), "password": password}
    server = EngineServer(("127.0.0.1", port), type("BoundHandler", (Handler,), shared))
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print("READY", server.server_address[1], flush=True)
    try:
        server.serve_forever(poll_interval=0.05)
    finally:
        engine.close()


@dataclass(frozen=True, slots=True)
class Server:
    """Where a running test server is, and how to make it fail."""

    host: str
    port: int
    password: str | None = None

    def url(self, database: str) -> str:
        """Address as the settings take it, for example `clickhouse://default:pw@127.0.0.1:8123/gembascope`."""
        user = f"default:{quote(self.password, safe='')}" if self.password else "default"
        return f"clickhouse://{user}@{self.host}:{self.port}/{database}"

    def fail_next(self, kind: str, *, times: int = 1, match: str = "") -> None:
        """The next `times` requests whose statement contains `match` (in any case) meet the fault `kind`."""
        if kind not in FAULTS:
            raise ValueError(f"kind is one of {', '.join(FAULTS)}, not {kind!r}")
        fields = {"kind": kind, "times": str(times), "match": match, "password": self.password or ""}
        with urlopen(f"http://{self.host}:{self.port}/fault?{urlencode(fields)}"):
            pass


@contextlib.contextmanager
def running_server(path: Path, password: str | None = None) -> Iterator[Server]:
    """A test server on a free port, with its data in `path`, stopped at the end. What it wrote to its error
    stream becomes a note of any error that leaves the block. Raises RuntimeError when it does not start."""
    command = [sys.executable, __file__, "--port", "0", "--path", str(path), "--end-with-input"]
    command += ["--password", password] if password is not None else []
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        try:
            yield Server("127.0.0.1", _port_of(process), password)
        except BaseException as error:
            errors.seek(0)
            error.add_note(f"error stream of the test server:\n{errors.read()}")
            raise
        finally:
            process.terminate()
            try:
                process.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _port_of(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    readable, _, _ = select.select([process.stdout], [], [], START_LIMIT_S)
    line = process.stdout.readline().split() if readable else []
    if line[:1] != ["READY"]:
        raise RuntimeError(f"the test server did not start (exit code {process.poll()})")
    return int(line[1])


def _end_with_input() -> None:
    """Ends the process when its input closes, so that it does not outlive tests that were killed."""
    sys.stdin.read()
    os._exit(0)


def main() -> None:
    parser = argparse.ArgumentParser(description="ClickHouse's HTTP protocol over chDB, for tests only")
    parser.add_argument("--port", type=int, default=0, help="0 takes any free port (default)")
    parser.add_argument("--path", type=Path, required=True, help="folder of the data")
    parser.add_argument("--password", help="password of the user `default`; without it anyone gets in")
    parser.add_argument("--end-with-input", action="store_true", help="end when the input closes")
    arguments = parser.parse_args()
    if arguments.end_with_input:
        threading.Thread(target=_end_with_input, daemon=True).start()
    serve(arguments.port, arguments.path, arguments.password)


if __name__ == "__main__":
    main()
