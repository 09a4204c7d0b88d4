"""Requests that were written beforehand, over many connections of one thread: a sender that takes little of a machine
of two cores from the service that is measured."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length:"
PATIENCE_S = 60.0


class BadAnswer(Exception):
    """The service answered otherwise than it should, or not at all."""


def written(path: str, host: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """A POST as it goes over the wire."""
    told = {"Host": host, "Content-Length": str(len(body))} | headers
    head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode("ascii") + body


@dataclass
class _Connection:
    socket: socket.socket
    begun: float = 0.0
    got: bytearray = field(default_factory=bytearray)

    def begin(self, request: bytes) -> None:
        self.got.clear()
        self.begun = time.perf_counter()
        self.socket.sendall(request)  # a few hundred bytes: the kernel takes them at once

    def answer(self) -> tuple[bytes, bytes] | None:
        """Head and body of the answer; None while it is not whole."""
        piece = self.socket.recv(1 << 16)
        if not piece:
            raise BadAnswer("the service cut a connection")
        self.got += piece
        head, found, body = bytes(self.got).partition(HEAD_END)
        if not found:
            return None
        at = head.lower().index(LENGTH) + len(LENGTH)
        length = int(head[at:].split(b"\r\n", 1)[0])
        return (head, body) if len(body) >= length else None


def exchange(
    address: tuple[str, int], requests: Iterable[bytes], connections: int, check: Callable[[bytes, bytes], None]
) -> list[float]:
    """Send all requests, on each connection the next one once the last was answered; the wait for each, seconds.
    `check` is given the head and the body of each answer.

    Raises
    ------
    BadAnswer
        None came for PATIENCE_S seconds, or a connection was cut; or what `check` raises.
    """
    waits: list[float] = []
    left: Iterator[bytes] = iter(requests)
    with selectors.DefaultSelector() as ready:
        opened = []
        try:
            for _ in range(connections):
                one = _Connection(socket.create_connection(address, PATIENCE_S))
                one.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                opened.append(one)
                if (request := next(left, None)) is not None:
                    ready.register(one.socket, selectors.EVENT_READ, one)
                    one.begin(request)
            while ready.get_map():
                events = ready.select(PATIENCE_S)
                if not events:
                    raise BadAnswer(f"no answer came for {PATIENCE_S:.0f} s")
                for key, _ in events:
                    one = key.data
                    if (answer := one.answer()) is None:
                        continue
                    waits.append(time.perf_counter() - one.begun)
                    check(*answer)
                    if (request := next(left, None)) is None:
                        ready.unregister(one.socket)
                    else:
                        one.begin(request)
        finally:
            for one in opened:
                one.socket.close()
    return waits
