"""Anchors: one chain per tenant of the heads of all others, so that a chain that lost its end, or is gone, is missed.

An anchor lists the chains that grew since the one before it, each with the number and the hash of its newest entry,
and how many chains and entries are anchored in all. Whoever keeps the hash of one anchor elsewhere (`signing`) can
prove everything that was recorded until then.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import msgspec
from sqlalchemy import Connection, literal_column, select, text, update

from kernel.audit.chain import FIRST, entry_hash
from kernel.clock import Clock
from kernel.state.database import State
from kernel.state.tables.audit import AUDIT_ANCHORS, AUDIT_CHAINS

MOST_HEADS = 1000
"""Chains that one anchor lists; where more grew there are several anchors."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """One anchor; `chains` and `entries`: how many are anchored by it and those before it."""

    number: int
    hash: str
    at: datetime
    chains: int
    entries: int


class AnchorContent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an anchor says. `heads`: chain, number and hash of the newest entry, by chain."""

    tenant: str
    number: int
    at: str
    chains: int
    entries: int
    heads: list[tuple[str, Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)], str]]


def anchor(state: State, tenant: str, clock: Clock) -> Anchor | None:
    """Anchor what grew, in as many anchors as it takes; the newest anchor then, None while there is no entry at all.

    Processes that anchor at once take turns, and whoever waited has less to do. A chain that somebody is appending to
    at this moment is left for the next time.
    """
    while True:
        with state.writing() as connection:
            if not state.is_sqlite:
                key = {"key": f"gembascope audit anchors of {tenant}"}
                connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), key)
            before, grown = _newest(connection, tenant), _grown(connection, tenant)
            newest = _add(connection, tenant, before, grown, clock.now()) if grown else before
        if len(grown) < MOST_HEADS:
            return newest


def newest_anchor(state: State, tenant: str) -> Anchor | None:
    """The newest anchor that there is; None when nothing was anchored yet."""
    with state.reading() as connection:
        return _newest(connection, tenant)


def _newest(connection: Connection, tenant: str) -> Anchor | None:
    of = AUDIT_ANCHORS.c
    asked = select(of.number, of.hash, of.content, of.at).where(of.tenant == tenant).order_by(of.number.desc()).limit(1)
    row = connection.execute(asked).one_or_none()
    if row is None:
        return None
    content = msgspec.json.decode(row.content, type=AnchorContent)
    return Anchor(row.number, row.hash, row.at, content.chains, content.entries)


def _grown(connection: Connection, tenant: str) -> list[Any]:
    """Chains with entries that are not anchored, locked, without those that are locked by somebody else: waiting for
    them one could be waited for."""
    of = AUDIT_CHAINS.c
    asked = (
        select(of.chain, of.number, of.hash, of.anchored)
        .where(of.tenant == tenant, of.grown == literal_column("1"))  # as the index says it
        .limit(MOST_HEADS)
        .with_for_update(skip_locked=True)
    )
    return sorted(connection.execute(asked).all(), key=lambda row: str(row.chain))


def _add(
    connection: Connection,
    tenant: str,
    before: Anchor | None,
    grown: list[Any],
    at: datetime,
) -> Anchor:
    number, previous = (before.number + 1, before.hash) if before is not None else (1, FIRST)
    chains = (before.chains if before is not None else 0) + sum(row.anchored == 0 for row in grown)
    entries = (before.entries if before is not None else 0) + sum(row.number - row.anchored for row in grown)
    heads = [(row.chain, row.number, row.hash) for row in grown]
    content = msgspec.json.encode(AnchorContent(tenant, number, at.isoformat(), chains, entries, heads), order="sorted")
    found = entry_hash(previous, content)
    row = {"number": number, "previous": previous, "hash": found, "content": content.decode(), "at": at}
    connection.execute(AUDIT_ANCHORS.insert().values(tenant=tenant, **row))
    these = (AUDIT_CHAINS.c.tenant == tenant, AUDIT_CHAINS.c.chain.in_([chain for chain, _, _ in heads]))
    connection.execute(update(AUDIT_CHAINS).where(*these).values(grown=0, anchored=AUDIT_CHAINS.c.number))
    return Anchor(number, found, at, chains, entries)
