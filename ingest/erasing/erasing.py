"""Erasing, in an order in which it can be killed at any point.

An order is written down first. Then its subject has a tombstone, so that nothing of it is loaded any more; what there
is of it is collected, deleted and rewritten; processes are brought up to date by whoever does so after a load; what
followed from it is deleted; and what is left is looked for. Whoever leads the loading does it, between two steps.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from ingest.erasing.databases import replace_texts
from ingest.erasing.orders import COLLECTED, ORDERED, REWRITTEN, Erasure, Orders
from ingest.erasing.proof import left, remove_old_parts
from ingest.erasing.quarantine import give_up, held_entries
from ingest.erasing.scrub import Scrub
from ingest.erasing.subject import Subject
from ingest.erasing.tombstones import Tombstones
from ingest.erasing.warehouse import ErasedLog
from ingest.spool import Spool
from ingest.staging import Origin
from ingest.store import EventStore
from kernel.clock import Clock
from kernel.errors import InputError, StateUnavailable
from kernel.state.database import State
from kernel.warehouse import Warehouse

LONGEST_ID, LONGEST_REASON = 500, 1_000
Ended = Callable[[Erasure], None]

log = logging.getLogger("gembascope.ingest")


class Erasing:
    """The erasures of one tenant. `databases`: what is searched beside the database of the spool. `ended` is called
    with each that is done."""

    def __init__(self, warehouse: Warehouse, clock: Clock, spool: Spool, tenant: str, tombstones: Tombstones) -> None:
        self._warehouse, self._clock, self._spool, self._tenant = warehouse, clock, spool, tenant
        self._tombstones, self._store = tombstones, EventStore(warehouse, clock)
        self.orders = Orders(spool.state, clock, tenant)
        self.databases: list[State] = []
        self.ended: Ended = lambda _: None

    def order(self, subject: Subject, reason: str, by: str) -> Erasure:
        """Write down that a subject is to be erased; whoever leads the loading does so when it looks next.

        Raises
        ------
        InputError
            The subject is none, or the reason names it.
        """
        if not subject.object_type or not all(0 < len(one) <= LONGEST_ID for one in subject.ids):
            raise InputError(f"expected an object type and an id of at most {LONGEST_ID} characters")
        if not reason.strip() or len(reason) > LONGEST_REASON:
            raise InputError(f"reason: expected 1 to {LONGEST_REASON:,} characters that say why")
        if any(one in reason for one in subject.ids):
            raise InputError("reason: it is kept, so it must not name whoever is to be forgotten")
        digests = self._tombstones.keys.newest(self._tenant, self._clock)
        digest = digests.of_object(subject.object_type, subject.ids[0]).hex()
        return self.orders.add(subject, digest, reason.strip(), by)

    # Between two steps ---------------------------------------------------------------------------------------

    def resume(self) -> frozenset[str]:
        """Finish rewriting what a killed process had begun to, before anything is loaded. As `begin`."""
        return self._rewritten([one for one in self.orders.pending() if one.phase == COLLECTED])

    def begin(self) -> frozenset[str]:
        """Rewrite the log for all that is ordered; the types of the objects that were touched."""
        return self._rewritten([one for one in self.orders.pending() if one.phase in (ORDERED, COLLECTED)])

    def finish(self) -> None:
        """When processes are up to date: delete what followed, and look for what is left.

        Raises
        ------
        StateUnavailable
            Another process leads by now, and does it.
        """
        for one in self.orders.pending():
            if one.phase == REWRITTEN and one.subject is not None:
                self._lead()
                self._finish(one, one.subject)

    def _rewritten(self, orders: Sequence[Erasure]) -> frozenset[str]:
        touched: frozenset[str] = frozenset()
        for one in orders:
            if one.subject is not None:
                self._lead()
                with self._warehouse.writing():
                    touched |= self._rewrite(one, one.subject)
        return touched

    def _rewrite(self, order: Erasure, subject: Subject) -> frozenset[str]:
        erased = ErasedLog(self._warehouse, self._clock, self._tenant, order.erasure, subject)
        if order.phase == ORDERED:
            digests = self._tombstones.keys.newest(self._tenant, self._clock)
            self._tombstones.add(order.erasure, subject, erased.own_values(), digests, order.ordered_at)
            self._collect(order, subject, erased)
        step = Origin(self._tenant, "", order.erasure)
        batch = self._store.begin(step)
        touched = erased.rewrite(batch)
        self._store.end(step, batch, conflicts=1)  # what was there is changed: cases may have lost all their events
        self.orders.rewritten(order.erasure)
        return touched

    def _collect(self, order: Erasure, subject: Subject, erased: ErasedLog) -> None:
        scrub = self._scrub()
        counts = erased.collect(scrub)
        entries = list(held_entries(self._warehouse, self._tenant, subject, scrub))
        erased.note_entries([row["entry"] for row in entries])
        give_up(self._spool, self._tenant, entries)
        self.orders.collected(order.erasure, counts | {"quarantine_entries": len(entries)})

    def _finish(self, order: Erasure, subject: Subject) -> None:
        databases = [self._spool.state, *self.databases]
        erased = ErasedLog(self._warehouse, self._clock, self._tenant, order.erasure, subject)
        erased.follow()
        erased.forget()
        if subject.everywhere:
            for state in self.databases:
                replace_texts(state, self._tenant, subject.ids, f"erased-{order.digest[:8]}")
        told = [*left(self._warehouse, self._tenant, subject, databases), *remove_old_parts(self._warehouse)]
        self.orders.done(order.erasure, told)
        emptied = [state.compact() for state in databases]
        if not all(emptied):
            self.orders.done(order.erasure, [*told, "the log of changes of a state database: in use"])
        found = self.orders.one(order.erasure)
        if found is not None:
            log.info("an erasure is done: %s, %d things of it, %s", found.erasure, found.found, _told(found))
            self.ended(found)

    def _scrub(self) -> Scrub:
        found = self._tombstones.scrub()
        if found is None:
            raise StateUnavailable("what was erased is not told by the warehouse yet; it is tried again")
        return found

    def _lead(self) -> None:
        if not self._spool.lead(self._tenant):
            raise StateUnavailable("another process loads the events of this tenant by now, and erases in its turn")


def _told(order: Erasure) -> str:
    return "and nothing of it was found afterwards" if order.verified else "and something of it may be left"
