"""Erasing, in an order in which it can be killed at any point.

An order is written down first. Then its subject has a tombstone, so that nothing of it is loaded any more; what there
is of it is collected, deleted and rewritten; processes are brought up to date by whoever does so after a load; what
followed from it is deleted; and what is left is looked for. Whoever leads the loading does it, between two steps.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from ingest.erasing.databases import replace_texts
from ingest.erasing.orders import COLLECTED, COUNTED, FORGOTTEN, ORDERED, REWRITTEN, Erasure, Orders
from ingest.erasing.proof import left, remove_old_parts
from ingest.erasing.quarantine import give_up, held_entries
from ingest.erasing.scrub import Scrub
from ingest.erasing.subject import Subject, words
from ingest.erasing.tombstones import Tombstones
from ingest.erasing.warehouse import ErasedLog
from ingest.spool import Spool
from ingest.staging import Origin
from ingest.store import EventStore
from kernel.audit.chain import append
from kernel.clock import Clock, SystemClock
from kernel.errors import InputError, StateUnavailable
from kernel.pseudonyms import Pseudonyms
from kernel.state.database import State
from kernel.warehouse import Warehouse

LONGEST_ID, LONGEST_REASON = 500, 1_000
AUDIT_CHAIN = "sources"
"""Where it is recorded that an erasure was ordered, and what became of it."""

log = logging.getLogger("gembascope.ingest")


class Erasing:
    """The erasures of one tenant, in its warehouse, its spool, and the state database of the warehouse's settings."""

    def __init__(self, warehouse: Warehouse, clock: Clock, spool: Spool, tenant: str, tombstones: Tombstones) -> None:
        self._warehouse, self._clock, self._spool, self._tenant = warehouse, clock, spool, tenant
        self._tombstones, self._store = tombstones, EventStore(warehouse, clock)
        self.orders = Orders(spool.state, clock, tenant)

    def subject(self, object_type: str, id_: str, *, pseudonymise: bool, everywhere: bool | None) -> Subject:
        """Who is meant. `pseudonymise`: the id is in clear, and the log has its pseudonym. `everywhere`: as
        `Subject`; None: where the id is long enough to mean nothing else.

        Raises
        ------
        InputError
            Pseudonyms have no key here.
        """
        if not pseudonymise:
            return Subject.of(object_type, id_, everywhere=everywhere)
        key = self._warehouse.settings.pseudonym_key
        if key is None:
            raise InputError("what pseudonym the log has is told by a key: set GEMBASCOPE_PSEUDONYM_KEY here")
        hidden = Pseudonyms(key.get_secret_value(), self._tenant).of(id_)
        return Subject.of(object_type, id_, pseudonym=hidden, everywhere=everywhere)

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
        if set(subject.ids) & set(words(reason, {len(one) for one in subject.ids})):
            raise InputError("reason: it is kept, so it must not name whoever is to be forgotten")
        digests = self._tombstones.keys.newest(self._tenant, self._clock)
        digest = digests.of_object(subject.object_type, subject.ids[0]).hex()
        made = self.orders.add(subject, digest, reason.strip(), by)
        with State(self._warehouse.settings) as state:
            self._record(state, "subject_erasure_ordered", made, by, {"reason": made.reason})
        return made

    # Between two steps ---------------------------------------------------------------------------------------

    def resume(self) -> frozenset[str]:
        """Rewrite the log for what a killed process had begun to erase, before anything is loaded: what is loaded is
        without the subject already, and would be other events than those that have it still. As `begin`."""
        pending = [one for one in self.orders.pending() if one.phase in (ORDERED, COLLECTED)]
        scrub = self._tombstones.scrub() if pending else None
        return self._rewritten([one for one in pending if scrub is not None and one.erasure in scrub.erasures])

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
            if one.phase in (REWRITTEN, FORGOTTEN):
                self._lead()
                with State(self._warehouse.settings) as state:
                    if one.subject is not None:
                        self._follow(state, one, one.subject)
                    self._end(state, one.erasure)

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
        self._store.repair(self._tenant, order.erasure)  # a killed process left it: what comes after it would wait
        held = self._store.begin(step)
        touched = erased.rewrite(held.batch)
        self._store.end(held, conflicts=1)  # what was there is changed: cases may have lost all their events
        self.orders.rewritten(order.erasure)
        return touched

    def _collect(self, order: Erasure, subject: Subject, erased: ErasedLog) -> None:
        scrub = self._scrub()
        counts = erased.collect(scrub)
        entries = list(held_entries(self._warehouse, self._tenant, subject, scrub))
        erased.note_entries([row["entry"] for row in entries])
        give_up(self._spool, self._tenant, entries)
        self.orders.collected(order.erasure, counts | {"quarantine_entries": len(entries)})

    def _follow(self, state: State, order: Erasure, subject: Subject) -> None:
        """Delete what followed from the subject, and look for what is left."""
        erased = ErasedLog(self._warehouse, self._clock, self._tenant, order.erasure, subject)
        erased.follow()
        self._lead()
        erased.forget()
        if subject.everywhere:
            replace_texts(state, self._tenant, subject.ids, f"erased-{order.digest[:8]}")
        places = left(self._warehouse, self._tenant, subject, [self._spool.state, state])
        places += remove_old_parts(self._warehouse)
        self._lead()
        self.orders.forgotten(order.erasure, places)

    def _end(self, state: State, erasure: str) -> None:
        """Have nothing be left in the files of the state database, and say what became of the order."""
        order = self.orders.one(erasure)
        if order is None:
            return
        places = list(order.left)
        if not all([each.compact() for each in (self._spool.state, state)]):
            places.append("the log of changes of a state database: somebody reads it")
        counts = {name: getattr(order, name) for name in COUNTED}
        told = counts | {"verified": not places, "left": len(places)}
        self._record(state, "subject_erased", order, order.ordered_by, told)
        self.orders.done(erasure, places)
        log.info("the erasure %s is done; verified: %s", erasure, not places)

    def _record(self, state: State, kind: str, order: Erasure, by: str, more: dict[str, Any]) -> None:
        """Write it down in the audit, by the digest of who is meant."""
        body = {"erasure": order.erasure, "object_type": order.object_type, "digest": order.digest, **more}
        with state.writing() as connection:
            at = SystemClock().now()
            append(connection, self._tenant, AUDIT_CHAIN, kind=kind, actor=by, body=body, at=at)

    def _scrub(self) -> Scrub:
        found = self._tombstones.scrub()
        if found is None:
            raise StateUnavailable("what was erased is not told by the warehouse yet; it is tried again")
        return found

    def _lead(self) -> None:
        if not self._spool.lead(self._tenant):
            raise StateUnavailable("another process loads the events of this tenant by now, and erases in its turn")
