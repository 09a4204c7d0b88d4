"""A TCP proxy that cuts connections where a test says."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Cutter:
    """Passes bytes on, until the client sends `before` for the `at`-th time: then both ends are closed, and what held
    it is not passed on."""

    def __init__(self, port: int, before: bytes, at: int = 1) -> None:
        self.port, self.cuts = 0, 0
        self._target, self._before, self._left = port, before, at
        self._lock = threading.Lock()

    def passes(self, data: bytes) -> bool:
        with self._lock:
            if self._left <= 0 or self._before not in data:
                return True
            self._left -= 1
            self.cuts += self._left == 0
            return self._left > 0

    def serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self._target)) as server:
            back = threading.Thread(target=_pass, args=(server, client))
            back.start()
            with suppress(OSError):
                while (data := client.recv(65536)) and self.passes(data):
                    server.sendall(data)
            for end in (client, server):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            back.join()


def _pass(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


@contextmanager
def cutting(port: int, before: bytes, at: int = 1) -> Iterator[Cutter]:
    """A proxy in front of a port of this machine."""
    listener = socket.create_server(("127.0.0.1", 0))
    cutter = Cutter(port, before, at)
    cutter.port = listener.getsockname()[1]
    threads: list[threading.Thread] = []

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=cutter.serve, args=(client,)))
            threads[-1].start()

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    try:
        yield cutter
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        acceptor.join()
        for thread in threads:
            thread.join()
