"""The people of a tenant: who they are, whether they may sign in, and the passwords that they set themselves.

Nobody sets another's password: who is added, or has forgotten it, gets a token that is used once. A tenant without an
administrator gives out such a token for the first one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, delete, insert, select, text, update

from kernel.access import Grant, Principal, Role
from kernel.audit import chain
from kernel.clock import Clock
from kernel.errors import InputError, NotFound, SignInRefused
from kernel.identity import grants as granted
from kernel.identity.passwords import Passwords
from kernel.identity.tokens import digest, new_id, new_secret
from kernel.state.database import State
from kernel.state.tables import GRANTS, ONE_USE_TOKENS, SESSIONS, USERS

FREE_FAILURES = 5
"""Wrong passwords before the first wait."""
LONGEST_WAIT = timedelta(minutes=15)
TOKEN_LIFE = timedelta(days=3)
FIRST_ADMIN, PASSWORD = "first_admin", "password"
CHAIN = "users"
"""Of the audit. It names people by their id alone: names are personal, and the audit is for ever."""
NOBODY = "gembascope"
"""Who did in the audit what no known person did."""
NAME = re.compile(r"[^\s\x00-\x1f]{1,254}")
REFUSED = "that name and password are not right, or there were too many wrong ones: try again in a while"
USED = "that link was used or is too old; ask for a new one"


@dataclass(frozen=True, slots=True)
class User:
    """One person. `name` is what they sign in with. `invited`: has no password yet."""

    user_id: str
    name: str
    grants: frozenset[Grant]
    created_at: datetime
    disabled_at: datetime | None
    locked_until: datetime | None
    invited: bool

    def principal(self, tenant: str) -> Principal:
        return Principal(tenant, "user", self.user_id, self.name, self.grants)


class Users:
    """The people of one tenant."""

    def __init__(self, state: State, clock: Clock, tenant: str, passwords: Passwords) -> None:
        self._state, self._clock, self._tenant, self._passwords = state, clock, tenant, passwords

    # Who there is ------------------------------------------------------------------------------------------

    def all(self) -> list[User]:
        """Everybody, by name, disabled ones included."""
        with self._state.reading() as connection:
            rows = connection.execute(self._select().order_by(USERS.c.name)).all()
            theirs = granted.of_all(connection, self._tenant, [row.user_id for row in rows])
        return [_user(row, theirs.get(row.user_id, frozenset())) for row in rows]

    def get(self, name: str) -> User:
        """One person; `NotFound` when nobody has that name."""
        with self._state.reading() as connection:
            row = self._named(connection, name)
            return _user(row, granted.of(connection, self._tenant, row.user_id))

    # Changing them -----------------------------------------------------------------------------------------

    def add(self, name: str, grants: Iterable[Grant], *, by: str) -> tuple[User, str]:
        """A new person, and the token with which they set their password.

        Raises
        ------
        InputError
            The name is none, or there are no grants.
        StateConflict
            Somebody has that name.
        """
        name, grants = _name(name), frozenset(grants)
        with self._state.writing() as connection:
            user_id = self._insert(connection, name, None)
            granted.replace(connection, self._tenant, user_id, grants, by=by, at=self._clock.now())
            token = self._token(connection, PASSWORD, user_id)
            self._record(connection, "user_added", by, user_id, grants=granted.references(grants))
        return self.get(name), token

    def set_grants(self, name: str, grants: Iterable[Grant], *, by: str) -> User:
        """Give a person exactly these grants; they count from the next request on.

        Raises
        ------
        InputError
            There are none, or nobody would administer the tenant any more.
        """
        grants = frozenset(grants)
        with self._changing() as connection:
            row, administered = self._named(connection, name), self._has_admin(connection)
            granted.replace(connection, self._tenant, row.user_id, grants, by=by, at=self._clock.now())
            self._keep_admin(connection, administered)
            self._record(connection, "grants_changed", by, row.user_id, grants=granted.references(grants))
        return self.get(name)

    def set_disabled(self, name: str, disabled: bool, *, by: str) -> User:
        """Let a person in no more, ending their sessions, or again. `InputError` as for `set_grants`."""
        with self._changing() as connection:
            row, administered = self._named(connection, name), self._has_admin(connection)
            at = self._clock.now() if disabled else None
            connection.execute(update(USERS).where(self._is(row.user_id)).values(disabled_at=at))
            if disabled:
                self._end_sessions(connection, row.user_id)
            self._keep_admin(connection, administered)
            self._record(connection, "user_disabled" if disabled else "user_enabled", by, row.user_id)
        return self.get(name)

    def forget_password(self, name: str, *, by: str) -> str:
        """A token with which a person sets a new password. The old one keeps working until then."""
        with self._state.writing() as connection:
            user_id = self._named(connection, name).user_id
            token = self._token(connection, PASSWORD, user_id)
            self._record(connection, "password_link_issued", by, user_id)
        return token

    def first_admin_token(self) -> str | None:
        """A token for the first administrator, in place of any before; None when the tenant has an administrator."""
        with self._changing() as connection:
            if self._has_admin(connection):
                return None
            token = self._token(connection, FIRST_ADMIN, None)
            self._record(connection, "first_administrator_link_issued", NOBODY, None)
        return token

    def administered(self) -> bool:
        """Whether somebody who may sign in administers the whole tenant."""
        with self._state.reading() as connection:
            return self._has_admin(connection)

    # Coming in ---------------------------------------------------------------------------------------------

    def redeem(self, token: str, password: str, *, name: str = "") -> User:
        """Set a password with a token, as whoever it was given to; the first administrator chooses the `name`.

        All sessions of the person end.

        Raises
        ------
        SignInRefused
            The token is unknown, used or too old, or the tenant has an administrator meanwhile.
        InputError
            The password is not good enough, or the name is none; the token can be used again.
        """
        now = self._clock.now()
        with self._state.reading() as connection:
            found = connection.execute(self._usable(token, now)).first()
            if found is None:
                raise SignInRefused(USED)
            known = connection.execute(self._select().where(USERS.c.user_id == found.user_id)).first()
        name = _name(name) if found.user_id is None else str(known.name) if known is not None else ""
        kept = self._passwords.hash(password, name=name)
        with self._changing() as connection:
            used = update(ONE_USE_TOKENS).where(self._usable_now(token, now)).values(used_at=now)
            if connection.execute(used.returning(ONE_USE_TOKENS.c.token_hash)).first() is None:
                raise SignInRefused(USED)
            if found.purpose == FIRST_ADMIN:
                if self._has_admin(connection):
                    raise SignInRefused(USED)
                user_id = self._insert(connection, name, kept)
                everything = [Grant(role) for role in (Role.ADMIN, Role.OPERATOR)]
                granted.replace(connection, self._tenant, user_id, everything, by=user_id, at=now)
                given = granted.references(everything)
                self._record(connection, "first_administrator_made", user_id, user_id, grants=given)
            else:
                fresh = {"password_hash": kept, "failures": 0, "locked_until": None}
                connection.execute(update(USERS).where(self._is(found.user_id)).values(**fresh))
                self._end_sessions(connection, found.user_id)
                self._record(connection, "password_set", found.user_id, found.user_id)
        return self.get(name)

    def sign_in(self, name: str, password: str) -> User:
        """The person with this name and password.

        A try is counted before it is judged, so that many at once are no more tries than one after the other. After
        five wrong ones each costs a wait, of a minute at first and then twice as long, up to fifteen. The audit has
        each of these waits, and that the right password ended one. What is tried during a wait is not judged, not
        counted and not in the audit, which strangers could flood otherwise.

        Raises
        ------
        SignInRefused
            The same words whatever was wrong.
        """
        now = self._clock.now()
        with self._state.writing() as connection:
            row = connection.execute(self._of_name(name).with_for_update()).first()
            locked_until: datetime | None = None
            known = row is not None and row.disabled_at is None and row.password_hash is not None
            waiting = row is not None and row.locked_until is not None and row.locked_until > now
            if row is not None and known and not waiting:
                failures = row.failures + 1
                wait = timedelta(minutes=2 ** max(min(failures - FREE_FAILURES, 10), 0))
                locked_until = now + min(wait, LONGEST_WAIT) if failures >= FREE_FAILURES else None
                counted = {"failures": failures, "locked_until": locked_until}
                connection.execute(update(USERS).where(self._is(row.user_id)).values(**counted))
                if locked_until is not None:
                    until = locked_until.isoformat()
                    self._record(connection, "user_locked_out", NOBODY, row.user_id, failures=failures, until=until)
        kept = row.password_hash if row is not None and known and not waiting else None
        if not self._passwords.right(password, kept) or row is None or kept is None:
            raise SignInRefused(REFUSED)
        fresh: dict[str, Any] = {"failures": 0, "locked_until": None}
        if self._passwords.outdated(kept):
            fresh["password_hash"] = self._passwords.again(password)
        with self._state.writing() as connection:
            same = and_(self._is(row.user_id), USERS.c.password_hash == kept, USERS.c.disabled_at.is_(None))
            updated = connection.execute(update(USERS).where(same).values(**fresh).returning(USERS.c.user_id))
            if updated.first() is None:  # changed or disabled while it was judged
                raise SignInRefused(REFUSED)
            if locked_until is not None:  # by this try, before it was judged
                self._record(connection, "user_let_in_again", row.user_id, row.user_id)
        return self.get(row.name)

    # What they share ---------------------------------------------------------------------------------------

    def _select(self) -> Select[Any]:
        return select(USERS).where(USERS.c.tenant == self._tenant)

    @contextmanager
    def _changing(self) -> Iterator[Connection]:
        """A transaction that decides by who administers the tenant: one at a time, on PostgreSQL too."""
        with self._state.writing() as connection:
            if not self._state.is_sqlite:
                key = {"key": f"gembascope users of {self._tenant}"}
                connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), key)
            yield connection

    def _record(self, connection: Connection, kind: str, by: str, user_id: str | None, **body: Any) -> None:
        """Into the audit; last in a transaction (`kernel.audit.chain.append`)."""
        about = body if user_id is None else {"user_id": user_id, **body}
        now = self._clock.now()
        chain.append(connection, self._tenant, CHAIN, kind=kind, actor=by, body=about, at=now)

    def _of_name(self, name: str) -> Select[Any]:
        """Whoever signs in so. What cannot be a name is nobody's: PostgreSQL refuses to compare some of it."""
        name = name.strip().lower()
        return self._select().where(USERS.c.name == (name if NAME.fullmatch(name) else ""))

    def _is(self, user_id: str) -> Any:
        return and_(USERS.c.tenant == self._tenant, USERS.c.user_id == user_id)

    def _named(self, connection: Connection, name: str) -> Row[Any]:
        row = connection.execute(self._of_name(name)).first()
        if row is None:
            raise NotFound(f"nobody signs in as {name[:80]!r} here")
        return row

    def _insert(self, connection: Connection, name: str, password_hash: str | None) -> str:
        row = {
            "tenant": self._tenant,
            "user_id": new_id(),
            "name": name,
            "password_hash": password_hash,
            "failures": 0,
            "created_at": self._clock.now(),
        }
        connection.execute(insert(USERS).values(**row))
        return str(row["user_id"])

    def _token(self, connection: Connection, purpose: str, user_id: str | None) -> str:
        """A new token in place of the unused ones of the same purpose and person."""
        token, now, of = new_secret(), self._clock.now(), ONE_USE_TOKENS.c
        whose = of.user_id.is_(None) if user_id is None else of.user_id == user_id
        older = (of.tenant == self._tenant, of.purpose == purpose, whose, of.used_at.is_(None))
        connection.execute(delete(ONE_USE_TOKENS).where(*older))
        row = {"tenant": self._tenant, "token_hash": digest(token), "purpose": purpose, "user_id": user_id}
        connection.execute(insert(ONE_USE_TOKENS).values(**row, created_at=now, expires_at=now + TOKEN_LIFE))
        return token

    def _usable_now(self, token: str, now: datetime) -> Any:
        of = ONE_USE_TOKENS.c
        return and_(
            of.tenant == self._tenant, of.token_hash == digest(token), of.used_at.is_(None), of.expires_at > now
        )

    def _usable(self, token: str, now: datetime) -> Select[Any]:
        return select(ONE_USE_TOKENS).where(self._usable_now(token, now))

    def _end_sessions(self, connection: Connection, user_id: str) -> None:
        connection.execute(delete(SESSIONS).where(SESSIONS.c.tenant == self._tenant, SESSIONS.c.user_id == user_id))

    def _has_admin(self, connection: Connection) -> bool:
        theirs = and_(GRANTS.c.tenant == USERS.c.tenant, GRANTS.c.holder_id == USERS.c.user_id)
        whole = (GRANTS.c.role == Role.ADMIN.value, GRANTS.c.process == "", GRANTS.c.store == "")
        able = (USERS.c.disabled_at.is_(None), USERS.c.password_hash.is_not(None))
        asked = select(USERS.c.user_id).join(GRANTS, theirs).where(USERS.c.tenant == self._tenant, *whole, *able)
        return connection.execute(asked.limit(1)).first() is not None

    def _keep_admin(self, connection: Connection, administered: bool) -> None:
        if administered and not self._has_admin(connection):
            raise InputError("nobody would administer this tenant any more: make somebody else an administrator first")


def called(state: State, tenant: str, user_id: str) -> str:
    """The name of a person by their id; the id where it is nobody's."""
    asked = select(USERS.c.name).where(USERS.c.tenant == tenant, USERS.c.user_id == user_id)
    with state.reading() as connection:
        return connection.execute(asked).scalar() or user_id


def _name(name: str) -> str:
    name = name.strip().lower()
    if not NAME.fullmatch(name):
        raise InputError(
            "a name to sign in with has 1 to 254 characters and no blanks; an e-mail address is a good one"
        )
    return name


def _user(row: Row[Any], grants: frozenset[Grant]) -> User:
    return User(
        row.user_id, row.name, grants, row.created_at, row.disabled_at, row.locked_until, row.password_hash is None
    )
