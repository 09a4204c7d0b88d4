"""Appending to a chain, within the transaction of what is recorded: both are kept, or neither."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from kernel.state.tables.audit import AUDIT_CHAINS, AUDIT_ENTRIES

FIRST = "0" * 64
"""What the first entry of a chain follows."""


@dataclass(frozen=True, slots=True)
class Head:
    """The newest entry of a chain."""

    chain: str
    number: int
    hash: str


def append(
    connection: Connection, tenant: str, chain: str, *, kind: str, actor: str, body: Mapping[str, Any], at: datetime
) -> Head:
    """Add one entry. `body`: what JSON can hold, references rather than personal data, and never a secret.

    Who appends to one chain takes turns: it is locked until the transaction ends. So append last in a transaction,
    and to several chains in the order of their names; then nobody waits for somebody who waits for them.
    """
    upsert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    taken = (
        upsert(AUDIT_CHAINS)
        .values(tenant=tenant, chain=chain, number=1, hash=FIRST, anchored=0, grown=1)
        .on_conflict_do_update(
            index_elements=["tenant", "chain"], set_={"number": AUDIT_CHAINS.c.number + 1, "grown": 1}
        )
        .returning(AUDIT_CHAINS.c.number, AUDIT_CHAINS.c.hash)
    )
    number, previous = connection.execute(taken).one()
    content = content_of(tenant, chain, number, kind=kind, actor=actor, body=body, at=at)
    found = entry_hash(previous, content)
    connection.execute(
        AUDIT_ENTRIES.insert().values(
            tenant=tenant, chain=chain, number=number, previous=previous, hash=found, content=content.decode(), at=at
        )
    )
    ends = (AUDIT_CHAINS.c.tenant == tenant, AUDIT_CHAINS.c.chain == chain)
    connection.execute(AUDIT_CHAINS.update().where(*ends).values(hash=found))
    return Head(chain, number, found)


def content_of(
    tenant: str, chain: str, number: int, *, kind: str, actor: str, body: Mapping[str, Any], at: datetime
) -> bytes:
    """What an entry says, as the bytes that are hashed: JSON with sorted keys, everything of the entry included."""
    entry = {
        "tenant": tenant,
        "chain": chain,
        "number": number,
        "kind": kind,
        "actor": actor,
        "at": at.isoformat(),
        "body": body,
    }
    return msgspec.json.encode(entry, order="sorted")


def entry_hash(previous: str, content: bytes) -> str:
    return hashlib.sha256(previous.encode() + b"\n" + content).hexdigest()
