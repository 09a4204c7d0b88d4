"""Appending to a chain, within the transaction of what is recorded: both are kept, or neither."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from kernel.state.tables.audit import AUDIT_ENTRIES

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

    Whoever appends must have locked what the chain is about (on SQLite the writing transaction does): two who append to
    one chain at once get `StateConflict`, and one of them must do it again.
    """
    newest = (
        select(AUDIT_ENTRIES.c.number, AUDIT_ENTRIES.c.hash)
        .where(AUDIT_ENTRIES.c.tenant == tenant, AUDIT_ENTRIES.c.chain == chain)
        .order_by(AUDIT_ENTRIES.c.number.desc())
        .limit(1)
    )
    last = connection.execute(newest).one_or_none()
    number, previous = (last.number + 1, last.hash) if last is not None else (1, FIRST)
    content = content_of(tenant, chain, number, kind=kind, actor=actor, body=body, at=at)
    found = entry_hash(previous, content)
    connection.execute(
        AUDIT_ENTRIES.insert().values(
            tenant=tenant, chain=chain, number=number, previous=previous, hash=found, content=content.decode(), at=at
        )
    )
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
