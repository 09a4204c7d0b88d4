"""Asking the API and reading its answers, wherever it is: behind a service, or in this process.

What went wrong there is raised here as the same error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.cookies import SimpleCookie
from typing import Any, Protocol
from urllib.parse import quote

import httpx
import msgspec

from kernel import errors
from kernel.errors import GembascopeError, InputError, NotFound, Problem, SignInRefused, WarehouseUnavailable
from mining.answers import Document

Params = Sequence[tuple[str, str]]


class Send(Protocol):
    """Sends one request and gives the answer, whatever its status."""

    def __call__(
        self, method: str, path: str, *, params: Params = (), content: bytes = b"", headers: Mapping[str, str]
    ) -> httpx.Response: ...


class Asker:
    """Asks as one principal, which `headers` show. `moved` is called after whatever changed something."""

    def __init__(self, send: Send, headers: Mapping[str, str], moved: Callable[[], None] = lambda: None) -> None:
        self._send, self._headers, self._moved = send, dict(headers), moved

    def get(self, path: str, params: Params = ()) -> Document:
        """The document at an address; raises what the API answers with, such as `NotFound`."""
        return _document(self._send("GET", path, params=params, headers=self._headers))

    def post(self, path: str, body: Document | None = None, *, moves: bool = True) -> Document:
        """What became of it. `moves`: whether it changes something, or only asks with much to say."""
        return self._write("POST", path, body, moves=moves)

    def put(self, path: str, body: Document) -> Document:
        """What is at an address now."""
        return self._write("PUT", path, body)

    def delete(self, path: str) -> Document:
        """What became of what was at an address."""
        return self._write("DELETE", path, None)

    def _write(self, method: str, path: str, body: Document | None, *, moves: bool = True) -> Document:
        headers = self._headers | {"Content-Type": "application/json"}
        content = b"" if body is None else msgspec.json.encode(body)
        found = _document(self._send(method, path, content=content, headers=headers))
        if moves:
            self._moved()
        return found


@contextmanager
def signed_in(send: Send, name: str, password: str, moved: Callable[[], None] = lambda: None) -> Iterator[Asker]:
    """A person who is signed in for as long as the block runs: as by the form of the sign-in page.

    Raises
    ------
    SignInRefused
        Name and password are not right, or there were too many wrong ones.
    """
    from api.sign_in import LOGIN, LOGOUT  # which load the state database; reading needs none
    from api.visitors import CSRF_COOKIE, CSRF_HEADER
    from kernel.identity.users import REFUSED

    form = httpx.QueryParams({"name": name, "password": password})
    sent = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = send("POST", LOGIN, content=str(form).encode(), headers=sent)
    if answer.status_code == 403 and "problem+json" not in answer.headers.get("content-type", ""):
        raise SignInRefused(REFUSED)
    if answer.status_code != 303:
        raise error_of(answer)
    cookies: SimpleCookie = SimpleCookie()
    for line in answer.headers.get_list("set-cookie"):
        cookies.load(line)
    shown = {
        "Cookie": "; ".join(f"{key}={cookie.value}" for key, cookie in cookies.items()),
        CSRF_HEADER: cookies[CSRF_COOKIE].value,
    }
    try:
        yield Asker(send, shown, moved)
    finally:
        send("POST", LOGOUT, headers=shown)


def segment(text: str) -> str:
    """A text as one part of an address. Dots too: clients and servers resolve `..` before anyone can ask for it."""
    return quote(text, safe="").replace(".", "%2E")


def error_of(answer: httpx.Response) -> GembascopeError:
    """The error that a problem document tells of."""
    try:
        content = msgspec.json.decode(answer.content)
        reason, detail = str(content["type"]).rpartition(":")[2], str(content["detail"])
    except (msgspec.MsgspecError, KeyError, TypeError):
        return WarehouseUnavailable(f"the service answered {answer.status_code}")
    other = GembascopeError if answer.status_code >= 500 else NotFound if answer.status_code == 404 else InputError
    return _made(next((kind for kind in _kinds(GembascopeError) if kind.reason == reason), other), detail)


def named(name: str, detail: str) -> GembascopeError:
    """The error whose class has this name."""
    return _made(next((kind for kind in _kinds(GembascopeError) if kind.__name__ == name), InputError), detail)


def _document(answer: httpx.Response) -> Document:
    if answer.status_code not in (200, 201):
        raise error_of(answer)
    document: Document = msgspec.json.decode(answer.content)
    return document


def _made(kind: type[GembascopeError], detail: str) -> GembascopeError:
    if kind is errors.EgressError:
        return errors.EgressError("", detail)
    if kind is not errors.DefinitionError:
        return kind(detail)
    found: list[Any] = [re.fullmatch(r"(.*?):(\d+): (.*)", line) for line in detail.splitlines()]
    return errors.DefinitionError([Problem(part[1], int(part[2]), part[3]) for part in found if part is not None])


def _kinds(kind: type[GembascopeError]) -> Iterator[type[GembascopeError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _kinds(child)
