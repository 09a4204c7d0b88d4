"""The outbox: what is to be told is written down with what it is about, in one transaction, and delivered afterwards.

A deliverer claims one message at a time with a lease, sends it outside of any transaction and marks it. Whoever dies
between sending and marking leaves a message that is sent once more under the same key when the lease is over: at least
once, and a receiver that keeps keys does it once. Messages of one stream to one destination go in order: the next waits
until the one before is delivered or dead.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, and_, exists, func, or_, select

from kernel.audit.chain import append
from kernel.clock import Clock
from kernel.errors import NotFound
from kernel.state.database import State
from kernel.state.tables.outbox import OUTBOX
from orchestration_hooks.effects import Effects, Message, Outcome, Result

LEASE = timedelta(seconds=90)
"""Longer than an attempt may take."""
AUDIT_CHAIN = "outbox"


@dataclass(frozen=True, slots=True)
class Plan:
    """When it is tried again, and how often at all: waits that grow by `factor`, each spread over its second half."""

    attempts: int = 12
    first_s: float = 5.0
    factor: float = 3.0
    most_s: float = 4 * 3600.0

    def wait_s(self, dedup_key: str, attempt: int, retry_after_s: float | None) -> float:
        """How long to wait after the attempt (1, 2, …): the same for the same message and attempt."""
        whole = min(self.first_s * self.factor ** (attempt - 1), self.most_s)
        spread = random.Random(f"{dedup_key}:{attempt}").uniform(0.5, 1.0)
        return max(whole * spread, retry_after_s or 0.0)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message as its deliverer has it. `attempts`: with this one."""

    dedup_key: str
    destination: str
    stream: str
    number: int
    body: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Dead:
    """A message that is not tried any more, and why. `incident_id`: what it is about, the worst of so many `incidents`;
    "" and 0 where it is about none."""

    dedup_key: str
    destination: str
    incident_id: str
    incidents: int
    attempts: int
    created_at: datetime
    dead_at: datetime
    code: str
    detail: str


Sender = Callable[[Outgoing], Outcome]


def enqueue(
    connection: Connection,
    tenant: str,
    *,
    dedup_key: str,
    destination: str,
    stream: str,
    body: str,
    at: datetime,
    incident_id: str = "",
    incidents: int = 0,
) -> bool:
    """Write a message down within the transaction of what it is about; False when its key is there already.

    `incident_id` and `incidents`: as in `Dead`.
    Whoever enqueues has locked what the stream is about: two who add to one at once get `StateConflict`.
    """
    there = select(OUTBOX.c.dedup_key).where(OUTBOX.c.tenant == tenant, OUTBOX.c.dedup_key == dedup_key)
    if connection.execute(there).one_or_none() is not None:
        return False
    of_stream = and_(OUTBOX.c.tenant == tenant, OUTBOX.c.destination == destination, OUTBOX.c.stream == stream)
    last = connection.execute(select(func.max(OUTBOX.c.number)).where(of_stream)).scalar_one()
    connection.execute(
        OUTBOX.insert().values(
            tenant=tenant,
            dedup_key=dedup_key,
            destination=destination,
            stream=stream,
            number=(last or 0) + 1,
            body=body,
            incident_id=incident_id,
            incidents=incidents,
            created_at=at,
            attempts=0,
            next_at=at,
            last_code="",
            last_detail="",
        )
    )
    return True


def message_body(message: Message) -> str:
    """A message as it is written down."""
    return msgspec.json.encode(asdict(message), order="sorted").decode()


def by_effects(effects: Effects) -> Sender:
    """Sends what `message_body` wrote, under its key."""

    def send(outgoing: Outgoing) -> Outcome:
        message = Message(**msgspec.json.decode(outgoing.body))
        return effects.notify(outgoing.destination, message, key=outgoing.dedup_key)

    return send


class Deliverer:
    """Delivers the messages of a tenant. There may be any number, in any number of processes."""

    def __init__(
        self,
        state: State,
        tenant: str,
        send: Sender,
        clock: Clock,
        *,
        name: str,
        plan: Plan | None = None,
        lease: timedelta = LEASE,
    ) -> None:
        self._state, self._tenant, self._send, self._clock = state, tenant, send, clock
        self._name, self._plan, self._lease = name, plan or Plan(), lease

    def deliver_due(self, *, most: int = 1000) -> int:
        """Try what is due, one after the other; how many were tried."""
        for tried in range(most):
            outgoing = self.claim()
            if outgoing is None:
                return tried
            self.mark(outgoing, self._send(outgoing))
        return most

    def claim(self) -> Outgoing | None:
        """The next message that is due, leased to this deliverer; None when there is none."""
        now = self._clock.now()
        earlier = OUTBOX.alias("earlier")
        one_before = exists().where(
            earlier.c.tenant == OUTBOX.c.tenant,
            earlier.c.destination == OUTBOX.c.destination,
            earlier.c.stream == OUTBOX.c.stream,
            earlier.c.number < OUTBOX.c.number,
            earlier.c.next_at.is_not(None),
        )
        due = (
            select(OUTBOX)
            .where(
                OUTBOX.c.tenant == self._tenant,
                OUTBOX.c.next_at <= now,
                or_(OUTBOX.c.lease_until.is_(None), OUTBOX.c.lease_until <= now),
                ~one_before,
            )
            .order_by(OUTBOX.c.next_at, OUTBOX.c.dedup_key)
            .limit(1)
        )
        with self._state.reading() as connection:  # who only looks keeps nobody from writing
            if connection.execute(due).one_or_none() is None:
                return None
        free = due.with_for_update(skip_locked=True, of=OUTBOX)
        with self._state.writing() as connection:
            while (found := connection.execute(free).mappings().one_or_none()) is not None:
                mine = and_(OUTBOX.c.tenant == self._tenant, OUTBOX.c.dedup_key == found["dedup_key"])
                if found["attempts"] >= self._plan.attempts:  # those who tried last died of it, or it seems so
                    values = self._dead(now, "abandoned", "no attempt came to an end")
                    connection.execute(OUTBOX.update().where(mine).values(**values))
                    continue
                values = {
                    "attempts": found["attempts"] + 1,
                    "lease_owner": self._name,
                    "lease_until": now + self._lease,
                }
                connection.execute(OUTBOX.update().where(mine).values(**values))
                return _outgoing(found)
        return None

    def mark(self, outgoing: Outgoing, outcome: Outcome) -> bool:
        """Record what became of it; False when the lease was over and another has tried since."""
        now = self._clock.now()
        values: dict[str, object] = {
            "lease_owner": None,
            "lease_until": None,
            "last_code": outcome.code[:64],
            "last_detail": outcome.detail[:1000],
        }
        if outcome.result is Result.DONE:
            values |= {"delivered_at": now, "next_at": None}
        elif outcome.result is Result.FAILED or outgoing.attempts >= self._plan.attempts:
            values |= self._dead(now, outcome.code, outcome.detail)
        else:
            wait_s = self._plan.wait_s(outgoing.dedup_key, outgoing.attempts, outcome.retry_after_s)
            values |= {"next_at": now + timedelta(seconds=wait_s)}
        held = and_(
            OUTBOX.c.tenant == self._tenant,
            OUTBOX.c.dedup_key == outgoing.dedup_key,
            OUTBOX.c.lease_owner == self._name,
            OUTBOX.c.attempts == outgoing.attempts,  # which each claim raises: no older attempt marks a newer one
            OUTBOX.c.next_at.is_not(None),
        )
        with self._state.writing() as connection:
            marked = connection.execute(OUTBOX.update().where(held).values(**values).returning(OUTBOX.c.dedup_key))
            return marked.one_or_none() is not None

    def _dead(self, now: datetime, code: str, detail: str) -> dict[str, object]:
        return {
            "dead_at": now,
            "next_at": None,
            "lease_owner": None,
            "lease_until": None,
            "last_code": code[:64],
            "last_detail": detail[:1000],
        }


def dead_letters(connection: Connection, tenant: str, *, limit: int = 100) -> list[Dead]:
    """The messages that are not tried any more, the newest first."""
    found = (
        select(OUTBOX)
        .where(OUTBOX.c.tenant == tenant, OUTBOX.c.dead_at.is_not(None))
        .order_by(OUTBOX.c.dead_at.desc(), OUTBOX.c.dedup_key)
        .limit(limit)
    )
    return [
        Dead(
            row["dedup_key"],
            row["destination"],
            row["incident_id"],
            row["incidents"],
            row["attempts"],
            row["created_at"],
            row["dead_at"],
            row["last_code"],
            row["last_detail"],
        )
        for row in connection.execute(found).mappings()
    ]


def dead_count(connection: Connection, tenant: str) -> int:
    """How many messages are not tried any more."""
    dead = select(func.count()).select_from(OUTBOX).where(OUTBOX.c.tenant == tenant, OUTBOX.c.dead_at.is_not(None))
    return int(connection.execute(dead).scalar_one())


def requeue(connection: Connection, tenant: str, dedup_key: str, *, by: str, at: datetime) -> None:
    """Try a dead message again, from `at` on and under its key. Its attempts are counted from the first again, so that
    it is tried as often as a new one; the audit says who wanted it, and how many there were before.

    What came after it in its stream may be delivered already: then it comes late. What was not delivered yet waits for
    it.

    Raises
    ------
    NotFound
        There is no dead message of that key.
    """
    dead = and_(OUTBOX.c.tenant == tenant, OUTBOX.c.dedup_key == dedup_key, OUTBOX.c.dead_at.is_not(None))
    values = {"dead_at": None, "next_at": at, "attempts": 0}
    row = connection.execute(select(OUTBOX).where(dead).with_for_update()).mappings().one_or_none()
    if row is None:
        raise _not_dead(dedup_key)
    connection.execute(OUTBOX.update().where(dead).values(**values))
    append(connection, tenant, AUDIT_CHAIN, kind="message_requeued", actor=by, body=_audited(row), at=at)


def discard(connection: Connection, tenant: str, dedup_key: str, *, by: str, reason: str, at: datetime) -> None:
    """Remove a dead message: nobody will be told of it. The audit keeps what it was about, who gave it up and why.

    Raises
    ------
    NotFound
        There is no dead message of that key.
    """
    dead = and_(OUTBOX.c.tenant == tenant, OUTBOX.c.dedup_key == dedup_key, OUTBOX.c.dead_at.is_not(None))
    row = connection.execute(OUTBOX.delete().where(dead).returning(OUTBOX)).mappings().one_or_none()
    if row is None:
        raise _not_dead(dedup_key)
    body = _audited(row) | {"reason": reason}
    append(connection, tenant, AUDIT_CHAIN, kind="message_discarded", actor=by, body=body, at=at)


def forget_delivered(connection: Connection, tenant: str, *, before: datetime) -> int:
    """Remove what was delivered before this instant; how many. Their keys are free again then: keep them for longer
    than anybody could enqueue the same once more. Dead messages stay until somebody decides on them."""
    old = and_(OUTBOX.c.tenant == tenant, OUTBOX.c.delivered_at < before)
    return len(connection.execute(OUTBOX.delete().where(old).returning(OUTBOX.c.dedup_key)).all())


def waiting(connection: Connection, tenant: str) -> tuple[int, datetime | None]:
    """How many messages are to be delivered yet, and since when the oldest waits."""
    columns = select(func.count(), func.min(OUTBOX.c.created_at)).select_from(OUTBOX)
    count, oldest = connection.execute(columns.where(OUTBOX.c.tenant == tenant, OUTBOX.c.next_at.is_not(None))).one()
    return int(count), oldest


def _not_dead(dedup_key: str) -> NotFound:
    return NotFound(f"no message {dedup_key[:60]!r} that was given up")


def _audited(row: RowMapping) -> dict[str, Any]:
    """What the audit says of a message: never what it told."""
    told = ("destination", "incident_id", "incidents", "attempts")
    return {"message": row["dedup_key"], "code": row["last_code"], **{name: row[name] for name in told}}


def _outgoing(row: RowMapping) -> Outgoing:
    return Outgoing(
        row["dedup_key"], row["destination"], row["stream"], row["number"], row["body"], row["attempts"] + 1
    )
