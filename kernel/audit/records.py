"""Where an audit is read from to be verified: the state database, or a folder that it was exported to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Protocol

import msgspec
from sqlalchemy import Select, select

from kernel.errors import NotFound
from kernel.state.database import State
from kernel.state.tables.audit import AUDIT_ANCHORS, AUDIT_CHAINS, AUDIT_ENTRIES

ENTRIES, ANCHORS, HEAD, KEYS = "entries.ndjson", "anchors.ndjson", "head.json", "keys.pem"
"""What an export consists of."""
ANCHOR_CHAIN = "(anchors)"
"""What the chain of the anchors is called in reports."""
LONGEST_LINE = 1 << 24
AT_ONCE = 1000


Number = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry, or one anchor (of `ANCHOR_CHAIN`), as it is kept: nothing of it is believed."""

    chain: str
    number: Number
    previous: str
    hash: str
    content: str
    at: datetime


class Unreadable(msgspec.Struct, frozen=True):
    """Where a record should be and is none."""

    place: str


class Audit(Protocol):
    """All that there is of one tenant. Anchors are read first: what they list was recorded before."""

    def anchors(self) -> Iterator[Record | Unreadable]:
        """By number."""
        ...

    def entries(self) -> Iterator[Record | Unreadable]:
        """Chain by chain, by number within."""
        ...

    def ends(self) -> Iterator[tuple[str, int, str]]:
        """Where each chain ends by the list of chains, by chain: number and hash; nothing where there is no list."""
        ...


class StoredAudit:
    """The audit of a tenant in the state database, read a thousand rows at a time."""

    def __init__(self, state: State, tenant: str) -> None:
        self._state, self._tenant = state, tenant

    def anchors(self) -> Iterator[Record]:
        of = AUDIT_ANCHORS.c
        asked = select(of.number, of.previous, of.hash, of.content, of.at).where(of.tenant == self._tenant)
        for row in self._rows(asked.order_by(of.number)):
            yield Record(ANCHOR_CHAIN, *row)

    def entries(self) -> Iterator[Record]:
        of = AUDIT_ENTRIES.c
        asked = select(of.chain, of.number, of.previous, of.hash, of.content, of.at).where(of.tenant == self._tenant)
        for row in self._rows(asked.order_by(of.chain, of.number)):
            yield Record(*row)

    def ends(self) -> Iterator[tuple[str, int, str]]:
        of = AUDIT_CHAINS.c
        asked = select(of.chain, of.number, of.hash).where(of.tenant == self._tenant)
        for row in self._rows(asked.order_by(of.chain)):
            yield row.chain, row.number, row.hash

    def _rows(self, asked: Select[Any]) -> Iterator[Any]:
        with self._state.reading() as connection:
            yield from connection.execute(asked.execution_options(yield_per=AT_ONCE))


class ExportedAudit:
    """The audit in a folder that `gembascope audit export` wrote. `NotFound` when it is none."""

    def __init__(self, folder: Path) -> None:
        for name in (ENTRIES, ANCHORS):
            if not (folder / name).is_file():
                raise NotFound(f"{folder}: expected an exported audit, and there is no {name}")
        self._folder = folder

    def anchors(self) -> Iterator[Record | Unreadable]:
        return self._records(ANCHORS)

    def entries(self) -> Iterator[Record | Unreadable]:
        return self._records(ENTRIES)

    def ends(self) -> Iterator[tuple[str, int, str]]:
        return iter(())

    def _records(self, name: str) -> Iterator[Record | Unreadable]:
        decoder, line = msgspec.json.Decoder(Record), 0
        with (self._folder / name).open("rb") as file:
            while text := file.readline(LONGEST_LINE):
                line += 1
                try:
                    yield decoder.decode(text)
                except (msgspec.MsgspecError, UnicodeDecodeError):
                    yield Unreadable(f"line {line} of {name}")
