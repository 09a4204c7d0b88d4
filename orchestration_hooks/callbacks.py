"""What external engines send back: signed, in time, once, and bound to the step that waits for it.

The address holds a token that this service made: tenant, run, step, visit, connection and end, with a MAC. Whoever
changes a part of it, or is of another tenant, is told that there is nothing. The body is signed with the secret of the
connection (Standard Webhooks), so the token alone opens nothing. The id of each message is kept for a week, far longer
than its signature is good for; an id is only noted as taken after the run has taken it, so a process that dies between
leaves a message that may come again, which the run knows by its key.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import msgspec
from pydantic import ValidationError
from sqlalchemy import and_, select
from sqlalchemy.dialects import postgresql, sqlite

from kernel.clock import Clock
from kernel.errors import DefinitionError, InputError, NotFound, SettingsError, StateConflict, StateUnavailable
from kernel.secrets import Secrets
from kernel.signatures import signing_key, verified_id
from kernel.state.database import State
from kernel.state.tables.outbox import RECEIVED_CALLBACKS
from orchestration_hooks.connections import Connections, Webhook
from orchestration_hooks.trigger import Callback

KEPT = timedelta(days=7)
PURPOSE = b"gembascope callback v1\n"
LONGEST_TOKEN = 2000

log = logging.getLogger("gembascope.callbacks")

Signal = Callable[[str, str, int, str, Mapping[str, Any]], None]
"""Gives a run what came for one of its steps: run id, step id, visit, key (the same key is the same thing), body.
`NotFound` when there is no such run or it does not wait there."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a token binds a callback to."""

    tenant: str
    run_id: str
    step_id: str
    visit: int
    connection: str
    expires_at: datetime


class Tokens:
    """Makes and reads the tokens of callbacks; `pepper`: the key of this installation."""

    def __init__(self, pepper: bytes) -> None:
        self._key = hmac.digest(pepper, PURPOSE, hashlib.sha256)  # of no use for anything else

    def make(self, waiting: Waiting) -> str:
        """The token, which fits into a URL. The same for the same: a trigger that is sent again is the same bytes."""
        content = msgspec.json.encode(
            [
                waiting.tenant,
                waiting.run_id,
                waiting.step_id,
                waiting.visit,
                waiting.connection,
                int(waiting.expires_at.timestamp()),
            ]
        )
        return f"{_text(content)}.{_text(self._mac(content))}"

    def read(self, token: str) -> Waiting | None:
        """What the token binds to; None when this installation did not make it."""
        first, _, second = token.partition(".")
        content, mac = _bytes(first), _bytes(second)
        if len(token) > LONGEST_TOKEN or content is None or mac is None:
            return None
        if not hmac.compare_digest(mac, self._mac(content)):
            return None
        tenant, run_id, step_id, visit, connection, seconds = msgspec.json.decode(content)
        expires_at = datetime.fromtimestamp(seconds, tz=timezone.utc)
        return Waiting(tenant, run_id, step_id, visit, connection, expires_at)

    def _mac(self, content: bytes) -> bytes:
        return hmac.digest(self._key, content, hashlib.sha256)


class Callbacks:
    """Takes the callbacks of one tenant."""

    def __init__(
        self,
        state: State,
        tenant: str,
        tokens: Tokens,
        connections: Connections,
        secrets: Secrets,
        clock: Clock,
        signal: Signal,
        machine_clock: Clock | None = None,
    ) -> None:
        """`clock` is that of business, on which steps wait; `machine_clock` that of who signs, the same by default."""
        self._machine_clock = machine_clock or clock
        self._state, self._tenant, self._tokens = state, tenant, tokens
        self._connections, self._secrets, self._clock, self._signal = connections, secrets, clock, signal

    def take(self, token: str, headers: Mapping[str, str], body: bytes) -> None:
        """Give the run what came. Header names are in lower case.

        Raises
        ------
        NotFound
            No step waits behind this token: it is none, of another tenant, over, or its run is.
        SignInRefused
            The body is not signed as the connection signs, or was too long ago.
        StateUnavailable
            The secret of the connection is not there now.
        StateConflict
            It was received and taken before.
        InputError
            It is no gembascope.callback/v1.
        """
        now = self._clock.now()
        waiting = self._tokens.read(token)
        if waiting is None or waiting.tenant != self._tenant or waiting.expires_at <= now:
            raise _nothing()
        now = self._machine_clock.now()
        message_id = verified_id(self._keys(waiting.connection), headers, body, now)
        content = _content(body)
        self._received(waiting.connection, message_id, now)
        key = f"{waiting.connection}:{message_id}"
        self._signal(waiting.run_id, waiting.step_id, waiting.visit, key, content)
        self._taken(waiting.connection, message_id, now)

    def _keys(self, connection: str) -> list[bytes]:
        """The secrets of the connection, as keys. What is wrong with it is for the log, and not for who sends."""
        try:
            hook = self._connections.get(connection)
            if not isinstance(hook, Webhook):
                raise _nothing()
            return [signing_key(self._secrets.get(reference), reference) for reference in hook.secrets]
        except NotFound:
            raise _nothing() from None
        except (DefinitionError, SettingsError) as error:
            log.error("callbacks of connection %s cannot be verified: %s", connection, error)
            raise StateUnavailable("callbacks of this connection cannot be verified now; send it again later") from None

    def _received(self, connection_id: str, message_id: str, now: datetime) -> None:
        """Note the id; `StateConflict` when what it names was taken before. Forgets what is too old to come again."""
        table = RECEIVED_CALLBACKS
        with self._state.writing() as connection:
            connection.execute(table.delete().where(table.c.tenant == self._tenant, table.c.received_at < now - KEPT))
            insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
            values = {"tenant": self._tenant, "connection": connection_id, "message_id": message_id}
            connection.execute(insert(table).values(**values, received_at=now).on_conflict_do_nothing())
            taken = select(table.c.taken_at).where(self._named(connection_id, message_id))
            if connection.execute(taken).scalar_one() is not None:
                raise StateConflict("this message was received before; nothing was done again")

    def _taken(self, connection_id: str, message_id: str, now: datetime) -> None:
        with self._state.writing() as connection:
            named = self._named(connection_id, message_id)
            connection.execute(RECEIVED_CALLBACKS.update().where(named).values(taken_at=now))

    def _named(self, connection_id: str, message_id: str) -> Any:
        table = RECEIVED_CALLBACKS
        return and_(
            table.c.tenant == self._tenant, table.c.connection == connection_id, table.c.message_id == message_id
        )


def callback_url(public_url: str, token: str) -> str:
    """Where the callback goes."""
    return f"{public_url}/api/v1/callbacks/{token}"


def _content(body: bytes) -> Mapping[str, Any]:
    """What came, checked. The message names the fields and repeats no value."""
    try:
        decoded = msgspec.json.decode(body)  # which takes no NaN and no half of a surrogate pair
        return Callback.model_validate(decoded).model_dump(mode="json")
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise InputError("the body is no JSON") from None
    except ValidationError as error:
        found = [f"{'.'.join(map(str, one['loc'])) or 'the body'}: {one['msg']}" for one in error.errors()[:10]]
        raise InputError(f"the body is no gembascope.callback/v1: {'; '.join(found)}") from None


def _nothing() -> NotFound:
    return NotFound("there is no such callback")


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _bytes(text: str) -> bytes | None:
    """The bytes of a part of a token; None unless it is written as we write it."""
    try:
        found = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return None
    return found if _text(found) == text else None
