"""A fact as its system hands it out, and what the shapes of several systems share."""

from __future__ import annotations

import csv
import io
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec

from simulator.world.facts import Fact, Thing

_encode = msgspec.json.Encoder().encode


class Told(NamedTuple):
    """One telling of a fact. `attributes`: those that its first object has from its beginning, where this system is the
    first to tell of it."""

    fact: Fact
    seen_us: int
    attributes: Mapping[str, str]

    @property
    def main(self) -> Thing:
        return self.fact.things[0]


class Source(Protocol):
    """Writes what one system tells."""

    def take(self, day: date, told: Sequence[Told]) -> None:
        """What was told on one day, in the order in which it was told; at least one thing."""

    def close(self) -> None: ...


class DayFiles(ABC):
    """A source with a file per day and nothing that it remembers."""

    suffix = "jsonl"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def take(self, day: date, told: Sequence[Told]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / f"{day}.{self.suffix}").write_bytes(self.content(told))

    @abstractmethod
    def content(self, told: Sequence[Told]) -> bytes:
        """The file of what was told on a day."""

    def close(self) -> None:
        return None


def json_lines(records: Iterable[Any]) -> bytes:
    """Records as JSON, one per line."""
    return b"".join(_encode(record) + b"\n" for record in records)


def table(header: Sequence[str], rows: Iterable[Sequence[Any]], delimiter: str = ",") -> bytes:
    """Rows as CSV."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue().encode()


def slug(activity: str) -> str:
    """An activity as one word: `Order placed` is order_placed."""
    return activity.lower().replace(" ", "_").replace("-", "_")


def references(things: Iterable[Thing]) -> dict[str, list[str]]:
    """Ids of objects by their types."""
    found: dict[str, list[str]] = {}
    for thing in things:
        found.setdefault(thing.type, []).append(thing.id)
    return found


def listed(things: Iterable[Thing]) -> str:
    """Objects in one cell: order:O-1 order_line:O-1-1."""
    return " ".join(f"{thing.type}:{thing.id}" for thing in things)


def facts_of(told: Told) -> dict[str, Any]:
    """What a system writes besides: the details of what happened, and attributes of a new object."""
    if not told.fact.details:
        return dict(told.attributes)
    plain = {name: value for name, value in told.fact.details.items() if not name.endswith("_us")}
    return {**told.attributes, **plain}


def noted(told: Told) -> str:
    """`facts_of` in one cell, as JSON; "" where there is nothing."""
    found = facts_of(told)
    return _encode(found).decode() if found else ""
