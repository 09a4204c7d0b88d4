"""Keys of programs: shown once, checked by a MAC, bound to grants, and good for a limited time."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, insert, or_, select, update

from kernel.access import Grant, Principal
from kernel.audit import chain
from kernel.clock import Clock
from kernel.errors import InputError, NotFound
from kernel.identity import grants as granted
from kernel.identity.tokens import mac, new_id, new_secret, same
from kernel.state.database import State
from kernel.state.tables import API_KEYS

PREFIX = "gbs"
"""What secret scanners look for."""
KEY = re.compile(rf"{PREFIX}_([0-9a-f]{{32}})_([A-Za-z0-9_-]{{43}})")
CHAIN = "keys"
"""Of the audit. It names keys by their id alone: people write what they like into names, and the audit is for ever."""
LONGEST = timedelta(days=366)
NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key, without what it consists of."""

    key_id: str
    name: str
    grants: frozenset[Grant]
    created_by: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None


class ApiKeys:
    """The keys of one tenant. `pepper`: see `kernel.identity.tokens.pepper`."""

    def __init__(self, state: State, clock: Clock, tenant: str, pepper: bytes) -> None:
        self._state, self._clock, self._tenant, self._pepper = state, clock, tenant, pepper

    def create(self, name: str, grants: Iterable[Grant], *, life: timedelta, by: str) -> tuple[ApiKey, str]:
        """A new key, and its text: the only time that it is known.

        Raises
        ------
        InputError
            There is no name or no grant, or the key would live longer than a year.
        """
        name = name.strip()
        if not 0 < len(name) <= 128:
            raise InputError("a key has a name of 1 to 128 characters that says what it is for")
        if not timedelta(0) < life <= LONGEST:
            raise InputError(f"a key is good for at most {LONGEST.days} days; make a new one before it ends")
        key_id, secret, now, grants = new_id(), new_secret(), self._clock.now(), frozenset(grants)
        row: dict[str, Any] = {
            "tenant": self._tenant,
            "key_id": key_id,
            "name": name,
            "secret_mac": mac(self._pepper, secret),
            "created_by": by,
            "created_at": now,
            "expires_at": now + life,
        }
        with self._state.writing() as connection:
            connection.execute(insert(API_KEYS).values(**row))
            granted.replace(connection, self._tenant, key_id, grants, by=by, at=now)
            about = {"grants": granted.references(grants), "expires_at": row["expires_at"].isoformat()}
            self._record(connection, "key_created", by, key_id, now, **about)
        return self.get(key_id), f"{PREFIX}_{key_id}_{secret}"

    def principal(self, text: str) -> Principal | None:
        """Whose key this is, with the grants that it has now; None when it is unknown, revoked or too old."""
        found = KEY.fullmatch(text)
        if found is None:
            return None
        key_id, secret = found.groups()
        now = self._clock.now()
        with self._state.reading() as connection:
            row = connection.execute(select(API_KEYS).where(self._is(key_id))).first()
            if row is None or not same(row.secret_mac, mac(self._pepper, secret)):
                return None
            if row.revoked_at is not None or row.expires_at <= now:
                return None
            grants = granted.of(connection, self._tenant, key_id)
        if row.used_at is None or now - row.used_at >= NOTED_EVERY:
            with self._state.writing() as connection:
                older = or_(API_KEYS.c.used_at.is_(None), API_KEYS.c.used_at < now)
                connection.execute(update(API_KEYS).where(self._is(key_id), older).values(used_at=now))
        return Principal(self._tenant, "key", key_id, row.name, grants)

    def revoke(self, key_id: str, *, by: str) -> ApiKey:
        """Refuse the key from now on; again is no error. `NotFound` when there is none of that id."""
        with self._state.writing() as connection:
            now = self._clock.now()
            valid = (self._is(key_id), API_KEYS.c.revoked_at.is_(None))
            if connection.execute(update(API_KEYS).where(*valid).values(revoked_at=now)).rowcount:
                self._record(connection, "key_revoked", by, key_id, now)
        return self.get(key_id)

    def get(self, key_id: str) -> ApiKey:
        """One key; `NotFound` when there is none of that id."""
        found = [key for key in self.all() if key.key_id == key_id]
        if not found:
            raise NotFound(f"there is no key {key_id[:40]!r}")
        return found[0]

    def all(self) -> list[ApiKey]:
        """Every key, the newest first, expired and revoked ones included."""
        with self._state.reading() as connection:
            asked = select(API_KEYS).where(API_KEYS.c.tenant == self._tenant)
            rows = connection.execute(asked.order_by(API_KEYS.c.created_at.desc(), API_KEYS.c.key_id)).all()
            theirs = granted.of_all(connection, self._tenant, [row.key_id for row in rows])
        return [_key(row, theirs.get(row.key_id, frozenset())) for row in rows]

    def _record(self, connection: Connection, kind: str, by: str, key_id: str, at: datetime, **body: Any) -> None:
        """Into the audit; last in a transaction (`kernel.audit.chain.append`)."""
        about = {"key_id": key_id, **body}
        chain.append(connection, self._tenant, CHAIN, kind=kind, actor=by, body=about, at=at)

    def _is(self, key_id: str) -> Any:
        return and_(API_KEYS.c.tenant == self._tenant, API_KEYS.c.key_id == key_id)


def _key(row: Any, grants: frozenset[Grant]) -> ApiKey:
    return ApiKey(
        row.key_id,
        row.name,
        grants,
        row.created_by,
        row.created_at,
        row.expires_at,
        row.used_at,
        row.revoked_at,
    )
