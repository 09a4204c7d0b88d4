"""The pages before one is known: signing in and out, the first administrator, a new password.

They are plain forms without scripts. A wrong try answers the same whatever was wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape
from string import Template
from urllib.parse import parse_qs

from anyio import CapacityLimiter, to_thread
from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Receive, Scope

from api.bodies import whole
from api.visitors import COOKIE, CSRF_COOKIE, SECURE_PREFIX, Visitors, csrf_token, session_secret
from kernel.errors import InputError, SignInRefused

LOGIN, LOGOUT, FIRST, PASSWORD = "/login", "/logout", "/first-administrator", "/password"
SIGN_IN_PATHS = (LOGIN, LOGOUT, FIRST, PASSWORD)
FORM_BYTES = 10_000
AT_ONCE = 2
"""Forms judged side by side: a hash of a password takes 64 MiB and both cores."""
MOST_WAITING = 20
"""Forms that wait for their turn; more are refused at once."""
Form = dict[str, str]


class SignIn:
    """Answers the addresses of SIGN_IN_PATHS."""

    def __init__(self, visitors: Visitors) -> None:
        self._visitors = visitors
        self._waiting = 0
        self._turns: CapacityLimiter | None = None

    async def answer(self, scope: Scope, headers: Headers, receive: Receive, *, secure: bool) -> Response:
        """The page that was asked for, or what became of the form that was sent."""
        query = {name: values[0] for name, values in parse_qs(scope["query_string"].decode("latin-1")).items()}
        path, method = scope["path"], scope["method"]
        if method not in ("GET", "HEAD", "POST"):
            return Response(status_code=405, headers={"Allow": "GET, POST"})
        if method != "POST":
            return _page(path, query, "")
        body = await whole(receive, FORM_BYTES)
        form = {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
        try:
            return await self._in_turn(lambda: self._sent(path)(query, form, headers, secure))
        except (SignInRefused, InputError) as error:
            return _page(path, query | form, str(error), 403 if isinstance(error, SignInRefused) else 422)

    async def _in_turn(self, judge: Callable[[], Response]) -> Response:
        """Judge forms in threads of their own, so that many of them take no thread from those who are signed in."""
        if self._waiting >= MOST_WAITING:
            return Response("too many people sign in at once; try again", 503, headers={"Retry-After": "5"})
        self._turns = self._turns or CapacityLimiter(AT_ONCE)
        self._waiting += 1
        try:
            return await to_thread.run_sync(judge, limiter=self._turns)
        finally:
            self._waiting -= 1

    def _sent(self, path: str) -> Callable[[Form, Form, Headers, bool], Response]:
        return {LOGIN: self._login, LOGOUT: self._logout, FIRST: self._first, PASSWORD: self._password}[path]

    def _login(self, query: Form, form: Form, _: Headers, secure: bool) -> Response:
        session = self._visitors.sign_in(form.get("name", ""), form.get("password", ""))
        return _entered(own_path(query.get("next", "/")), session, secure=secure)

    def _logout(self, _: Form, __: Form, headers: Headers, secure: bool) -> Response:
        secret = session_secret(headers, secure=secure)
        if secret is not None:
            self._visitors.sessions.close(secret)
        answer = RedirectResponse(LOGIN, 303)
        for name in (COOKIE, CSRF_COOKIE):
            answer.delete_cookie(_named(name, secure=secure), path="/", secure=secure)
        return answer

    def _first(self, query: Form, form: Form, _: Headers, secure: bool) -> Response:
        user = self._visitors.users.redeem(_token(query), _twice(form), name=form.get("name", ""))
        return _entered("/", self._visitors.sessions.open(user.user_id), secure=secure)

    def _password(self, query: Form, form: Form, _: Headers, secure: bool) -> Response:
        user = self._visitors.users.redeem(_token(query), _twice(form))
        return _entered("/", self._visitors.sessions.open(user.user_id), secure=secure)


def _token(query: Form) -> str:
    return query.get("token", "")


def _twice(form: Form) -> str:
    """The password that was typed twice; `InputError` when it was not twice the same."""
    password = form.get("password", "")
    if form.get("again", "") != password:
        raise InputError("the two passwords are not the same")
    return password


def _named(cookie: str, *, secure: bool) -> str:
    return SECURE_PREFIX + cookie if secure and cookie == COOKIE else cookie


def _entered(target: str, session: str, *, secure: bool) -> Response:
    answer = RedirectResponse(target, 303)
    answer.set_cookie(_named(COOKIE, secure=secure), session, httponly=True, samesite="lax", secure=secure, path="/")
    answer.set_cookie(CSRF_COOKIE, csrf_token(session), samesite="strict", secure=secure, path="/")  # for our scripts
    answer.headers["Cache-Control"] = "no-store"
    return answer


def own_path(target: str) -> str:
    """A path on this host, never another site's address."""
    return target if re.fullmatch(r"/(?![/\\])[^\x00-\x20\\]*", target) else "/"


# The pages ----------------------------------------------------------------------------------------------------

FRAME = Template("""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Gembascope: $title</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,"><style>
:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;display:grid;place-items:center;min-height:90vh}
form{display:grid;gap:.75rem;width:min(22rem,90vw)}input,button{font:inherit;padding:.6rem}h1{margin:0}
[role=alert]{border-left:4px solid #d33;padding-left:.75rem}</style></head><body>
<main><form method="post"><h1>$title</h1>$problem$fields<button>$button</button><p>$note</p></form></main>
</body></html>""")
NAME = Template("""<label for="name">Name or e-mail address</label>
<input id="name" name="name" value="$name" autocomplete="username" maxlength="254" required autofocus>""")
OLD = """<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>"""
NEW = """<label for="password">New password, at least 12 characters</label>
<input id="password" name="password" type="password" autocomplete="new-password" minlength="12" required>
<label for="again">The same again</label>
<input id="again" name="again" type="password" autocomplete="new-password" minlength="12" required>"""


def _page(path: str, said: Form, problem: str, status: int = 200) -> Response:
    name = NAME.substitute(name=escape(said.get("name", "")))
    title, fields, button, note = {
        LOGIN: ("Sign in", name + OLD, "Sign in", "Forgotten? Ask an administrator for a link to set a new one."),
        FIRST: (
            "The first administrator",
            name + NEW,
            "Begin",
            "This link works once. The service's console shows a new one at its next start if it was lost.",
        ),
        PASSWORD: ("Set your password", NEW, "Set it and sign in", "This link works once."),
        LOGOUT: ("Sign out", "", "Sign out of this browser", "Other browsers stay signed in until they are idle."),
    }[path]
    alert = f'<p role="alert">{escape(problem)}</p>' if problem else ""
    text = FRAME.substitute(title=title, problem=alert, fields=fields, button=button, note=note)
    return HTMLResponse(text, status, headers={"Cache-Control": "no-store"})
