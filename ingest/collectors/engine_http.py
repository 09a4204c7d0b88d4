"""Asking a workflow engine over HTTP: by the one way out, with its credentials, and what its answers mean."""

from __future__ import annotations

import json
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timezone
from email.utils import parsedate_to_datetime
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit

from ingest.collectors.engine_settings import OAuth
from ingest.sources.delivery import CollectorError
from kernel.clock import Clock
from kernel.egress import Answer, Egress
from kernel.errors import EgressError
from kernel.secrets import Secrets

LONGEST_WAIT_S = 3_600.0
"""Of what an engine asks us to wait (Retry-After), no more than this is believed."""
MOST_TOKEN_BYTES = 64 << 10
EARLY_S = 30.0
"""How long before its end a token is not used any more."""


class Busy(CollectorError):
    """It asks to be left alone for `after_s` seconds."""

    def __init__(self, message: str, after_s: float) -> None:
        self.after_s = after_s
        super().__init__(message)


class Unanswered(CollectorError):
    """One question failed (500, no JSON); others may be answered."""


class TooLarge(CollectorError):
    """The answer is larger than is read."""


class Refused(CollectorError):
    """It refuses the question itself (another 4xx)."""


class Credentials(Protocol):
    def header(self) -> tuple[str, str] | None:
        """Name and value; None where none is sent."""
        ...

    def expired(self) -> bool:
        """Told that what was sent was refused; whether it is worth to ask again."""
        ...


@dataclass(frozen=True)
class Fixed:
    """A header with a secret, read anew each time. `user`: for basic."""

    secrets: Secrets
    reference: str | None
    name: str = "authorization"
    prefix: str = ""
    user: str | None = None

    def header(self) -> tuple[str, str] | None:
        if self.reference is None:
            return None
        secret = self.secrets.get(self.reference)
        if self.user is not None:
            secret = b64encode(f"{self.user}:{secret}".encode()).decode()
        return self.name, self.prefix + secret

    def expired(self) -> bool:
        return False


class Tokens:
    """Tokens of client credentials, kept until they end."""

    def __init__(self, oauth: OAuth, secrets: Secrets, egress: Egress, timeout_s: float, clock: Clock) -> None:
        self._oauth, self._secrets, self._timeout_s, self._clock = oauth, secrets, timeout_s, clock
        self._egress = egress
        self._token, self._until = "", 0.0

    def header(self) -> tuple[str, str]:
        if not self._token or time.monotonic() >= self._until:
            self._ask()
        return "authorization", f"Bearer {self._token}"

    def expired(self) -> bool:
        had, self._token = bool(self._token), ""
        return had

    def _ask(self) -> None:
        oauth = self._oauth
        form = {"grant_type": "client_credentials", "client_id": oauth.client_id}
        form["client_secret"] = self._secrets.get(oauth.client_secret)
        form |= {name: value for name, value in (("audience", oauth.audience), ("scope", oauth.scope)) if value}
        headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
        answer = _sent(
            self._egress, "POST", oauth.token_url, headers, urlencode(form).encode(), self._timeout_s, MOST_TOKEN_BYTES
        )
        found = _read(answer, urlsplit(oauth.token_url).netloc, self._clock)
        token, lasts_s = found.get("access_token"), found.get("expires_in")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token:
            raise CollectorError(f"{urlsplit(oauth.token_url).netloc} gave no token")
        if not isinstance(lasts_s, int | float) or isinstance(lasts_s, bool):
            lasts_s = 60.0
        self._token = token
        self._until = time.monotonic() + max(0.0, lasts_s - EARLY_S)


class EngineHttp:
    """Asks one engine."""

    def __init__(
        self, url: str, credentials: Credentials, egress: Egress, clock: Clock, *, timeout_s: float, accept: str
    ) -> None:
        self._url, self._credentials, self._egress, self._clock = url, credentials, egress, clock
        self._timeout_s, self._accept = timeout_s, accept
        self.host = urlsplit(url).netloc

    def get(self, path: str, query: Mapping[str, str | int], most_bytes: int) -> tuple[dict[str, Any], bytes] | None:
        """The object that it answers, and as it was written; None where there is nothing (404).

        Raises
        ------
        Busy, Unanswered, TooLarge, Refused, CollectorError
        """
        asked = f"?{urlencode(query)}" if query else ""
        return self._asked("GET", path + asked, b"", most_bytes)

    def post(self, path: str, body: Mapping[str, Any], most_bytes: int) -> tuple[dict[str, Any], bytes] | None:
        """As `get`."""
        return self._asked("POST", path, json.dumps(body).encode(), most_bytes)

    def _asked(self, method: str, path: str, body: bytes, most_bytes: int) -> tuple[dict[str, Any], bytes] | None:
        answer = self._once(method, path, body, most_bytes)
        if answer.status == 401 and self._credentials.expired():
            answer = self._once(method, path, body, most_bytes)
        if answer.status == 404:
            return None
        return _read(answer, self.host, self._clock), answer.body

    def _once(self, method: str, path: str, body: bytes, most_bytes: int) -> Answer:
        headers = {"accept": self._accept}
        if body:
            headers["content-type"] = "application/json"
        if (sent := self._credentials.header()) is not None:
            headers[sent[0]] = sent[1]
        return _sent(self._egress, method, self._url + path, headers, body, self._timeout_s, most_bytes)


def paged(ask: Callable[[str], tuple[list[Any], str]]) -> Any:
    """What all pages hold. `ask`: a page by the mark of the one before, "" first, and the mark that follows, "" after
    the last. A mark that comes again ends it with an error: it would go round for ever."""
    marks: set[str] = set()
    mark = ""
    while True:
        items, mark = ask(mark)
        yield from items
        if not mark:
            return
        if mark in marks:
            raise CollectorError("its pages go round in a circle")
        marks.add(mark)


def _sent(
    egress: Egress, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float, most_bytes: int
) -> Answer:
    try:
        return egress.send(method, url, headers=headers, body=body, timeout_s=timeout_s, most_bytes=most_bytes)
    except EgressError as error:
        raise CollectorError(str(error)) from None
    except ValueError:  # says nothing of what it was: that is a secret
        raise CollectorError(f"the credentials for {urlsplit(url).netloc} hold what no header may hold") from None


def _read(answer: Answer, host: str, clock: Clock) -> dict[str, Any]:
    status = answer.status
    if status in (429, 502, 503, 504):
        after_s = _retry_after_s(answer, clock)
        raise Busy(f"{host} answered {status}" + (f" and asks to wait {after_s:.0f} s" if after_s else ""), after_s)
    if status in (401, 403):
        raise CollectorError(f"{host} does not let us in ({status})")
    if status >= 500:
        raise Unanswered(f"{host} answered {status}")
    if not 200 <= status < 300:
        raise Refused(f"{host} answered {status}")
    if not answer.whole:
        raise TooLarge(f"{host} answered more than is read")
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        raise Unanswered(f"{host} answered {status} and no JSON") from None
    if not isinstance(found, dict):
        raise Unanswered(f"{host} answered {status} and no object")
    return found


def _retry_after_s(answer: Answer, clock: Clock) -> float:
    text = answer.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:12]), LONGEST_WAIT_S)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    aware = at if at.tzinfo is not None else at.replace(tzinfo=timezone.utc)
    return min(max((aware - clock.now()).total_seconds(), 0.0), LONGEST_WAIT_S)
