"""Who a request is from: the one place that reads credentials. What they may do then is `api.permissions`'s to say."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from hashlib import sha256

from starlette.datastructures import Headers
from starlette.requests import cookie_parser

from kernel.access import Grant, Principal, Role, local_principal
from kernel.identity.directory import Directory

COOKIE = "gembascope_session"
CSRF_COOKIE, CSRF_HEADER = "gembascope_csrf", "x-csrftoken"
SECURE_PREFIX = "__Host-"
"""Of a cookie that came over TLS: the browser lets no other host and no plain address set it."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks, and how they showed it. `session`: the secret of the browser's session, None for a key or token."""

    principal: Principal
    session: str | None = None


class Visitors:
    """Tells visitors by their credentials.

    `local_token` is known to commands on this machine only. `open_house`: while a tenant has no administrator, whoever
    comes without a credential may look around: right for a service on loopback, whose machine's people are one trust
    domain, and nowhere else.
    """

    def __init__(self, directory: Directory, local_token: str, *, open_house: bool = False) -> None:
        self.users, self.sessions = directory.users, directory.sessions
        self._keys, self._local_token, self._open_house = directory.keys, local_token, open_house
        self._local = local_principal(directory.tenant)
        self._anonymous = Principal(
            directory.tenant, "anonymous", "anonymous", "a visitor", frozenset({Grant(Role.VIEWER)})
        )

    def of(self, headers: Headers, *, secure: bool) -> Visitor | None:
        """The visitor, over TLS or not (`secure`); None when they showed nothing that is right. A wrong credential is
        never taken for none."""
        if "authorization" in headers:
            scheme, _, given = headers["authorization"].partition(" ")
            principal = self._bearer(given.strip()) if scheme.lower() == "bearer" else None
            return Visitor(principal) if principal is not None else None
        secret = session_secret(headers, secure=secure)
        if secret is not None:
            principal = self.sessions.principal(secret)
            if principal is not None:
                return Visitor(principal, secret)
        if self._open_house and self.users.administered():
            self._open_house = False  # for good: the doors that an administrator closed stay closed
        return Visitor(self._anonymous) if self._open_house else None

    def _bearer(self, given: str) -> Principal | None:
        if hmac.compare_digest(given.encode(), self._local_token.encode()):
            return self._local
        return self._keys.principal(given)

    def sign_in(self, name: str, password: str) -> str:
        """The secret of a new session of the person; `SignInRefused` as `Users.sign_in`."""
        return self.sessions.open(self.users.sign_in(name, password).user_id)


def session_secret(headers: Headers, *, secure: bool) -> str | None:
    """What the browser's session cookie holds, if it has one: over TLS only the one that nobody else can set. The
    cookies of other applications on the host may be of any form."""
    name = SECURE_PREFIX + COOKIE if secure else COOKIE
    return cookie_parser(headers.get("cookie", "")).get(name)


def csrf_token(session: str) -> str:
    """What a page of ours sends with everything that it writes: bound to its session, and of no use as one."""
    return hmac.digest(session.encode(), b"gembascope csrf", sha256).hex()


def csrf_right(headers: Headers, session: str) -> bool:
    """Whether the request carries the token of its session, which only a page of ours can read."""
    return hmac.compare_digest(headers.get(CSRF_HEADER, "").encode(), csrf_token(session).encode())
