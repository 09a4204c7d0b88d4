"""Appending to a chain, within the transaction of what is recorded: both are kept, or neither."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam
from sqlalchemy.dialects import postgresql, sqlite

from kernel.state.tables.audit import AUDIT_CHAINS, AUDIT_ENTRIES

FIRST = "0" * 64
"""What the first entry of a chain follows."""
_NEW = {"number": 1, "hash": FIRST, "anchored": 0, "grown": 1}


def _take(upsert: Any) -> Any:
    """Lock the chain, and number the next entry; with what it follows."""
    return (
        upsert(AUDIT_CHAINS)
        .on_conflict_do_update(
            index_elements=["tenant", "chain"], set_={"number": AUDIT_CHAINS.c.number + 1, "grown": 1}
        )
        .returning(AUDIT_CHAINS.c.number, AUDIT_CHAINS.c.hash)
    )


# Built once: every step of every run appends, and building a statement costs more than running it.
TAKE = {"sqlite": _take(sqlite.insert), "postgresql": _take(postgresql.insert)}
ADD = AUDIT_ENTRIES.insert()
END = (
    AUDIT_CHAINS.update()
    .where(AUDIT_CHAINS.c.tenant == bindparam("of_tenant"), AUDIT_CHAINS.c.chain == bindparam("of_chain"))
    .values(number=bindparam("ends_at"), hash=bindparam("ends_with"))
)


@dataclass(frozen=True, slots=True)
class Head:
    """The newest entry of a chain."""

    chain: str
    number: int
    hash: str


def append(
    connection: Connection,
    tenant: str,
    chain: str,
    *,
    kind: str,
    actor: str,
    body: Mapping[str, Any],
    at: datetime,
    after: Head | None = None,
) -> Head:
    """Add one entry. `body`: what JSON can hold, references rather than personal data, and never a secret. `after`: the
    newest entry, where this same transaction has added it; else it is looked up.

    Who appends to one chain takes turns: it is locked until the transaction ends. So append last in a transaction,
    and to several chains in the order of their names; then nobody waits for somebody who waits for them.
    """
    if after is not None:
        number, previous = after.number + 1, after.hash
    else:
        taken = TAKE[connection.dialect.name]
        number, previous = connection.execute(taken, {"tenant": tenant, "chain": chain, **_NEW}).one()
    content = content_of(tenant, chain, number, kind=kind, actor=actor, body=body, at=at)
    found = entry_hash(previous, content)
    entry = {"previous": previous, "hash": found, "content": content.decode(), "at": at}
    connection.execute(ADD, {"tenant": tenant, "chain": chain, "number": number, **entry})
    connection.execute(END, {"of_tenant": tenant, "of_chain": chain, "ends_at": number, "ends_with": found})
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
