"""Where people are signed in. The browser holds a random secret, the database what checks it."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import and_, delete, insert, or_, select, update

from kernel.access import Principal
from kernel.clock import Clock
from kernel.identity import grants as granted
from kernel.identity.tokens import digest, new_secret
from kernel.state.database import State
from kernel.state.tables import SESSIONS, USERS

IDLE = timedelta(minutes=30)
LONGEST = timedelta(hours=12)
NOTED_EVERY = timedelta(minutes=1)
"""How exactly it is known when a session was last used: writing it down at each request would be dear."""


class Sessions:
    """The sessions of one tenant."""

    def __init__(self, state: State, clock: Clock, tenant: str) -> None:
        self._state, self._clock, self._tenant = state, clock, tenant

    def open(self, user_id: str) -> str:
        """Sign a person in; what their browser is to hold. Sessions that ended long ago are forgotten."""
        secret, now = new_secret(), self._clock.now()
        with self._state.writing() as connection:
            ended = or_(SESSIONS.c.opened_at < now - LONGEST, SESSIONS.c.seen_at < now - IDLE)
            connection.execute(delete(SESSIONS).where(SESSIONS.c.tenant == self._tenant, ended))
            row = {"tenant": self._tenant, "session_hash": digest(secret), "user_id": user_id}
            connection.execute(insert(SESSIONS).values(**row, opened_at=now, seen_at=now))
        return secret

    def principal(self, secret: str) -> Principal | None:
        """Who holds this secret, with the grants that they have now; None when it is unknown, was ended, was not used
        for half an hour, or is twelve hours old."""
        now, kept = self._clock.now(), digest(secret)
        here = and_(SESSIONS.c.tenant == self._tenant, SESSIONS.c.session_hash == kept)
        theirs = and_(USERS.c.tenant == SESSIONS.c.tenant, USERS.c.user_id == SESSIONS.c.user_id)
        open_ = (SESSIONS.c.opened_at >= now - LONGEST, SESSIONS.c.seen_at >= now - IDLE, USERS.c.disabled_at.is_(None))
        with self._state.reading() as connection:
            asked = select(USERS.c.user_id, USERS.c.name, SESSIONS.c.seen_at).join(USERS, theirs).where(here, *open_)
            row = connection.execute(asked).first()
            if row is None:
                return None
            grants = granted.of(connection, self._tenant, row.user_id)
        if now - row.seen_at >= NOTED_EVERY:
            with self._state.writing() as connection:
                connection.execute(update(SESSIONS).where(here).values(seen_at=now))
        return Principal(self._tenant, "user", row.user_id, row.name, grants)

    def close(self, secret: str) -> None:
        """Sign out; an unknown secret is no error."""
        with self._state.writing() as connection:
            here = (SESSIONS.c.tenant == self._tenant, SESSIONS.c.session_hash == digest(secret))
            connection.execute(delete(SESSIONS).where(*here))
