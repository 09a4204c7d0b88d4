"""The effects over HTTP: every request by the one way out (`kernel.egress`), every outcome from a closed list.

Codes: `http_STATUS`; those of `kernel.errors.EgressError`; `connection_unknown`, `connection_kind`, `secret`,
`path_refused`, `answer_too_large`, `answer_malformed`, and of apprise `not_sent`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timezone
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import msgspec
from pydantic import ValidationError

from kernel.clock import Clock
from kernel.egress import Answer, Egress
from kernel.errors import DefinitionError, EgressError, NotFound, SettingsError
from kernel.secrets import Secrets
from kernel.signatures import signed_headers, signing_key
from orchestration_hooks.apprise_channel import tell
from orchestration_hooks.connections import Apprise, Connection, Connections, Http, Webhook
from orchestration_hooks.effects import Message, Outcome, Result
from orchestration_hooks.envelope import ALERT_TYPE, CONTENT_TYPE, TRIGGER_TYPE, alert_data, envelope
from orchestration_hooks.triggering import Compose, as_given

METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
NOTIFY_S = 20.0
"""How long telling people may take."""
LONGEST_WAIT_S = 86_400.0
"""Of what a service asks us to wait (Retry-After), no more than this is believed."""
_AGAIN = frozenset({408, 425, 429})
_Kind = TypeVar("_Kind", Webhook, Http)


class _NotPossible(Exception):
    """What is asked cannot be done by this connection."""

    def __init__(self, code: str, detail: str) -> None:
        self.outcome = Outcome(Result.FAILED, code, detail)
        super().__init__(detail)


class HttpEffects:
    """`Effects` of one tenant. Threads may share it. `compose` makes the document of what a step asks to be triggered;
    without it the body is that document already."""

    def __init__(
        self,
        tenant: str,
        connections: Connections,
        secrets: Secrets,
        egress: Egress,
        clock: Clock,
        compose: Compose | None = None,
    ) -> None:
        self._compose = compose or as_given
        self._tenant, self._connections, self._secrets = tenant, connections, secrets
        self._egress, self._clock = egress, clock

    def call(
        self, connection: str, method: str, path: str, body: Mapping[str, Any] | None, *, key: str, timeout_s: float
    ) -> Outcome:
        """Ask a service of kind http. `output`: `status` and, when the answer has one, `body`, which is JSON."""
        if method not in METHODS:
            raise ValueError(f"{method} is none of {', '.join(sorted(METHODS))}")

        def asked() -> Outcome:
            service = self._of_kind(connection, Http)
            headers = {"accept": "application/json", service.idempotency_header: key}
            if service.authorization is not None:
                headers[service.authorization.header] = self._secrets.get(service.authorization.value)
            content = b""
            if body is not None:
                headers["content-type"], content = "application/json", msgspec.json.encode(body)
            url = _below(service.url, path)
            answer = self._egress.send(method, url, headers=headers, body=content, timeout_s=timeout_s)
            return self._outcome(answer, output_needed=True)

        return _attempted(asked)

    def trigger(self, connection: str, body: Mapping[str, Any], *, key: str, timeout_s: float) -> Outcome:
        """Send a `gembascope.trigger/v1`, signed, `key` as its id. ValueError for a body that makes none, or one of
        another key: that is a programming mistake. `output`: `status` and, when the answer has one, `body`."""
        try:
            document = self._compose(connection, body, key)
        except ValidationError as error:
            places = ", ".join(".".join(map(str, found["loc"])) for found in error.errors())
            raise ValueError(f"the body is no gembascope.trigger/v1: {places}") from None
        except KeyError as error:
            raise ValueError(f"the body makes no gembascope.trigger/v1: it has no {error}") from None
        if document.idempotency_key != key:
            raise ValueError("the body holds another idempotency key")
        data = document.model_dump(mode="json")
        return self._posted(connection, TRIGGER_TYPE, data, key, timeout_s, time=data["requested_at"])

    def notify(self, channel: str, message: Message, *, key: str) -> Outcome:
        """Tell people by a connection of kind webhook or apprise."""

        def told() -> Outcome:
            found = self._found(channel)
            if isinstance(found, Apprise):
                return tell(found, self._secrets, self._egress, message, timeout_s=NOTIFY_S)
            return self._posted(channel, ALERT_TYPE, alert_data(message), key, NOTIFY_S)

        return _attempted(told)

    def _posted(
        self,
        connection: str,
        event_type: str,
        data: Mapping[str, Any],
        key: str,
        timeout_s: float,
        *,
        time: str | None = None,
    ) -> Outcome:
        def posted() -> Outcome:
            hook = self._of_kind(connection, Webhook)
            keys = [signing_key(self._secrets.get(reference), reference) for reference in hook.secrets]
            body = envelope(self._tenant, event_type, key, data, time=time)
            headers = {"content-type": CONTENT_TYPE, **signed_headers(keys, key, body, self._clock.now())}
            answer = self._egress.send("POST", hook.url, headers=headers, body=body, timeout_s=timeout_s)
            return self._outcome(answer, output_needed=False)

        return _attempted(posted)

    def _found(self, connection: str) -> Connection:
        try:
            return self._connections.get(connection)
        except NotFound as error:
            raise _NotPossible("connection_unknown", str(error)) from None
        except DefinitionError:
            raise _NotPossible(
                "connection_unknown", f"the file of connection {connection!r} has mistakes: gembascope check"
            ) from None

    def _of_kind(self, connection: str, kind: type[_Kind]) -> _Kind:
        found = self._found(connection)
        if not isinstance(found, kind):
            wanted = kind.__name__.lower()
            raise _NotPossible("connection_kind", f"{connection!r} is of kind {found.kind}, and this needs {wanted}")
        return found

    def _outcome(self, answer: Answer, *, output_needed: bool) -> Outcome:
        """What an answer means. Where its body matters to nobody, one that cannot be read is no failure: the deed is
        done."""
        status, code = answer.status, f"http_{answer.status}"
        if status in _AGAIN or status >= 500:
            return Outcome(Result.RETRY, code, f"answered {status}", {"status": status}, self._retry_after_s(answer))
        if not 200 <= status < 300:
            return Outcome(Result.FAILED, code, f"answered {status}", {"status": status})
        if not answer.whole:
            if output_needed:
                return Outcome(Result.FAILED, "answer_too_large", "the answer is larger than is read")
            return Outcome(Result.DONE, code, output={"status": status})
        if not answer.body.strip():
            return Outcome(Result.DONE, code, output={"status": status})
        try:
            return Outcome(Result.DONE, code, output={"status": status, "body": msgspec.json.decode(answer.body)})
        except (msgspec.DecodeError, RecursionError):
            if output_needed:
                return Outcome(Result.FAILED, "answer_malformed", "the answer is no JSON", {"status": status})
            return Outcome(Result.DONE, code, output={"status": status})

    def _retry_after_s(self, answer: Answer) -> float | None:
        """How long the service asks us to wait; None when it says nothing that is understood."""
        text = answer.headers.get("retry-after", "").strip()
        if text.isascii() and text.isdigit():
            return min(float(text[:12]), LONGEST_WAIT_S)
        try:
            at = parsedate_to_datetime(text)
        except ValueError:
            return None
        aware = at if at.tzinfo is not None else at.replace(tzinfo=timezone.utc)
        return min(max((aware - self._clock.now()).total_seconds(), 0.0), LONGEST_WAIT_S)


def _attempted(attempt: Callable[[], Outcome]) -> Outcome:
    try:
        return attempt()
    except _NotPossible as error:
        return error.outcome
    except EgressError as error:
        return Outcome(Result.RETRY if error.retryable else Result.FAILED, error.code, str(error))
    except SettingsError as error:
        return Outcome(Result.FAILED, "secret", str(error))


def _below(base: str, path: str) -> str:
    """The address of a path below `base`, which no path leaves: it may hold what events told."""
    place, _, _ = path.partition("?")
    plain = unquote(unquote(place))  # as a server that decodes twice would read it
    refused = (
        not path.startswith("/")
        or not path.isascii()
        or not path.isprintable()
        or any(character in path for character in ' #\\"<>')
        or "\\" in plain
        or not plain.isprintable()
        or any(part in (".", "..") for part in plain.split("/"))
        or "//" in place
    )
    url = f"{base}{path}"
    if refused or urlsplit(url).netloc != urlsplit(base).netloc:
        raise _NotPossible("path_refused", "a path begins with one /, and holds no .., space, # or control character")
    return url
