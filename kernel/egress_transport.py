"""The transport of `kernel.egress`: one request over one connection; every wait ends with the time of the request."""

from __future__ import annotations

import queue
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import httpcore
import httpx

from kernel.errors import EgressError

Resolve = Callable[[str, int], list[str]]
"""The addresses of a host, in the order in which to try them; OSError when it has none."""


class Deadline:
    """What is left of the time of one request."""

    def __init__(self, timeout_s: float, monotonic: Callable[[], float]) -> None:
        self._monotonic, self._end = monotonic, monotonic() + timeout_s

    def left(self) -> float:
        left = self._end - self._monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def resolved(self, resolve: Resolve, host: str, port: int) -> list[str]:
        """Ask the name server in a thread of its own: the system's question cannot be given a time."""
        told: queue.Queue[list[str] | Exception] = queue.Queue()

        def ask() -> None:
            try:
                told.put(resolve(host, port))
            except Exception as error:
                told.put(error)

        threading.Thread(target=ask, daemon=True, name="resolve").start()
        try:
            found = told.get(timeout=self.left())
        except (queue.Empty, TimeoutError):
            raise EgressError("timeout", f"the name {host} was not resolved in time", retryable=True) from None
        if isinstance(found, (OSError, UnicodeError)) or found == []:
            raise EgressError("unresolved", f"the name {host} has no address", retryable=True)
        if isinstance(found, Exception):
            raise found
        return found


class _Stream(httpcore.NetworkStream):
    """A connection whose every wait ends with the time of the request."""

    def __init__(self, connection: socket.socket, host: str, deadline: Deadline) -> None:
        self._connection, self._host, self._deadline = connection, host, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with self._in_time():
            return self._connection.recv(max_bytes)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        while buffer:
            with self._in_time():
                buffer = buffer[self._connection.send(buffer) :]

    def close(self) -> None:
        self._connection.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        try:
            with self._in_time():
                wrapped = ssl_context.wrap_socket(self._connection, server_hostname=server_hostname)
        except BaseException:
            self.close()
            raise
        return _Stream(wrapped, self._host, self._deadline)

    @contextmanager
    def _in_time(self) -> Iterator[None]:
        try:
            self._connection.settimeout(self._deadline.left())
            yield
        except TimeoutError:
            raise EgressError("timeout", f"{self._host} did not answer in time", retryable=True) from None
        except ssl.SSLError as error:
            why = getattr(error, "verify_message", "") or error.reason or type(error).__name__
            raise EgressError("tls", f"no trusted connection to {self._host}: {why}") from None
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise EgressError("connection_lost", f"{self._host} ended the connection: {why}", retryable=True) from None


class Backend(httpcore.NetworkBackend):
    """Connects to what was tested."""

    def __init__(self, connect: Callable[[str, int, Deadline], socket.socket], deadline: Deadline) -> None:
        self._connect, self._deadline = connect, deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        return _Stream(self._connect(host, port, self._deadline), host, self._deadline)


class Transport(httpx.BaseTransport):
    """One request over one connection of its own. The trust store is read when the first request needs TLS."""

    def __init__(self, backend: Backend, tls: Callable[[], ssl.SSLContext]) -> None:
        self._backend, self._tls = backend, tls
        self._pool: httpcore.ConnectionPool | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        context = self._tls() if url.scheme == "https" else None
        pool = self._pool = httpcore.ConnectionPool(context, retries=0, network_backend=self._backend)
        asked = httpcore.Request(
            method=request.method,
            url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
        )
        answer = pool.handle_request(asked)
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer))

    def close(self) -> None:
        if self._pool is not None:
            self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        yield from self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()
