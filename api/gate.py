"""The outermost layer: which hosts, who may come in and how far, how much they may send, what the browser may do.

API, pages, callbacks and websockets pass here alike. Nobody comes past it without a permission for the address that
they ask for (`api.permissions`): not without a credential, not with one that has no grant. What is not there and what
is not theirs is answered the same. A page of another site cannot write through a visitor's browser: what a session
writes comes from the same origin and carries the token of the session.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from urllib.parse import quote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import errors
from api.bodies import TooLarge, announces_more, limited
from api.dressing import dressed
from api.errors import problem, unexpected
from api.permissions import Addresses
from api.rates import Rates
from api.routes.live import EVENTS_BYTES, EVENTS_PATH
from api.sign_in import FORM_BYTES, SIGN_IN_PATHS, SignIn
from api.visitors import Visitor, Visitors, csrf_right
from kernel.access import OPEN, SIGNED, Need, Permission, Principal, acting_as, admits
from kernel.errors import GembascopeError, NotAllowed, SignInRefused

SMALL_BODY_BYTES = 2 << 20
SIGNED_BODY_BYTES = 256 << 10
"""Of what nobody who is known sends."""
HOOK_BYTES = 2 << 20
"""Of a webhook: its body must be read before it is known whose it is."""
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
HOOKS = "/api/v1/hooks/"
FROM_SOURCES = ("/api/v1/sources/", "/otlp/")
"""Addresses to which much is sent at once."""
NOWHERE = "/_nowhere"
"""An address that no application has: what is in no table goes there, to be answered as what is not there."""


@dataclass(frozen=True, slots=True)
class GateRules:
    """What the gate enforces. `needs`: of all addresses. `hosts`: names a request may be addressed to.
    `script_hashes`: of inline scripts. `secure`: visitors come over TLS, which ends before this service. `names_store`:
    whether a process does, so that its answers can be limited to stores. `rates`: None for no limit."""

    visitors: Visitors
    needs: Mapping[tuple[str, str], Need]
    hosts: frozenset[str] = LOOPBACK
    max_upload_bytes: int = 8 << 30
    script_hashes: Callable[[], list[str]] = field(default=list)
    secure: bool = False
    names_store: Callable[[str], bool] = field(default=lambda process: False)
    rates: Rates | None = None


class Gate:
    """ASGI middleware; see the module."""

    def __init__(self, app: ASGIApp, rules: GateRules) -> None:
        self._app, self._rules = app, rules
        self._addresses = Addresses(rules.needs)
        self._sign_in = SignIn(rules.visitors)
        self._rates = rules.rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        secure = self._rules.secure or scope.get("scheme") in ("https", "wss")
        dressed_send = dressed(send, self._rules.script_hashes(), secure=secure) if scope["type"] == "http" else send
        found = self._addresses.need(scope.get("method", "GET"), scope["path"])
        limit = self._limit(scope["path"], found)
        try:
            answer = _unfit(self._rules, headers, limit) or await self._admitted(
                scope, headers, receive, found, secure=secure
            )
        except TooLarge:
            answer = _too_large(limit)
        except GembascopeError as error:
            answer = errors.answer(error)
        except Exception as error:
            answer = unexpected(scope["path"], error)
        if isinstance(answer, Response):
            await self._refuse(answer, scope, receive, dressed_send)
        else:
            signed = found is not None and found[0] is SIGNED
            await self._pass_on(answer, scope, limited(receive, limit), dressed_send, limit, signed=signed)

    def _limit(self, path: str, found: tuple[Need, str] | None) -> int:
        """How many bytes the body of a request may have."""
        if path in SIGN_IN_PATHS:
            return FORM_BYTES
        if found is None:
            return SMALL_BODY_BYTES
        if found[0] is SIGNED:
            return HOOK_BYTES if path.startswith(HOOKS) else SIGNED_BODY_BYTES
        if path == "/api/v1/ingest":
            return self._rules.max_upload_bytes
        return EVENTS_BYTES if path == EVENTS_PATH or path.startswith(FROM_SOURCES) else SMALL_BODY_BYTES

    async def _admitted(
        self, scope: Scope, headers: Headers, receive: Receive, found: tuple[Need, str] | None, *, secure: bool
    ) -> Response | Visitor | None:
        """The visitor who may have what they ask for, None where nobody need be known; else the answer."""
        path, method = scope["path"], scope.get("method", "GET")
        if path in SIGN_IN_PATHS and scope["type"] == "http":
            if method not in SAFE_METHODS and not _same_origin(headers):
                return _cross_origin()
            if self._rates is not None and method == "POST":
                self._rates.sign_in(_address(scope))
            return await self._sign_in.answer(scope, headers, receive, secure=secure)
        need, process = found if found is not None else (Permission.READ, "")
        if need is OPEN:
            return None
        if need is SIGNED:
            if self._rates is not None:
                self._rates.request(None, _address(scope))
            return None
        visitor = await run_in_threadpool(self._rules.visitors.of, headers, secure=secure)
        if self._rates is not None:
            self._rates.request(visitor.principal if visitor is not None else None, _address(scope))
        if visitor is None:
            return self._unknown(scope, headers)
        by_browser = visitor.session is not None or visitor.principal.kind == "anonymous"
        if by_browser and (method not in SAFE_METHODS or scope["type"] == "websocket"):
            if not _same_origin(headers):
                return _cross_origin()
            if visitor.session is not None and scope["type"] == "http" and not csrf_right(headers, visitor.session):
                return problem(403, "csrf", "this request did not come from a page of this service: load it again")
        if found is None:
            if self._addresses.is_one(path):
                return problem(405, "http", "Method Not Allowed")
            scope["path"] = NOWHERE if not path.startswith("/api/") else f"/api{NOWHERE}"
        elif isinstance(need, Permission) and not await self._admits(visitor.principal, need, process):
            return await self._refused(visitor, need, process, scope, headers)
        return visitor

    async def _admits(self, principal: Principal, need: Permission, process: str) -> bool:
        if admits(principal, need, process):
            return True
        if not admits(principal, need, process, names_store=True):
            return False  # for most who are refused, without a look at the definition
        return await run_in_threadpool(self._rules.names_store, process)

    def _unknown(self, scope: Scope, headers: Headers) -> Response:
        """The answer to somebody who showed no credential, or a wrong one."""
        path, method = scope["path"], scope.get("method", "GET")
        page = method == "GET" and scope["type"] == "http" and not path.startswith(("/api/", "/_", "/metrics"))
        if not page or "authorization" in headers:
            answer = problem(401, SignInRefused.reason, "sign in, or send a key: Authorization: Bearer …")
            answer.headers["WWW-Authenticate"] = "Bearer"
            return answer
        query = scope["query_string"].decode("latin-1")
        return RedirectResponse(f"/login?next={quote(f'{path}?{query}' if query else path)}", 303)

    async def _refused(
        self, visitor: Visitor, need: Permission, process: str, scope: Scope, headers: Headers
    ) -> Response:
        """The answer to somebody who is known and may not."""
        if process and not await self._admits(visitor.principal, Permission.READ, process):
            return problem(404, "not_found", "there is no such process")  # as for one that is not there
        if visitor.principal.kind == "anonymous":
            return self._unknown(scope, headers)
        return problem(403, NotAllowed.reason, f"{visitor.principal.name} has no grant to {need.value} here")

    async def _refuse(self, answer: Response, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 4403})
        else:
            await answer(scope, receive, send)

    async def _pass_on(
        self, visitor: Visitor | None, scope: Scope, receive: Receive, send: Send, limit: int, *, signed: bool
    ) -> None:
        """Let the request in, and answer for what goes wrong inside before an answer has begun. Whoever `signed` what
        was taken is no stranger."""
        begun = False

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = True
            if signed and self._rates is not None and message.get("status", 500) < 400:
                self._rates.no_stranger(_address(scope))
            await send(message)

        try:
            if visitor is None:
                await self._app(scope, receive, noted)
                return
            with acting_as(visitor.principal):
                await self._app(scope, receive, noted)
        except Exception as error:
            if begun:
                raise
            answer = _too_large(limit) if isinstance(error, TooLarge) else unexpected(scope["path"], error)
            await answer(scope, receive, send)


def _unfit(rules: GateRules, headers: Headers, limit: int) -> Response | None:
    """The answer to a request that is refused whoever it is from."""
    if _hostname(headers.get("host", "")) not in rules.hosts:
        return problem(421, "host", "this service does not answer to that host name")
    if announces_more(headers, limit):
        return _too_large(limit)
    return None


def _hostname(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _address(scope: Scope) -> str:
    """Of the client, as the server tells it: it takes the word of a proxy on its own machine only. Of IPv6 the network,
    in which everyone has addresses without end."""
    client = scope.get("client")
    return _network(client[0]) if client else ""


@lru_cache(maxsize=1_000)
def _network(host: str) -> str:
    try:
        found = ip_address(host)
    except ValueError:
        return ""
    if isinstance(found, IPv6Address) and found.ipv4_mapped is None:
        return str(ip_network((found.packed[:8] + bytes(8), 64)))
    return str(found)


def _same_origin(headers: Headers) -> bool:
    """Whether no other site made the browser ask this."""
    origin = headers.get("origin")
    if origin is not None:
        return origin.partition("://")[2].lower() == headers.get("host", "").lower()
    return headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")


def _cross_origin() -> Response:
    return problem(403, "cross_origin", "this request came from another site")


def _too_large(limit: int) -> Response:
    return problem(413, "too_large", f"a request may be {limit} bytes here")
