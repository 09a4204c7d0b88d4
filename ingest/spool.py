"""The spool: what was accepted is kept here until it is seen in the warehouse, and the ledger of what became of it.

It decides what was accepted, so a sender is answered only after its transaction is on disk. Requests that come while
one is written share the next transaction. The counts of the ledger change with the entries, in one transaction: they
are exact at any moment, also after a process was killed.
"""

from __future__ import annotations

import secrets
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, and_, bindparam, case, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from ingest.event_rows import Sent
from ingest.spool_account import COUNTS, MOMENTS, Account, told_again, with_part, without_part
from ingest.spool_beside import Besides, Offer, forget, keep, recognise, recognised, unreleased
from ingest.spool_payload import written
from ingest.spool_sources import SpoolSources
from ingest.spool_tables import ENTRIES, LOADERS, TOTALS, make_tables
from kernel.clock import Clock
from kernel.errors import GembascopeError, SpoolFull, StateError
from kernel.settings import Settings
from kernel.state.database import State

FILE = "spool.sqlite"
STEP_EVENTS = 200_000
STEP_BYTES = 128 << 20
STEP_ENTRIES = 20_000
"""What one load step has at most, one entry aside."""
LEASE = timedelta(minutes=2)
ROOM = 0.9
"""Of what may wait, the part up to which collectors begin to fetch."""
KEPT = timedelta(days=1)
"""How long the line of a marked entry stays, without its events."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Entries of one source that are loaded as one step. The same step has the same entries whoever takes it again."""

    step: str  # 32 hex digits
    source: str
    events: int
    again: bool  # whether it was begun before: some of it may be stored
    entries: list[tuple[str, bytes]]  # receipt and payload


class Spool:
    """The spool of an installation: a file in the home, or tables in the state database of GEMBASCOPE_STATE_URL."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._state = State(settings, file=FILE, prepare=make_tables)
        self.sources = SpoolSources(self._state, clock)
        self._clock = clock
        self._max_events, self._max_bytes = settings.spool_events, settings.spool_bytes
        self._holder = uuid4().hex
        self._queue: list[Offer] = []
        self._queued, self._turn = threading.Lock(), threading.Lock()
        self._last_receipt = 0
        self._terms: Counter[str] = Counter()
        self.commits = 0
        """Transactions in which events were accepted."""

    # Accepting -----------------------------------------------------------------------------------------------

    def accept(self, tenant: str, parts: Sequence[Sent], besides: Besides | None = None) -> str:
        """Keep the events of a request; its receipt, "" where all that it is made of was delivered before: its events
        are counted as duplicates then. When this returns they are on disk.

        Raises
        ------
        SpoolFull
            As many wait as may, or these do not fit: counted as refused, and nothing else kept of them.
        OutOfDate
            An entry of the quarantine is none any more. Nothing is kept.
        StateUnavailable
            The database does not answer. The events may have been kept all the same: send them again.
        """
        (receipt,) = self.accept_all(tenant, [(parts, besides)])
        return receipt

    def accept_all(self, tenant: str, requests: Sequence[tuple[Sequence[Sent], Besides | None]]) -> list[str]:
        """As `accept`, several of them in one transaction; their receipts. The error of the first that is not kept is
        raised: it is not known then what became of the others."""
        made = [(parts, [written(part) for part in parts], besides) for parts, besides in requests]
        with self._queued:
            now = self._clock.now()
            offers = [Offer(tenant, self._next_receipt(), *one[:2], now, one[2]) for one in made]
            self._queue += offers
        with self._turn:  # whoever was here before has perhaps written these too
            if not all(offer.done for offer in offers):
                with self._queued:
                    group, self._queue = self._queue, []
                self._write(group)
        for offer in offers:
            if offer.error is not None:
                raise type(offer.error)(str(offer.error)) from offer.error
        return ["" if offer.repeated else offer.receipt for offer in offers]

    def has_room(self, tenant: str) -> bool:
        """Whether it is worth to fetch more: a tenth of what may wait is free."""
        with self._state.reading() as connection:
            events, size = (int(found or 0) for found in connection.execute(WAITING, {"tenant": tenant}).one())
        return events <= ROOM * self._max_events and size <= ROOM * self._max_bytes

    def known(self, tenant: str, source: str, digests: Sequence[str]) -> set[str]:
        """Those ids of deliveries of a source that were taken before."""
        if not digests:
            return set()
        with self._state.reading() as connection:
            return recognised(connection, tenant, source, digests)

    def _next_receipt(self) -> str:
        """Microseconds and chance, so that receipts of all processes are in about the order of acceptance."""
        self._last_receipt = max(self._last_receipt + 1, int(self._clock.now().timestamp() * 1_000_000))
        return f"{self._last_receipt:016x}{secrets.token_hex(8)}"

    def _write(self, group: list[Offer]) -> None:
        try:
            with self._state.writing() as connection:
                for tenant in sorted({offer.tenant for offer in group}):
                    self._write_for(connection, tenant, [offer for offer in group if offer.tenant == tenant])
            self.commits += 1
        except GembascopeError as error:
            for offer in group:
                offer.error = error
        except BaseException as error:  # nothing was kept: nobody who came along gets a receipt
            for offer in group:
                offer.error = StateError(f"the events were not kept: {type(error).__name__}")
            raise
        finally:
            for offer in group:
                offer.done = True

    def _write_for(self, connection: Connection, tenant: str, group: list[Offer]) -> None:
        events, size = (int(found or 0) for found in connection.execute(WAITING, {"tenant": tenant}).one())
        rows: list[dict[str, Any]] = []
        changes: dict[str, Account] = {}
        group = unreleased(connection, tenant, group)
        recognise(connection, tenant, group)
        kept = []
        for offer in group:
            if offer.repeated:
                for part in offer.parts:
                    changes[part.source] = told_again(changes.get(part.source, Account(part.source)), part)
                kept.append(offer)
                continue
            fits = events + offer.events <= self._max_events and size + offer.size <= self._max_bytes
            if fits:
                events, size = events + offer.events, size + offer.size
                kept.append(offer)
            else:
                offer.error = self._full()
            for part, payload in zip(offer.parts, offer.payloads, strict=True):
                before = changes.get(part.source, Account(part.source))
                changes[part.source] = (
                    with_part(before, part, len(payload), offer.at) if fits else without_part(before, part)
                )
                if fits:
                    rows.append(_row(offer, part, payload))
            if fits and offer.besides is not None and (count := offer.released):
                out = offer.besides.source
                before = changes.get(out, Account(out))
                changes[out] = replace(before, received=before.received - count, quarantined=before.quarantined - count)
        keep(connection, tenant, kept)
        if rows:
            connection.execute(ADDED, rows)
        for source in sorted(changes):  # in one order, so that two processes do not wait for each other
            self._add(connection, tenant, changes[source])

    def _full(self) -> SpoolFull:
        return SpoolFull(
            f"as many events wait to be loaded as may ({self._max_events:,} events or {self._max_bytes:,} bytes); "
            "send these again in a while"
        )

    def _add(self, connection: Connection, tenant: str, change: Account) -> None:
        """Add to the account of a source."""
        row = {"tenant": tenant, "source": change.source} | {name: getattr(change, name) for name in COUNTS}
        row |= {name: getattr(change, name) for name in MOMENTS}
        connection.execute(ADDING[connection.dialect.name], row)

    # Loading -------------------------------------------------------------------------------------------------

    def lead(self, tenant: str, *, alone: bool = False) -> bool:
        """Become, or stay, the one process that loads the events of the tenant, for LEASE from now on; False while
        another is. `alone`: no other process can be there, so a lease that is left was left by one that was killed."""
        now = self._clock.now()
        row = {"tenant": tenant, "holder": self._holder, "until": now + LEASE}
        new = sqlite.insert(LOADERS) if self._state.is_sqlite else postgresql.insert(LOADERS)
        free = LOADERS.c.until < now if not alone else LOADERS.c.tenant == tenant
        # A lease that reaches so far was taken before a clock was set back; clocks of several machines differ a little.
        free |= LOADERS.c.until > now + (LEASE if self._state.is_sqlite else 2 * LEASE)
        with self._state.writing() as connection:
            if not self._leads(connection, tenant):
                self._terms[tenant] += 1  # now, since it may become so and not be told
            connection.execute(
                new.values(**row).on_conflict_do_update(
                    index_elements=["tenant"],
                    set_={"holder": self._holder, "until": now + LEASE},
                    where=(LOADERS.c.holder == self._holder) | free,
                )
            )
            return self._leads(connection, tenant)

    def term(self, tenant: str) -> int:
        """A number that is another one whenever another process may have loaded since this one last did."""
        return self._terms[tenant]

    def resign(self, tenant: str) -> None:
        """Let another process load at once."""
        with self._state.writing() as connection:
            connection.execute(delete(LOADERS).where(LOADERS.c.tenant == tenant, LOADERS.c.holder == self._holder))

    def take(self, tenant: str) -> Taken | None:
        """The next step: one that was begun and not marked, else the oldest entries of one source; None when nothing
        waits. Only for who leads."""
        waits = and_(ENTRIES.c.tenant == tenant, ENTRIES.c.marked_at.is_(None))
        oldest = select(ENTRIES.c.source, ENTRIES.c.step).where(waits)
        # Steps that were begun come first: what a later one holds is then counted once, as new or as a duplicate.
        oldest = oldest.order_by(ENTRIES.c.step.is_(None), ENTRIES.c.receipt, ENTRIES.c.source).limit(1)
        with self._state.writing() as connection:
            first = connection.execute(oldest).first()
            if first is None or not self._leads(connection, tenant):
                return None
            of_source = and_(waits, ENTRIES.c.source == first.source)
            step = first.step or uuid4().hex
            if first.step is None:
                chosen = self._next(connection, of_source)
                mine = and_(of_source, ENTRIES.c.step.is_(None), ENTRIES.c.receipt <= chosen)
                connection.execute(update(ENTRIES).where(mine).values(step=step))
            columns = select(ENTRIES.c.receipt, ENTRIES.c.payload, ENTRIES.c.events)
            asked = columns.where(of_source, ENTRIES.c.step == step).order_by(ENTRIES.c.receipt)
            rows = connection.execute(asked).all()
        return Taken(
            step,
            first.source,
            sum(row.events for row in rows),
            first.step is not None,
            [(row.receipt, bytes(row.payload)) for row in rows],
        )

    @staticmethod
    def _next(connection: Connection, of_source: Any) -> str:
        """The last receipt of the next step of a source."""
        events, size, last = 0, 0, ""
        columns = select(ENTRIES.c.receipt, ENTRIES.c.events, ENTRIES.c.payload_bytes)
        asked = columns.where(of_source, ENTRIES.c.step.is_(None)).order_by(ENTRIES.c.receipt).limit(STEP_ENTRIES)
        for row in connection.execute(asked).all():
            events, size = events + row.events, size + row.payload_bytes
            if last and (events > STEP_EVENTS or size > STEP_BYTES):
                break
            last = row.receipt
        return last

    def mark(self, tenant: str, taken: Taken, *, stored: int, quarantined: int = 0) -> bool:
        """Every event of the step was seen in the warehouse: `stored` of them are new, `quarantined` it could not take,
        the others are duplicates. False when another process leads by now, or has marked it."""
        mine = and_(ENTRIES.c.tenant == tenant, ENTRIES.c.step == taken.step, ENTRIES.c.marked_at.is_(None))
        now = self._clock.now()
        with self._state.writing() as connection:
            if not self._leads(connection, tenant):
                return False
            sums = select(func.count(), func.sum(ENTRIES.c.payload_bytes)).where(mine)
            entries, size = connection.execute(sums).one()
            if entries != len(taken.entries):
                return False
            connection.execute(update(ENTRIES).where(mine).values(marked_at=now, payload=None))
            old = and_(ENTRIES.c.tenant == tenant, ENTRIES.c.marked_at < now - KEPT)
            connection.execute(delete(ENTRIES).where(old))
            forget(connection, tenant, now)
            change = Account(
                taken.source,
                stored=stored,
                duplicate=taken.events - stored - quarantined,
                quarantined=quarantined,
                in_spool=-taken.events,
                spool_bytes=-int(size),
            )
            self._add(connection, tenant, change)
            return True

    def _leads(self, connection: Connection, tenant: str) -> bool:
        asked = select(LOADERS.c.holder).where(LOADERS.c.tenant == tenant).with_for_update()
        return connection.execute(asked).scalar() == self._holder

    # Telling -------------------------------------------------------------------------------------------------

    def accounts(self, tenant: str) -> list[Account]:
        """What became of the events of each source, ordered by source; "" holds those that name none."""
        columns = [TOTALS.c.source, *(TOTALS.c[name] for name in COUNTS), TOTALS.c.last_occurred_at]
        asked = select(*columns, TOTALS.c.last_seen_at).where(TOTALS.c.tenant == tenant).order_by(TOTALS.c.source)
        with self._state.reading() as connection:
            found = [Account(**row) for row in connection.execute(asked).mappings()]
        return sorted(found, key=lambda account: account.source)

    @property
    def state(self) -> State:
        """The database that it is in."""
        return self._state

    def close(self) -> None:
        self._state.close()

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _row(offer: Offer, part: Sent, payload: bytes) -> dict[str, Any]:
    return {
        "tenant": offer.tenant,
        "receipt": offer.receipt,
        "source": part.source,
        "accepted_at": offer.at,
        "events": part.accepted,
        "payload_bytes": len(payload),
        "payload": payload,
    }


def _adding(upsert: Any) -> Any:
    new = upsert(TOTALS)
    added: dict[str, Any] = {name: TOTALS.c[name] + new.excluded[name] for name in COUNTS}
    for name in MOMENTS:
        later = new.excluded[name]
        added[name] = case((func.coalesce(TOTALS.c[name] >= later, later.is_(None)), TOTALS.c[name]), else_=later)
    columns = ("tenant", "source", *COUNTS, *MOMENTS)
    return new.values({name: bindparam(name) for name in columns}).on_conflict_do_update(
        index_elements=["tenant", "source"], set_=added
    )


# Built once: every group that is accepted needs them, and building a statement costs more than running it.
ADDING = {"sqlite": _adding(sqlite.insert), "postgresql": _adding(postgresql.insert)}
ADDED = ENTRIES.insert()
WAITING = select(func.sum(TOTALS.c.in_spool), func.sum(TOTALS.c.spool_bytes)).where(
    TOTALS.c.tenant == bindparam("tenant")
)
