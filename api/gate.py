"""The outermost layer: which hosts, who may come in, how much they may send, and what the browser may do.

API, pages, callbacks and websockets pass here alike. Until identity lands there is one token. Without it the service
listens on loopback only and reading needs no token there, because the operating system's users are one trust domain;
writing always needs a token, so that a page of another site cannot write through a visitor's browser.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import problem, unexpected

COOKIE = "gembascope_session"
OPEN_PATHS = ("/healthz", "/readyz")
SMALL_BODY_BYTES = 2 << 20
LOGIN_BODY_BYTES = 10_000
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class GateRules:
    """What the gate enforces. `token`: of the API and the pages, None on loopback without one. `local_token`: of
    commands on this machine. `hosts`: names a request may be addressed to. `script_hashes`: of inline scripts."""

    local_token: str
    token: str | None = None
    hosts: frozenset[str] = LOOPBACK
    max_upload_bytes: int = 8 << 30
    script_hashes: Callable[[], list[str]] = field(default=list)


class Gate:
    """ASGI middleware; see the module."""

    def __init__(self, app: ASGIApp, rules: GateRules) -> None:
        self._app, self._rules = app, rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope, Headers(scope=scope))
        if scope["type"] == "websocket":
            if refusal is None:
                await self._app(scope, receive, send)
            else:
                await send({"type": "websocket.close", "code": 4403})
            return
        dressed = self._dressed(send)
        if refusal is None and scope["path"] == "/login":
            refusal = await self._login(scope, receive)
        if refusal is None:
            await self._pass_on(scope, receive, dressed)
        else:
            await refusal(scope, receive, dressed)

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request in, and answer for what goes wrong inside before an answer has begun."""
        begun = False

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        limit = self._limit(scope)
        try:
            await self._app(scope, _limited(receive, limit), noted)
        except Exception as error:
            if begun:
                raise
            answer = _too_large(limit) if isinstance(error, TooLarge) else unexpected(scope["path"], error)
            await answer(scope, receive, send)

    def _limit(self, scope: Scope) -> int:
        """How many bytes the body of this request may have."""
        return {"/api/v1/ingest": self._rules.max_upload_bytes, "/login": LOGIN_BODY_BYTES}.get(
            scope["path"], SMALL_BODY_BYTES
        )

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        if _hostname(headers.get("host", "")) not in self._rules.hosts:
            return problem(421, "host", "this service does not answer to that host name")
        path, method = scope["path"], scope.get("method", "GET")
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()) or int(length[:20]) > self._limit(scope):
            return _too_large(self._limit(scope))
        if path in OPEN_PATHS or path == "/login":
            return None
        bearer = self._bearer(headers)
        if bearer is not None:
            return None if bearer else problem(401, "unauthenticated", "that token is not right")
        session = self._session(headers)
        if self._rules.token is not None and not session:
            if path.startswith("/api/") or path == "/metrics" or method != "GET" or scope["type"] == "websocket":
                return problem(401, "unauthenticated", "send the API token: Authorization: Bearer …")
            query = scope["query_string"].decode("latin-1")
            return RedirectResponse(f"/login?next={quote(f'{path}?{query}' if query else path)}", 303)
        writing = method not in ("GET", "HEAD", "OPTIONS") or scope["type"] == "websocket"
        if writing and path.startswith("/api/"):
            return problem(401, "unauthenticated", "writing needs a token: Authorization: Bearer …")
        if writing and not _same_origin(headers):
            return problem(403, "cross_origin", "this request came from another site")
        return None

    def _bearer(self, headers: Headers) -> bool | None:
        """Whether the token that was sent is one of ours; None when none was sent."""
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        known = [self._rules.local_token, *([self._rules.token] if self._rules.token else [])]
        return any([hmac.compare_digest(given.encode(), token.encode()) for token in known])

    def _session(self, headers: Headers) -> bool:
        if self._rules.token is None:
            return False
        try:
            morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            return False
        return morsel is not None and hmac.compare_digest(
            morsel.value.encode(), session_value(self._rules.token).encode()
        )

    async def _login(self, scope: Scope, receive: Receive) -> Response | None:
        target = _own_path(parse_qs(scope["query_string"].decode("latin-1")).get("next", ["/"])[0])
        if self._rules.token is None:
            return RedirectResponse(target, 303)
        if scope["method"] != "POST":
            return HTMLResponse(LOGIN_PAGE.replace("@problem@", ""))
        body = b""
        limited = _limited(receive, LOGIN_BODY_BYTES)
        while True:
            try:
                message = await limited()
            except TooLarge:
                return _too_large(LOGIN_BODY_BYTES)
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        given = parse_qs(body.decode("latin-1")).get("token", [""])[0]
        if not hmac.compare_digest(given.encode(), self._rules.token.encode()):
            return HTMLResponse(LOGIN_PAGE.replace("@problem@", '<p role="alert">That token is not right.</p>'), 403)
        answer = RedirectResponse(target, 303)
        secure = scope["scheme"] == "https"
        answer.set_cookie(
            COOKIE, session_value(self._rules.token), httponly=True, samesite="strict", secure=secure, path="/"
        )
        return answer

    def _dressed(self, send: Send) -> Send:
        hashes = " ".join(f"'{value.strip(chr(39))}'" for value in self._rules.script_hashes())
        policy = (
            f"default-src 'none'; script-src 'self' {hashes}; style-src 'self' 'unsafe-inline'; "
            "img-src 'self' data:; font-src 'self'; connect-src 'self'; frame-ancestors 'none'; "
            "base-uri 'none'; form-action 'self'"
        )

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = policy
                headers["X-Content-Type-Options"] = "nosniff"
                headers["X-Frame-Options"] = "DENY"
                headers["Referrer-Policy"] = "no-referrer"
                headers["Cross-Origin-Opener-Policy"] = "same-origin"
                headers["Cross-Origin-Resource-Policy"] = "same-origin"
            await send(message)

        return dressed


def session_value(token: str) -> str:
    """What a browser holds instead of the token itself."""
    return hmac.digest(token.encode(), b"gembascope session", hashlib.sha256).hex()


def _hostname(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _same_origin(headers: Headers) -> bool:
    origin = headers.get("origin")
    if origin is not None:
        return urlsplit(origin).netloc.lower() == headers.get("host", "").lower()
    return headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")


def _own_path(target: str) -> str:
    """A path on this host, never another site's address."""
    return target if re.fullmatch(r"/(?![/\\])[^\x00-\x20\\]*", target) else "/"


class TooLarge(Exception):
    """A body turned out longer than it may be."""


def _too_large(limit: int) -> Response:
    return problem(413, "too_large", f"a request may be {limit} bytes here")


def _limited(receive: Receive, limit: int) -> Receive:
    """Stop reading a body that is longer than it may be, whatever its header says."""
    taken = 0

    async def limited() -> Message:
        nonlocal taken
        message = await receive()
        if message["type"] == "http.request":
            taken += len(message.get("body", b""))
            if taken > limit:
                raise TooLarge
        return message

    return limited


LOGIN_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Gembascope: sign in</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>
:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;display:grid;place-items:center;min-height:90vh}
form{display:grid;gap:.75rem;width:min(22rem,90vw)}input,button{font:inherit;padding:.6rem}</style></head><body>
<main><form method="post"><h1>Gembascope</h1>@problem@<label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
<button>Sign in</button><p>The token is the one the service was started with.</p></form></main></body></html>"""
