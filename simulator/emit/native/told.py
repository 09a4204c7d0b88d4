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

from simulator.emit.writer import STARTED
from simulator.world.facts import Fact, Thing

_encode = msgspec.json.Encoder().encode
Row = tuple[str, ...]


class Told(NamedTuple):
    """One telling of a fact, at `seen_us`; the first was at that of the fact. `beginnings`: the attributes that its
    objects have from their beginning, where this fact is the one to tell them."""

    fact: Fact
    seen_us: int
    beginnings: Mapping[Thing, Mapping[str, str]]

    @property
    def main(self) -> Thing:
        return self.fact.things[0]

    @property
    def others(self) -> tuple[Thing, ...]:
        return self.fact.things[1:]

    @property
    def details(self) -> dict[str, Any]:
        """What its system writes of what happened."""
        given = self.fact.details
        return {name: value for name, value in given.items() if name != STARTED} if given else {}

    @property
    def master_data(self) -> list[Row]:
        """What objects are from their beginning: type, id, name and value."""
        return [(*thing.key, name, value) for thing, given in self.beginnings.items() for name, value in given.items()]

    @property
    def changed(self) -> list[Row]:
        """What objects become with it: type, id, name and value."""
        return [(*thing.key, name, value) for thing, name, value in self.fact.settings]

    @property
    def links(self) -> list[Row]:
        """Which objects belong together: type and id of each, and what the one is to the other."""
        return [(*one.key, *other.key, qualifier) for one, other, qualifier in self.fact.relations]


class Source(Protocol):
    """Writes what one system tells."""

    def take(self, day: date, told: Sequence[Told]) -> None:
        """What was told on one day, in the order in which it was told; at least one thing."""

    def close(self) -> None:
        """Nothing is told any more."""


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


def cell(value: Any) -> str:
    """A value in one cell, as JSON; "" where there is nothing."""
    return _encode(value).decode() if value else ""


NOTES = ("fields", "master_data", "changed", "links")
"""Columns of tables that hold more than one value, as JSON: details of what happened, what objects are from their
beginning, what they become, and which belong together."""


def notes(told: Told) -> tuple[str, str, str, str]:
    """The cells of NOTES."""
    return cell(told.details), cell(told.master_data), cell(told.changed), cell(told.links)


def noted(told: Told) -> dict[str, Any]:
    """The same as members of a JSON object, those that hold something."""
    found = {"data": told.details, "master_data": told.master_data, "changed": told.changed, "links": told.links}
    return {name: value for name, value in found.items() if value}
