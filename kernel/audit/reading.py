"""The audit of one tenant as people read it: its entries, its head to be kept elsewhere, and all of it in a folder."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import select

from kernel.audit.anchors import anchor, newest_anchor
from kernel.audit.records import ANCHORS, ENTRIES, HEAD, KEYS, StoredAudit
from kernel.audit.signing import SignedHead, head_text, keys_text, public_keys, sign_head
from kernel.clock import Clock
from kernel.errors import InputError, NotFound
from kernel.settings import Settings
from kernel.state.database import State
from kernel.state.tables.audit import AUDIT_ENTRIES

NOTHING = "nothing was recorded in the audit of this tenant yet"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: `actor` did what `kind` says to what `body` refers to."""

    number: int
    at: datetime
    kind: str
    actor: str
    body: dict[str, Any]
    hash: str


class AuditReader:
    """The audit of the tenant of the settings, over an open state database."""

    def __init__(self, state: State, settings: Settings, clock: Clock) -> None:
        self._state, self._settings, self._clock = state, settings, clock
        self.tenant = settings.tenant

    def entries(self, chain: str, *, after: int = 0, limit: int = 100) -> list[Entry]:
        """Entries of a chain with numbers above `after`, by number; `NotFound` when the chain has none at all."""
        of = AUDIT_ENTRIES.c
        here = (of.tenant == self.tenant, of.chain == chain)
        with self._state.reading() as connection:
            asked = select(of.number, of.content, of.hash).where(*here, of.number > after)
            rows = connection.execute(asked.order_by(of.number).limit(limit)).all()
            if not rows and connection.execute(select(of.number).where(*here).limit(1)).first() is None:
                raise NotFound(f"the audit has no chain {chain[:80]!r}")
        return [_entry(row.content, row.hash) for row in rows]

    def head(self, *, grown: bool) -> SignedHead:
        """The newest anchor, signed now. `grown`: what grew since is anchored first.

        Raises
        ------
        NotFound
            Nothing was recorded, or nothing was anchored.
        """
        state, tenant = self._state, self.tenant
        found = anchor(state, tenant, self._clock) if grown else newest_anchor(state, tenant)
        if found is None:
            raise NotFound(NOTHING if grown else "nothing was anchored in the audit of this tenant yet")
        return sign_head(self._settings, tenant, found, self._clock.now())

    def export(self, folder: Path) -> SignedHead:
        """Write all entries and anchors, the head and the public keys into a new folder; the head, which covers what
        was recorded before.

        Raises
        ------
        InputError
            The folder holds something already.
        NotFound
            Nothing was recorded.
        """
        head = self.head(grown=True)
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if any(folder.iterdir()):
                raise InputError(f"{folder}: expected a new or empty folder")
            stored = StoredAudit(self._state, self.tenant)
            _write(folder / ANCHORS, (msgspec.json.encode(record) + b"\n" for record in stored.anchors()))
            _write(folder / ENTRIES, (msgspec.json.encode(record) + b"\n" for record in stored.entries()))
            _write(folder / KEYS, [keys_text(public_keys(self._settings)).encode()])
            _write(folder / HEAD, [head_text(head)])  # last: where there is a head the export is whole
        except OSError as error:
            raise InputError(f"{folder}: {error.strerror}") from None
        return head


def _entry(content: str, hash_: str) -> Entry:
    said = msgspec.json.decode(content)
    at = datetime.fromisoformat(said["at"])
    return Entry(said["number"], at, said["kind"], said["actor"], said["body"], hash_)


def _write(path: Path, pieces: Iterable[bytes]) -> None:
    with open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.writelines(pieces)
        file.flush()
        os.fsync(file.fileno())
