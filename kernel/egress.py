"""The one way out over HTTP: a request goes to the address that was tested, and nowhere else.

A name is resolved once; every address that it has is tested (`kernel.addresses`), and the connection is made to
one of these, while TLS and the Host header keep the name. So a name that changes what it stands for between test and
connection (DNS rebinding) reaches nothing. What an administrator listed as host:port may be on the own network and may
be spoken to without TLS; everything else is on the open internet, over TLS, on its usual port. Redirects are not
followed, proxies of the environment are not used, cookies are not kept, answers are not decompressed, and time is
limited in all, from the first question to the name server to the last byte, however slowly the bytes come.
"""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache

import httpcore
import httpx

from kernel.addresses import forbidden, host_and_port, plain_host, public
from kernel.egress_transport import Backend, Deadline, Resolve, Transport
from kernel.errors import EgressError

Dial = Callable[[str, int, float], socket.socket]
"""A connection to an address, within some seconds."""

PORTS = frozenset({443})
"""Where hosts are reached that nobody listed."""
MOST_BYTES = 1 << 20
CHUNK = 1 << 16
_HEADER_NAME = re.compile(r"[A-Za-z0-9-]{1,64}")
_HEADER = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,4094}[\x21-\x7e])?")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `headers`: names in lower case. `whole`: False when the body was longer than asked for, and was
    cut there."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    whole: bool


class Egress:
    """Sends requests. One for the whole process; threads may share it, and nothing is kept between requests."""

    def __init__(
        self,
        listed: Iterable[str] = (),
        *,
        resolve: Resolve | None = None,
        dial: Dial | None = None,
        tls: ssl.SSLContext | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._listed = frozenset(host_and_port(entry) for entry in listed)
        self._resolve, self._dial = resolve or system_addresses, dial or _dial
        self._tls, self._monotonic = tls, monotonic

    def is_listed(self, host: str, port: int) -> bool:
        """Whether an administrator listed it."""
        return (plain_host(host), port) in self._listed

    def addresses(self, host: str, port: int, *, timeout_s: float) -> list[str]:
        """The addresses that host and port may be reached at now: all that the name has, all of them tested.

        Raises
        ------
        EgressError
            `host_refused` when one of them may not be reached, `unresolved`, `timeout`.
        """
        return self._tested(host, port, Deadline(timeout_s, self._monotonic))

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout_s: float,
        most_bytes: int = MOST_BYTES,
    ) -> Answer:
        """Ask once. Answers with whatever status came, but for redirects. ValueError for a header that is none.

        Raises
        ------
        EgressError
            `url_refused`, `host_refused`, `redirect`, `tls`, `answer_encoded`, `answer_malformed`; retryable:
            `unresolved`, `unreachable`, `timeout`, `connection_lost`. Its message names the host and never the path,
            which may hold secrets.
        """
        place = self._place(url)
        if not all(
            _HEADER_NAME.fullmatch(name) and _HEADER.fullmatch(value) for name, value in (headers or {}).items()
        ):
            raise ValueError("a header holds what no header may hold")
        deadline = Deadline(timeout_s, self._monotonic)
        transport = Transport(Backend(self._connected, deadline), lambda: self._tls or _tls())
        sent = {"accept-encoding": "identity", "user-agent": "Gembascope", **(headers or {}), "connection": "close"}
        request = httpx.Request(method, place, headers=sent, content=body)  # no client: it would log the whole URL
        with _translated(place.host), closing(transport), closing(transport.handle_request(request)) as answer:
            if 300 <= answer.status_code < 400:
                raise EgressError("redirect", f"{place.host} answered with a redirect, which is not followed")
            if answer.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
                raise EgressError("answer_encoded", f"{place.host} answered compressed, which was not asked for")
            content = bytearray()
            for piece in answer.iter_raw(CHUNK):
                content += piece
                if len(content) > most_bytes:
                    break
            found = {name.lower(): value for name, value in answer.headers.items()}
            return Answer(answer.status_code, found, bytes(content[:most_bytes]), len(content) <= most_bytes)

    def _place(self, url: str) -> httpx.URL:
        """The address, taken apart by the one parser that the request is made with."""
        try:
            place = httpx.URL(url)
        except (httpx.InvalidURL, ValueError, UnicodeError):
            raise EgressError("url_refused", "that is no URL") from None
        if place.scheme not in ("http", "https") or not place.host:
            raise EgressError("url_refused", "expected a URL that begins with https:// or http:// and names a host")
        if place.userinfo:
            raise EgressError("url_refused", f"the URL of {place.host} holds a name or password; use a header")
        port = (443 if place.scheme == "https" else 80) if place.port is None else place.port
        if not self.is_listed(place.host, port) and (place.scheme != "https" or port not in PORTS):
            raise _refused(place.host, port, "only https on port 443 is reached unlisted")
        return place

    def _tested(self, host: str, port: int, deadline: Deadline) -> list[str]:
        found = deadline.resolved(self._resolve, host, port)
        listed = self.is_listed(host, port)
        if any(forbidden(address) or not (listed or public(address)) for address in found):
            raise _refused(host, port, "it is not on the open internet")
        return found

    def _connected(self, host: str, port: int, deadline: Deadline) -> socket.socket:
        last = "no address"
        for address in self._tested(host, port, deadline):
            try:
                return self._dial(address, port, deadline.left())
            except TimeoutError:
                raise EgressError("timeout", f"{host} did not answer in time", retryable=True) from None
            except OSError as error:
                last = error.strerror or type(error).__name__
        raise EgressError("unreachable", f"{host} cannot be reached: {last}", retryable=True)


def system_addresses(host: str, port: int) -> list[str]:
    """The addresses of a host as the system knows them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(place[0]) for *_, place in found))


def _dial(address: str, port: int, timeout_s: float) -> socket.socket:
    return socket.create_connection((address, port), timeout_s)


def _refused(host: str, port: int, why: str) -> EgressError:
    return EgressError(
        "host_refused", f"{host}:{port} may not be reached: {why}; an administrator lists it in GEMBASCOPE_EGRESS_HOSTS"
    )


@cache
def _tls() -> ssl.SSLContext:
    context = httpx.create_ssl_context(trust_env=False)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


@contextmanager
def _translated(host: str) -> Iterator[None]:
    try:
        yield
    except TimeoutError:
        raise EgressError("timeout", f"{host} did not answer in time", retryable=True) from None
    except (httpcore.RemoteProtocolError, httpx.RemoteProtocolError) as error:
        if "disconnected" in str(error) or "closed" in str(error):
            raise EgressError("connection_lost", f"{host} ended the connection", retryable=True) from None
        raise EgressError("answer_malformed", f"{host} did not answer in HTTP") from None
