"""Audits in memory, and what somebody with the database in their hands could do to one."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

import msgspec

from kernel.audit.anchors import Anchor, AnchorContent
from kernel.audit.chain import FIRST, content_of, entry_hash
from kernel.audit.records import ANCHOR_CHAIN, Record

TENANT = "local"
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc)
SECOND = timedelta(seconds=1)


@dataclass
class Rows:
    """An audit as lists of rows; as `kernel.audit.records.Audit` it gives them in the order of the database."""

    kept: list[Record] = field(default_factory=list)
    anchored: list[Record] = field(default_factory=list)
    listed: dict[str, tuple[int, str]] = field(default_factory=dict)

    def anchors(self) -> Iterator[Record]:
        return iter(sorted(self.anchored, key=lambda record: record.number))

    def entries(self) -> Iterator[Record]:
        return iter(sorted(self.kept, key=lambda record: (record.chain, record.number)))

    def ends(self) -> Iterator[tuple[str, int, str]]:
        return iter((chain, number, hash_) for chain, (number, hash_) in sorted(self.listed.items()))

    def copy(self) -> Rows:
        return Rows(list(self.kept), list(self.anchored), dict(self.listed))

    def chain(self, name: str) -> list[Record]:
        return sorted((one for one in self.kept if one.chain == name), key=lambda record: record.number)

    def same(self, other: Rows) -> bool:
        mine, theirs = (sorted(map(repr, rows.kept + rows.anchored)) for rows in (self, other))
        return mine == theirs

    def append(self, chain: str, **body: object) -> None:
        number, previous = self.listed.get(chain, (0, FIRST))
        at = NOON + SECOND * len(self.kept)
        content = content_of(TENANT, chain, number + 1, kind="step", actor="ana", body=body, at=at)
        self.kept.append(bound(Record(chain, number + 1, previous, "", content.decode(), at), previous))
        self.listed[chain] = (number + 1, self.kept[-1].hash)

    def anchor(self) -> Anchor:
        before = [msgspec.json.decode(one.content, type=AnchorContent) for one in self.anchored]
        known = {chain: number for content in before for chain, number, _ in content.heads}
        grown = [(c, n, h) for c, (n, h) in sorted(self.listed.items()) if known.get(c, 0) < n]
        entries = sum(number for number, _ in self.listed.values())
        at, number = NOON + SECOND * len(self.kept), len(self.anchored) + 1
        content = AnchorContent(TENANT, number, at.isoformat(), len(self.listed), entries, grown)
        previous = self.anchored[-1].hash if self.anchored else FIRST
        text = msgspec.json.encode(content, order="sorted").decode()
        self.anchored.append(bound(Record(ANCHOR_CHAIN, number, previous, "", text, at), previous))
        return Anchor(number, self.anchored[-1].hash, at, len(self.listed), entries)


def bound(record: Record, previous: str) -> Record:
    """The record, following this hash and with a hash that is right."""
    return msgspec.structs.replace(record, previous=previous, hash=entry_hash(previous, record.content.encode()))


def told(record: Record, **change: object) -> Record:
    """The record with another content, its hash left as it was."""
    content = msgspec.json.decode(record.content) | change
    return msgspec.structs.replace(record, content=msgspec.json.encode(content, order="sorted").decode())


def an_audit(seed: random.Random, entries: int = 24, chains: int = 5) -> tuple[Rows, Anchor]:
    """Some entries in some chains, anchored now and then and at the end; the last anchor."""
    rows, names = Rows(), ["users", "keys", *(f"run:{number}" for number in range(chains - 2))]
    for position in range(entries):
        chain = names[position] if position < chains else seed.choice(names)
        rows.append(chain, step=seed.randrange(1000))
        if seed.random() < 0.2:
            rows.anchor()
    return rows, rows.anchor()


# Attacks: each changes the rows in place ----------------------------------------------------------------------


def edited(rows: Rows, seed: random.Random) -> None:
    """One value of one row."""
    table = seed.choice((rows.kept, rows.kept, rows.anchored))
    position = seed.randrange(len(table))
    row = table[position]
    digit = seed.choice("0123456789abcdef") + row.hash[1:]
    table[position] = seed.choice(
        (
            told(row, actor="bo") if table is rows.kept else told(row, entries=row.number + 100),
            told(row, at=(row.at + SECOND).isoformat()),
            msgspec.structs.replace(row, content=row.content.replace("1", "2", 1)),
            msgspec.structs.replace(row, content=row.content[: seed.randrange(len(row.content))]),
            msgspec.structs.replace(row, hash=digit),
            msgspec.structs.replace(row, previous=digit),
            msgspec.structs.replace(row, at=row.at + seed.choice((1, -1)) * SECOND),
            msgspec.structs.replace(row, number=row.number + seed.randrange(1, 9)),
            msgspec.structs.replace(row, chain=seed.choice(("users", "run:77"))) if table is rows.kept else row,
        )
    )


def deleted(rows: Rows, seed: random.Random) -> None:
    """One row, wherever it is."""
    table = seed.choice((rows.kept, rows.kept, rows.anchored))
    del table[seed.randrange(len(table))]


def chain_deleted(rows: Rows, seed: random.Random) -> None:
    name = seed.choice(rows.kept).chain
    rows.kept = [one for one in rows.kept if one.chain != name]


def truncated(rows: Rows, seed: random.Random) -> None:
    """The end of a chain, of the anchors, or of everything since an instant."""
    how, row = seed.randrange(3), seed.choice(rows.kept)
    if how == 0:
        rows.kept = [one for one in rows.kept if one.chain != row.chain or one.number < row.number]
    elif how == 1:
        del rows.anchored[seed.randrange(len(rows.anchored)) :]
    else:
        rows.kept = [one for one in rows.kept if one.at < row.at]
        rows.anchored = [one for one in rows.anchored if one.at < row.at]


def reordered(rows: Rows, seed: random.Random) -> None:
    """Two rows in each other's place, or only their contents, or two chains under each other's names."""
    table = seed.choice((rows.kept, rows.kept, rows.anchored))
    one, two = seed.randrange(len(table)), seed.randrange(len(table))
    first, second = table[one], table[two]
    how = seed.randrange(3)
    if how == 0:
        place = {"chain": second.chain, "number": second.number}
        table[one] = msgspec.structs.replace(first, **place)
        table[two] = msgspec.structs.replace(second, chain=first.chain, number=first.number)
    elif how == 1:
        table[one] = msgspec.structs.replace(first, content=second.content)
        table[two] = msgspec.structs.replace(second, content=first.content)
    else:
        names = {first.chain: second.chain, second.chain: first.chain}
        table[:] = [msgspec.structs.replace(each, chain=names.get(each.chain, each.chain)) for each in table]


def inserted(rows: Rows, seed: random.Random) -> None:
    """A row before the end of a chain, the later ones moved on by one."""
    row = seed.choice(rows.kept)
    later = [one for one in rows.kept if one.chain == row.chain and one.number >= row.number]
    rows.kept = [one for one in rows.kept if one not in later]
    rows.kept += [told(msgspec.structs.replace(one, number=one.number + 1), number=one.number + 1) for one in later]
    rows.kept.append(told(row, actor="mallory"))


ATTACKS: tuple[Callable[[Rows, random.Random], None], ...] = (
    edited,
    deleted,
    chain_deleted,
    truncated,
    reordered,
    inserted,
)


# What an attacker puts right again, so that it is noticed less -------------------------------------------------


def relisted(rows: Rows) -> None:
    """The list of chains says what is there now."""
    rows.listed = {one.chain: (one.number, one.hash) for one in rows.entries()}


def rehashed(rows: Rows) -> None:
    """Every chain follows itself again."""
    made: list[Record] = []
    for row in rows.entries():
        previous = made[-1].hash if made and made[-1].chain == row.chain else FIRST
        made.append(bound(row, previous))
    rows.kept = made
    relisted(rows)


def rebuilt(rows: Rows) -> None:
    """The chains follow themselves, their anchors hold what is there now, and these follow themselves too."""
    rehashed(rows)
    there = {(one.chain, one.number): one.hash for one in rows.kept}
    made: list[Record] = []
    for row in rows.anchors():
        try:
            content = msgspec.json.decode(row.content, type=AnchorContent)
        except msgspec.MsgspecError:
            continue
        heads = [
            (chain, number, there[chain, number]) for chain, number, _ in content.heads if (chain, number) in there
        ]
        text = msgspec.json.encode(msgspec.structs.replace(content, heads=heads), order="sorted").decode()
        made.append(bound(msgspec.structs.replace(row, content=text), made[-1].hash if made else FIRST))
    rows.anchored = made


REPAIRS: tuple[Callable[[Rows], None], ...] = (lambda _: None, relisted, rehashed, rebuilt)
