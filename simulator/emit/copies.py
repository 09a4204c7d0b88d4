"""Copies of a simulation that is written as Parquet, one after the other in its files: a large log of a small one.

Every copy but the first tells the same of later weeks and of other objects. Ids of events and of objects end in `-c2`
in the second copy, `-c3` in the third; objects of the types in KEPT are the same in all copies. Traces are others, by
their ids of before. Instants move by one span per copy, so what lies between two events of a copy is what lies between
them in the first; dates and weeks in texts move by as many whole weeks. What is open at the end of a copy stays open,
and the next one begins with the stock of the first.

A copy begins at midnight by the clocks of the head office, on the same day of the week as the first. Hours of the day
are the same as well, but where clocks change: within the copy or the first, what comes after it is an hour earlier or
later by the clocks. A copy in whose time clocks go forward may end in the first hour of the next.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pyarrow.parquet

from simulator.emit.writer import digest
from simulator.world.retailer import ZONE
from simulator.world.times import instant_us, local_us, written

KEPT = ("interface", "sku", "sku_location", "store")
"""Types of objects that are there once and for all: whatever joins others and is no case of its own."""
LAST_YEAR = 2180
"""No copy begins in this year or later: far beyond it the warehouse has no instants."""
NAMING = {"call", "customer", "of", "same_work_as", "twin_of"}
"""What a fault shows of an object that names another one, by its id or by its type and its id."""
_TIME_US = "_at_us"
"""How the name of an instant ends that a fault shows as a number."""
_TIME = r"^\d{4}-(?:W\d\d|\d\d-\d\d(?:T[0-9:.]+Z)?)$"
_WEEK = timedelta(weeks=1)

Change = Callable[[pl.DataFrame, "Copy"], pl.DataFrame]


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy, counted from 1, which is the original: its first day, and how much later it is."""

    number: int
    first: date
    later: timedelta
    """Of its days: whole weeks."""
    shift_us: int
    """Of its instants."""

    @property
    def mark(self) -> str:
        """What its ids end in."""
        return f"-c{self.number}" if self.number > 1 else ""

    def id(self, type_: str, id_: str) -> str:
        """Its object for one of the first copy."""
        return id_ if type_ in KEPT else id_ + self.mark

    def time(self, text: str) -> str:
        """Its time for one that is written as a date, as an ISO week or as an instant in UTC; other text as it is."""
        if not re.match(_TIME, text):
            return text
        if "T" in text:
            return written(instant_us(datetime.fromisoformat(text)) + self.shift_us)
        if "W" in text:
            year, week, _ = (date.fromisocalendar(int(text[:4]), int(text[6:]), 1) + self.later).isocalendar()
            return f"{year}-W{week:02d}"
        return (date.fromisoformat(text) + self.later).isoformat()


def copies_of(first: date, days: int, count: int) -> list[Copy]:
    """So many copies of days from a first one on. ValueError for fewer than one, or where the last begins too late."""
    if count < 1:
        raise ValueError(f"expected 1 or more, got {count}")
    apart = -(-days // 7) * _WEEK
    most = (date(LAST_YEAR, 1, 1) - first - timedelta(days=1)) // apart + 1
    if count > most:
        raise ValueError(f"the last of {count} begins after the year {LAST_YEAR - 1}; at most {most} do not")
    zone = ZoneInfo(ZONE)
    begins_us = local_us(first, "00:00", zone)
    days_of = ((number, first + (number - 1) * apart) for number in range(1, count + 1))
    return [Copy(number, day, day - first, local_us(day, "00:00", zone) - begins_us) for number, day in days_of]


def write_copies(folder: Path, copies: Sequence[Copy], done: Callable[[int], None]) -> None:
    """Have the Parquet files in a folder hold all these copies instead of the first alone, one after the other.

    Holds the events of one day at most. `done` is called with the number of each copy whose events are written.
    """
    events = _Events()
    _multiply(folder / "events.parquet", copies, events.change, done)
    _multiply(folder / "links.parquet", copies, _links)
    _multiply(folder / "attributes.parquet", copies, _attributes)


def truth_of(truth: dict[str, Any], copies: Sequence[Copy]) -> dict[str, Any]:
    """The truth about all copies, of that about the first.

    `faults`: those of every copy, which `copy` numbers, one copy after the other. `end` is that of the last copy,
    `days` still those of one. `copies`: one row per copy with its number, its first day, its start and end, `shift_s`,
    the seconds by which its instants are later than those of the first, and `mark`, what its ids end in.
    """
    spans = [
        {
            "copy": copy.number,
            "first_day": copy.first.isoformat(),
            "start": copy.time(truth["start"]),
            "end": copy.time(truth["end"]),
            "shift_s": copy.shift_us // 1_000_000,
            "mark": copy.mark,
        }
        for copy in copies
    ]
    faults = [{"copy": copy.number, **_fault(fault, copy)} for copy in copies for fault in truth["faults"]]
    return truth | {"end": spans[-1]["end"], "copies": spans, "faults": faults}


def _fault(fault: dict[str, Any], copy: Copy) -> dict[str, Any]:
    affected = [
        {name: _shown(name, value, copy) for name, value in hit.items()} | {"id": copy.id(hit["type"], hit["id"])}
        for hit in fault["affected"]
    ]
    return fault | {"start": copy.time(fault["start"]), "end": copy.time(fault["end"]), "affected": affected}


def _shown(name: str, value: Any, copy: Copy) -> Any:
    """What a copy shows for what the first shows under a name."""
    if name in NAMING:
        return [value[0], copy.id(*value)] if isinstance(value, list) else value + copy.mark
    if name.endswith(_TIME_US):
        return value + copy.shift_us
    return copy.time(value) if isinstance(value, str) else value


def _multiply(path: Path, copies: Sequence[Copy], change: Change, done: Callable[[int], None] | None = None) -> None:
    """Write a file anew: its rows for every copy, row group by row group."""
    partial = path.with_suffix(".copies")
    source = pyarrow.parquet.ParquetFile(path)
    schema = source.schema_arrow
    with pyarrow.parquet.ParquetWriter(partial, schema, compression="zstd") as out:
        for copy in copies:
            for group in range(source.num_row_groups):
                frame = pl.DataFrame(source.read_row_group(group))
                if len(frame):
                    out.write_table(change(frame, copy).to_arrow().cast(schema))
            if done is not None:
                done(copy.number)
    source.close()
    partial.replace(path)


class _Events:
    """Changes events, the first copy before the others: it tells which details hold times."""

    def __init__(self) -> None:
        self._timed: set[str] = set()

    def change(self, events: pl.DataFrame, copy: Copy) -> pl.DataFrame:
        if copy.number == 1:
            self._timed.update(_timed(events))
            return events
        mark = copy.mark
        return events.with_columns(
            pl.col("event_id") + mark,
            pl.col("occurred_at", "started_at", "seen_at") + timedelta(microseconds=copy.shift_us),
            _marked("object_type", "object_id", mark),
            _marked_in_lists(mark),
            _other_digests(events["trace_id"], 16, mark),
            _other_digests(events["span_id"], 8, mark),
            *(_later(events[name], copy) for name in sorted(self._timed)),
        )


def _links(links: pl.DataFrame, copy: Copy) -> pl.DataFrame:
    return links.with_columns(
        pl.col("at") + timedelta(microseconds=copy.shift_us),
        _marked("from_type", "from_id", copy.mark),
        _marked("to_type", "to_id", copy.mark),
    )


def _attributes(attributes: pl.DataFrame, copy: Copy) -> pl.DataFrame:
    """What objects of all copies have from the beginning is told once."""
    if copy.number > 1:
        attributes = attributes.filter(~pl.col("type").is_in(KEPT) | pl.col("changed_at").is_not_null())
    return attributes.with_columns(
        pl.col("changed_at") + timedelta(microseconds=copy.shift_us),
        _marked("type", "id", copy.mark),
        _later(attributes["value"], copy),
    )


def _timed(events: pl.DataFrame) -> Iterator[str]:
    """The columns in which a text is a time."""
    for name, kind in events.schema.items():
        if kind == pl.String and events[name].str.contains(_TIME).any():
            yield name


def _marked(type_: str, id_: str, mark: str) -> pl.Expr:
    return pl.when(pl.col(type_).is_in(KEPT)).then(id_).otherwise(pl.col(id_) + mark).alias(id_)


def _marked_in_lists(mark: str) -> pl.Expr:
    """The objects of events, which are lists of [type, id, ""] in JSON: all are marked, then some no more."""
    kept = rf'(\["(?:{"|".join(KEPT)})","(?:[^"\\]|\\.)*){re.escape(mark)}",""\]'
    marked = pl.col("objects").str.replace_all('",""]', f'{mark}",""]', literal=True)
    return marked.str.replace_all(kept, '$1",""]')


def _other_digests(names: pl.Series, size: int, mark: str) -> pl.Series:
    return _replaced(names, lambda name: digest(size, name + mark) if name else "")


def _later(texts: pl.Series, copy: Copy) -> pl.Series:
    return _replaced(texts, copy.time, texts.str.contains(_TIME))


def _replaced(texts: pl.Series, become: Callable[[str], str], where: pl.Series | None = None) -> pl.Series:
    """The texts with each of those that it is asked of, all by default, as it becomes; each is worked out once."""
    known = (texts if where is None else texts.filter(where)).drop_nulls().unique()
    return texts.replace(known, pl.Series([become(text) for text in known], dtype=pl.String))
