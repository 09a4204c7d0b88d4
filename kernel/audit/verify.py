"""Verifying an audit: whether anything that was recorded was changed, deleted, inserted or moved.

The entries of a chain are bound to each other by hashes, anchors bind the chains, and a signed head that was kept
elsewhere binds the anchors. Without a head only what is inconsistent is found: who can write the database could have
made all of it anew. What was recorded after the newest head is told as not covered by it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from typing import Any

import msgspec

from kernel.audit.anchors import AnchorContent
from kernel.audit.chain import FIRST, entry_hash
from kernel.audit.pledges import LISTED, Pledges
from kernel.audit.records import ANCHOR_CHAIN, Audit, Record, Unreadable
from kernel.audit.signing import PublicKeys, SignedHead, signature_right

MOST_SHOWN = 1000
"""Breaches that are kept; the others are counted."""


class Kind(StrEnum):
    """What is wrong at one place."""

    UNREADABLE = "unreadable"  # no record at all
    MISSING = "missing"  # numbers that are not there
    ORDER = "order"  # a number, or a chain, that was there before
    UNBOUND = "unbound"  # does not follow the hash of the one before it
    CHANGED = "changed"  # its hash is not that of its content
    MISPLACED = "misplaced"  # its content says that it is of elsewhere
    REPLACED = "replaced"  # another one than was anchored
    CUT = "cut"  # the chain ends before what was anchored
    GONE = "gone"  # the whole chain is not there
    COUNT = "count"  # an anchor counts what the anchors before it do not add up to
    HEAD = "head"  # the anchor that was signed is not there, or is another
    SIGNATURE = "signature"  # the head was not signed by a key that is known


@dataclass(frozen=True, slots=True)
class Breach:
    """One place where the audit is not what it was. `number` 0: the chain as a whole."""

    chain: str
    number: int
    kind: Kind
    message: str


@dataclass(slots=True)
class Verification:
    """What was read, and what is wrong with it. `covered_by`: number of the anchor of the newest head that holds.
    `breaches`: the first thousand of `found`."""

    chains: int = 0
    entries: int = 0
    anchors: int = 0
    covered_by: int | None = None
    not_covered: int = 0
    found: int = 0
    breaches: list[Breach] = field(default_factory=list)

    @property
    def intact(self) -> bool:
        return self.found == 0

    def add(self, chain: str, number: int, kind: Kind, message: str) -> None:
        self.found += 1
        if len(self.breaches) < MOST_SHOWN:
            self.breaches.append(Breach(chain, number, kind, message))


class EntryContent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an entry says (`kernel.audit.chain.content_of`)."""

    tenant: str
    chain: str
    number: int
    kind: str
    actor: str
    at: str
    body: dict[str, Any]


def verify(audit: Audit, tenant: str, heads: Sequence[SignedHead] = (), keys: PublicKeys | None = None) -> Verification:
    """Read the whole audit of a tenant once, and hold it to itself and to the heads. Memory does not grow with it."""
    with Pledges() as pledges:
        found = Verification()
        _Verifier(audit, tenant, pledges, found).run(_believed(heads, tenant, keys or {}, found))
    return found


def _believed(heads: Sequence[SignedHead], tenant: str, keys: PublicKeys, found: Verification) -> list[SignedHead]:
    """The heads that are signed, and of this tenant."""
    believed = []
    for head in heads:
        if not signature_right(head, keys):
            known = "by its key" if head.key_id in keys else f"by a known key, and its key is {head.key_id}"
            found.add(ANCHOR_CHAIN, head.anchor, Kind.SIGNATURE, f"the head was not signed {known}")
        elif head.tenant != tenant:
            found.add(ANCHOR_CHAIN, head.anchor, Kind.SIGNATURE, f"the head is of tenant {head.tenant}")
        else:
            believed.append(head)
    return believed


class _Sequence:
    """Records that follow each other."""

    def __init__(self, chain: str, found: Verification) -> None:
        self.chain, self.found = chain, found
        self.number, self.hash = 0, FIRST

    def follow(self, record: Record) -> None:
        if record.number > self.number + 1:
            absent = f"{self.number + 1} to {record.number - 1}"
            self.found.add(self.chain, self.number + 1, Kind.MISSING, f"not there: {absent}")
        elif record.number <= self.number:
            self.found.add(self.chain, record.number, Kind.ORDER, f"comes after {self.number}")
        elif record.previous != self.hash:
            self.found.add(self.chain, record.number, Kind.UNBOUND, "does not follow the one before it")
        if entry_hash(record.previous, record.content.encode()) != record.hash:
            self.found.add(self.chain, record.number, Kind.CHANGED, "its content is not what was hashed")
        if record.number > self.number:
            self.number, self.hash = record.number, record.hash


class _Verifier:
    def __init__(self, audit: Audit, tenant: str, pledges: Pledges, found: Verification) -> None:
        self._audit, self._tenant, self._pledges, self._found = audit, tenant, pledges, found
        self._anchor = msgspec.json.Decoder(AnchorContent)
        self._entry = msgspec.json.Decoder(EntryContent)

    def run(self, heads: list[SignedHead]) -> None:
        self._read_anchors(heads)
        for chain, number, hash_ in self._audit.ends():  # before the entries, which may grow meanwhile
            self._pledges.add(chain, number, LISTED, hash_)
        for chain, records in groupby(self._readable(self._audit.entries()), key=lambda record: record.chain):
            self._read_chain(chain, records)
        for chain, number, anchor in self._pledges.unseen():
            self._found.add(chain, 0, Kind.GONE, f"the chain is not there; it had {number} entries {_by(anchor)}")

    def _readable(self, records: Iterator[Record | Unreadable]) -> Iterator[Record]:
        for record in records:
            if isinstance(record, Unreadable):
                self._found.add("", 0, Kind.UNREADABLE, f"{record.place} is no record")
            else:
                yield record

    # Anchors -----------------------------------------------------------------------------------------------

    def _read_anchors(self, heads: list[SignedHead]) -> None:
        found, sequence, chains, entries = self._found, _Sequence(ANCHOR_CHAIN, self._found), 0, 0
        signed: dict[int, set[str]] = {}
        for head in heads:
            signed.setdefault(head.anchor, set()).add(head.hash)
        for record in self._readable(self._audit.anchors()):
            found.anchors += 1
            sequence.follow(record)
            content = self._content(self._anchor, record)
            if content is not None:
                chains, entries = self._pledge(record, content, chains, entries)
            if signed.get(record.number) == {record.hash}:
                del signed[record.number]
                found.covered_by = max(record.number, found.covered_by or 0)
        for number in sorted(signed):
            found.add(ANCHOR_CHAIN, number, Kind.HEAD, "the anchor that was signed is not there, or is another")

    def _pledge(self, record: Record, content: AnchorContent, chains: int, entries: int) -> tuple[int, int]:
        for chain, number, hash_ in content.heads:
            before = self._pledges.newest(chain, record.number)
            chains, entries = chains + (before == 0), entries + number - before
            self._pledges.add(chain, number, record.number, hash_)
        if (content.chains, content.entries) != (chains, entries):
            counted = (
                f"{content.chains} chains and {content.entries} entries, where {chains} and {entries} are anchored"
            )
            self._found.add(ANCHOR_CHAIN, record.number, Kind.COUNT, f"counts {counted}")
        return content.chains, content.entries

    # Entries -----------------------------------------------------------------------------------------------

    def _read_chain(self, chain: str, records: Iterator[Record]) -> None:
        found, sequence = self._found, _Sequence(chain, self._found)
        if self._pledges.see(chain):
            found.chains += 1
        else:
            found.add(chain, 0, Kind.ORDER, "the chain was there before")
        covered = self._pledges.newest(chain, found.covered_by or 0)
        pledges = self._pledges.of(chain)
        pledge = next(pledges, None)
        for record in records:
            found.entries += 1
            found.not_covered += record.number > covered
            sequence.follow(record)
            self._content(self._entry, record)
            while pledge is not None and pledge[0] <= record.number:
                number, anchor, hash_ = pledge
                if number == record.number and hash_ != record.hash:
                    found.add(chain, number, Kind.REPLACED, f"another one was there {_by(anchor)}")
                pledge = next(pledges, None)
        while pledge is not None:
            number, anchor, _ = pledge
            found.add(chain, number, Kind.CUT, f"the chain ends at {sequence.number}; {number} was there {_by(anchor)}")
            pledge = next(pledges, None)

    def _content(self, decoder: msgspec.json.Decoder[Any], record: Record) -> Any:
        """What the record says; None, and a breach, when it is nothing or of elsewhere than the record."""
        try:
            content = decoder.decode(record.content)
            place = (content.tenant, content.number, datetime.fromisoformat(content.at))
            right = place == (self._tenant, record.number, record.at)
        except (msgspec.MsgspecError, ValueError, TypeError):
            self._found.add(record.chain, record.number, Kind.MISPLACED, "its content is none")
            return None
        if not right or getattr(content, "chain", record.chain) != record.chain:
            self._found.add(record.chain, record.number, Kind.MISPLACED, "its content is of another place or time")
        return content


def _by(anchor: int) -> str:
    return "by the list of chains" if anchor == LISTED else f"by anchor {anchor}"
