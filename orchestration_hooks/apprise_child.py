"""The process that runs apprise: reads an order from standard input, writes a report to standard output.

Whatever apprise and its libraries do, a connection is made to an address of the order or not at all: names are answered
from the order, and a hook that Python itself calls before each connection refuses the rest. This module is quick to
import: it is what every message waits for.
"""

from __future__ import annotations

import os
import socket
import sys
from typing import Any

import msgspec

from kernel.addresses import plain_host

NEVER = frozenset(
    {
        "subprocess.Popen",
        "os.system",
        "os.exec",
        "os.posix_spawn",
        "os.spawn",
        "os.fork",
        "os.forkpty",
        "os.startfile",
        "socket.bind",
        "socket.gethostbyname",
        "socket.gethostbyaddr",
        "socket.getnameinfo",
        "syslog.openlog",
        "syslog.syslog",
    }
)
"""What telling people needs none of."""


class Places(msgspec.Struct):
    """Where the process may connect to: a host and port, and its addresses."""

    host: str
    port: int
    addresses: list[str]


class Order(msgspec.Struct):
    """What the process is to do."""

    url: str
    title: str
    text: str
    kind: str
    places: list[Places]


class Report(msgspec.Struct):
    """What it did. `sent`: apprise says that the other side took it. `refused`: the first host that was not allowed."""

    sent: bool
    understood: bool
    refused: str


class Guard:
    """Which connections there are."""

    def __init__(self, order: Order) -> None:
        self.refused = ""
        self._names = {(plain_host(place.host), place.port): place.addresses for place in order.places}
        self._addresses = {(address, place.port) for place in order.places for address in place.addresses}

    def resolve(
        self, host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> list[Any]:
        """As `socket.getaddrinfo`, for the names of the order."""
        name = plain_host(host.decode() if isinstance(host, bytes) else str(host))
        number = int(port) if str(port).isdigit() else 0
        if (name, number) not in self._names:
            raise self._no(f"{name}:{port}")
        found = []
        for address in self._names[name, number]:
            version = socket.AF_INET6 if ":" in address else socket.AF_INET
            place = (address, number, 0, 0) if ":" in address else (address, number)
            if family in (0, version):
                found.append((version, type or socket.SOCK_STREAM, proto or socket.IPPROTO_TCP, "", place))
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "no address of that family")
        return found

    def hook(self, event: str, args: tuple[Any, ...]) -> None:
        """Called by Python before each of these."""
        if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
            place = args[1]
            if place is None and event == "socket.sendmsg":
                return  # on what is connected already
            if not isinstance(place, tuple) or tuple(place[:2]) not in self._addresses:
                raise self._no(f"{place[0]}:{place[1]}" if isinstance(place, tuple) else "a socket of this machine")
        elif event == "socket.getaddrinfo":
            raise self._no(f"{args[0]}:{args[1]}")  # the function was replaced: somebody kept the old one
        elif event in NEVER:
            raise PermissionError(f"{event} is not allowed here")

    def _no(self, place: str) -> PermissionError:
        self.refused = self.refused or place
        return PermissionError(f"{place} is not allowed here")


def main() -> None:
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    report = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what plugins print is no report
    from apprise import Apprise, AppriseAsset

    guard = Guard(order)
    asset = AppriseAsset(app_id="Gembascope", async_mode=False, secure_logging=True, plugin_paths=[])
    teller = Apprise(asset=asset)
    understood = bool(teller.add(order.url))
    socket.getaddrinfo = guard.resolve
    sys.addaudithook(guard.hook)
    sent = understood and bool(teller.notify(body=order.text, title=order.title, notify_type=order.kind))
    report.write(msgspec.json.encode(Report(sent, understood, guard.refused)))
    report.flush()


if __name__ == "__main__":
    main()
