"""What is kept beside the events of a request, in their transaction: by which ids its deliveries are known again, how
far the collector has come, and which entries of the quarantine became these events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Table, bindparam, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from ingest.event_rows import Sent
from ingest.spool_tables import RELEASED, SOURCES, UNIQUE_IDS
from kernel.errors import GembascopeError, OutOfDate

REMEMBERED = timedelta(days=7)
"""How long a delivery is known again by the id that its sender gave it: longer than senders try again."""
AT_ONCE = 500
"""Values in one statement."""
DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class Besides:
    """What is kept of the deliveries of one source."""

    source: str
    deliveries: int = 0
    ignored: int = 0
    unique_ids: Sequence[str] = ()
    """Digests of the ids by which their sender knows them."""
    place: str | None = None
    """Up to where the collector has come; None: as before."""
    released: Sequence[str] = ()
    """Entries of the quarantine that become these events."""
    how: str = ""
    """What was done with those: replayed, repaired or discarded."""


@dataclass(slots=True)
class Offer:
    """A request on its way into the spool."""

    tenant: str
    receipt: str
    parts: Sequence[Sent]
    payloads: Sequence[bytes]
    at: datetime
    besides: Besides | None = None
    repeated: bool = False  # all of its deliveries were there before
    done: bool = False
    error: GembascopeError | None = field(default=None)

    @property
    def events(self) -> int:
        return sum(part.accepted for part in self.parts)

    @property
    def size(self) -> int:
        return sum(map(len, self.payloads))

    @property
    def released(self) -> int:
        """Entries of the quarantine that are counted as these events from now on. What is discarded stays one."""
        return len(self.besides.released) if self.besides is not None and self.besides.how != DISCARDED else 0


def unreleased(connection: Connection, tenant: str, group: Sequence[Offer]) -> list[Offer]:
    """The offers without those that take out of the quarantine what was taken out of it before: these fail."""
    asked = {entry for offer in group if offer.besides is not None for entry in offer.besides.released}
    out = _found(connection, RELEASING, sorted(asked), {"tenant": tenant})
    kept = []
    for offer in group:
        mine = set(offer.besides.released) if offer.besides is not None else set()
        if mine & out:
            offer.error = OutOfDate("an entry of the quarantine was taken out of it before; look at what is left")
        else:
            kept.append(offer)
            out |= mine
    return kept


def recognise(connection: Connection, tenant: str, group: Sequence[Offer]) -> None:
    """Mark the offers of which every delivery was there before. One that brings anything new is kept whole: its events
    are known by their ids."""
    by_source: dict[str, list[Offer]] = {}
    for offer in group:
        if offer.besides is not None and offer.besides.unique_ids:
            by_source.setdefault(offer.besides.source, []).append(offer)
    for source, offers in by_source.items():
        asked = sorted({one for offer in offers if offer.besides for one in offer.besides.unique_ids})
        known = recognised(connection, tenant, source, asked)
        for offer in offers:
            if offer.besides is None:
                continue
            ids = set(offer.besides.unique_ids)
            offer.repeated = len(offer.besides.unique_ids) == offer.besides.deliveries and ids <= known
            known |= ids


def recognised(connection: Connection, tenant: str, source: str, digests: Sequence[str]) -> set[str]:
    """Those ids of deliveries of a source that were taken before."""
    return _found(connection, RECOGNISING, digests, {"tenant": tenant, "source": source})


def keep(connection: Connection, tenant: str, group: Sequence[Offer]) -> None:
    """Write down what is beside the events of these offers, those that are repeated among them."""
    with_besides = [(offer, offer.besides) for offer in group if offer.besides is not None]
    ids = {
        (one.source, digest): offer.at for offer, one in with_besides if not offer.repeated for digest in one.unique_ids
    }
    if ids:
        rows = [
            {"tenant": tenant, "source": source, "digest": digest, "until": at + REMEMBERED}
            for (source, digest), at in sorted(ids.items())
        ]
        # Another process may have written one just now; then its events come twice, and are known by their ids.
        connection.execute(REMEMBERING[connection.dialect.name], rows)
    released = [
        {"tenant": tenant, "entry": entry, "how": one.how, "at": offer.at, "receipt": offer.receipt}
        for offer, one in with_besides
        for entry in one.released
    ]
    if released:
        connection.execute(RELEASED.insert(), released)
    by_source: dict[str, dict[str, Any]] = {}
    for offer, one in with_besides:
        row = by_source.setdefault(one.source, {"deliveries": 0, "ignored": 0, "place": None, "at": offer.at})
        row["deliveries"] += one.deliveries
        row["ignored"] += one.ignored
        row["place"] = one.place if one.place is not None else row["place"]
    for source in sorted(by_source):
        _count(connection, tenant, source, by_source[source])


def _count(connection: Connection, tenant: str, source: str, row: dict[str, Any]) -> None:
    new = {"tenant": tenant, "source": source, "deliveries": row["deliveries"], "ignored": row["ignored"]}
    new |= {"last_delivery_at": row["at"], "place": row["place"] or "", "stopped_why": ""}
    moved = "moved" if row["place"] is not None else "counted"
    connection.execute(COUNTING[connection.dialect.name, moved], new)


def _counting(upsert: Any, *, moved: bool) -> Any:
    new = upsert(SOURCES)
    set_ = {name: SOURCES.c[name] + new.excluded[name] for name in ("deliveries", "ignored")}
    set_ |= {name: new.excluded[name] for name in ("last_delivery_at", *(("place",) if moved else ()))}
    columns = ("tenant", "source", "deliveries", "ignored", "last_delivery_at", "place", "stopped_why")
    return new.values({name: bindparam(name) for name in columns}).on_conflict_do_update(
        index_elements=["tenant", "source"], set_=set_
    )


# Built once: every group that is accepted needs them, and building a statement costs more than running it.
UPSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
COUNTING = {
    (name, word): _counting(upsert, moved=word == "moved")
    for name, upsert in UPSERTS.items()
    for word in ("moved", "counted")
}
REMEMBERING = {name: upsert(UNIQUE_IDS).on_conflict_do_nothing() for name, upsert in UPSERTS.items()}
RECOGNISING = select(UNIQUE_IDS.c.digest).where(
    UNIQUE_IDS.c.tenant == bindparam("tenant"),
    UNIQUE_IDS.c.source == bindparam("source"),
    UNIQUE_IDS.c.digest.in_(bindparam("values", expanding=True)),
)
RELEASING = select(RELEASED.c.entry).where(
    RELEASED.c.tenant == bindparam("tenant"), RELEASED.c.entry.in_(bindparam("values", expanding=True))
)


def set_stopped(connection: Connection, tenant: str, source: str, at: datetime | None, why: str) -> None:
    """Have a source be stopped, or not where `why` is empty."""
    row = {"tenant": tenant, "source": source, "deliveries": 0, "ignored": 0, "place": ""}
    changed = {"stopped_at": at, "stopped_why": why}
    statement = insert_into(connection, SOURCES).values(**row, **changed)
    connection.execute(statement.on_conflict_do_update(index_elements=["tenant", "source"], set_=changed))


def forget(connection: Connection, tenant: str, now: datetime) -> None:
    """Forget the ids of deliveries that are old enough."""
    connection.execute(delete(UNIQUE_IDS).where(UNIQUE_IDS.c.tenant == tenant, UNIQUE_IDS.c.until < now))


def _found(connection: Connection, asked: Any, values: Sequence[str], scope: dict[str, str]) -> set[str]:
    """Those of the values that are there."""
    found: set[str] = set()
    for first in range(0, len(values), AT_ONCE):
        some = {**scope, "values": values[first : first + AT_ONCE]}
        found.update(connection.execute(asked, some).scalars())
    return found


def insert_into(connection: Connection, table: Table) -> Any:
    """An insert that can say what is done where a row is there already."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)
