"""What was ordered to be erased, and what became of it: in the database of the spool.

An order is on disk before anything is erased. It names the subject until all of it is done, so that whoever starts
after a process was killed can go on; from then on nothing of the subject is in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

import msgspec
from sqlalchemy import select, update

from ingest.erasing.subject import Subject
from ingest.spool_tables import ERASURES
from kernel.clock import Clock
from kernel.state.database import State

ORDERED, COLLECTED, REWRITTEN, FORGOTTEN, DONE = "ordered", "collected", "rewritten", "forgotten", "done"
"""Phases: nothing is deleted yet; what is to be deleted, and what comes in its place, is written down; the log is
rewritten, and what follows from it is not made anew; nobody can tell any more who was meant, but from the files of the
state database; all is done."""
COUNTED = ("events_deleted", "events_rewritten", "values_deleted", "links_deleted", "quarantine_entries")
"""What is told of an order: how much there was of its subject."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """An order. Counts are events, values of attributes of objects, links, and entries of the quarantine. `verified`:
    whether nothing of the subject was found afterwards; `left`: where something was, one line each. `subject` is None
    once it is done."""

    erasure: str
    object_type: str
    digest: str
    subject: Subject | None
    reason: str
    ordered_by: str
    ordered_at: datetime
    phase: str
    events_deleted: int
    events_rewritten: int
    values_deleted: int
    links_deleted: int
    quarantine_entries: int
    ended_at: datetime | None
    verified: bool | None
    left: tuple[str, ...]

    @property
    def found(self) -> int:
        """How much there was of it."""
        return sum(getattr(self, name) for name in COUNTED)


class Orders:
    """The orders of one tenant."""

    def __init__(self, state: State, clock: Clock, tenant: str) -> None:
        self._state, self._clock, self._tenant = state, clock, tenant

    def add(self, subject: Subject, digest: str, reason: str, by: str) -> Erasure:
        """Write down an order. One of the same subject that is not done yet is that order."""
        with self._state.writing() as connection:
            asked = self._of().where(ERASURES.c.digest == digest, ERASURES.c.phase != DONE)
            there = connection.execute(asked).mappings().first()
            if there is not None:
                return _erasure(there)
            row: dict[str, Any] = {
                "tenant": self._tenant,
                "erasure": uuid4().hex,
                "object_type": subject.object_type,
                "digest": digest,
                "subject": msgspec.json.encode(subject).decode(),
                "reason": reason,
                "ordered_by": by,
                "ordered_at": self._clock.now(),
                "phase": ORDERED,
                **dict.fromkeys(COUNTED, 0),
                "ended_at": None,
                "verified": None,
                "places": "[]",
            }
            connection.execute(ERASURES.insert(), row)
        return _erasure(row)

    def collected(self, erasure: str, counts: Mapping[str, int]) -> None:
        """It is known what there is of the subject: COUNTED."""
        self._change(erasure, {"phase": COLLECTED, **counts})

    def rewritten(self, erasure: str) -> None:
        """The log is rewritten."""
        self._change(erasure, {"phase": REWRITTEN})

    def forgotten(self, erasure: str, left: Sequence[str]) -> None:
        """This is where something of it may be left, and nobody can tell any more who was meant."""
        told = msgspec.json.encode(list(left)).decode()
        self._change(erasure, {"phase": FORGOTTEN, "subject": None, "verified": not left, "places": told})

    def done(self, erasure: str, left: Sequence[str]) -> None:
        """All is done; `left` as in `forgotten`."""
        told = msgspec.json.encode(list(left)).decode()
        end = {"phase": DONE, "ended_at": self._clock.now(), "verified": not left, "places": told}
        self._change(erasure, end)

    def pending(self) -> list[Erasure]:
        """Those that are not done, those first that have begun to delete."""
        with self._state.reading() as connection:
            found = connection.execute(self._of().where(ERASURES.c.phase != DONE)).mappings().all()
        return sorted(map(_erasure, found), key=lambda one: (one.phase == ORDERED, one.ordered_at, one.erasure))

    def one(self, erasure: str) -> Erasure | None:
        with self._state.reading() as connection:
            found = connection.execute(self._of().where(ERASURES.c.erasure == erasure)).mappings().first()
        return _erasure(found) if found is not None else None

    def all(self) -> list[Erasure]:
        """The newest first."""
        with self._state.reading() as connection:
            found = connection.execute(self._of()).mappings().all()
        return sorted(map(_erasure, found), key=lambda one: (one.ordered_at, one.erasure), reverse=True)

    def _of(self) -> Any:
        columns = [column for column in ERASURES.c if column.name != "tenant"]
        return select(*columns).where(ERASURES.c.tenant == self._tenant)

    def _change(self, erasure: str, values: dict[str, Any]) -> None:
        mine = (ERASURES.c.tenant == self._tenant) & (ERASURES.c.erasure == erasure)
        with self._state.writing() as connection:
            connection.execute(update(ERASURES).where(mine).values(**values))


def _erasure(row: Any) -> Erasure:
    known = {name: row[name] for name in Erasure.__dataclass_fields__ if name != "left"}
    kept = known["subject"]
    known["subject"] = msgspec.json.decode(kept, type=Subject) if kept is not None else None
    known["left"] = tuple(msgspec.json.decode(row["places"]))
    return Erasure(**known)
