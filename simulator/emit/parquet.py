"""The log as Parquet: `events.parquet` with its `mapping.yaml`, `links.parquet` and `attributes.parquet`.

Events are one row each, in the order in which they were told: their own columns, then one per detail that any of them
has. `links` tells which objects belong together and since when, `attributes` which value an attribute took, with no
time where it was so from the beginning. The days wait in a folder of their own until all details are known.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.ipc
import pyarrow.parquet
import yaml

from simulator.emit.writer import CALL, STARTED, Beginnings, span_id, trace_id
from simulator.world.facts import TELLING, Fact
from simulator.world.times import SECOND

if TYPE_CHECKING:
    from simulator.simulation import Day

INSTANT = pa.timestamp("us", "UTC")
OWN = {
    "event_id": pa.string(),
    "source": pa.string(),
    "activity": pa.string(),
    "occurred_at": INSTANT,
    "started_at": INSTANT,
    "seen_at": INSTANT,
    "precision": pa.string(),
    "sequence": pa.int64(),
    "actor": pa.string(),
    "actor_kind": pa.string(),
    "outcome": pa.string(),
    "error_code": pa.string(),
    "value": pa.decimal128(18, 2),
    "currency": pa.string(),
    "object_type": pa.string(),
    "object_id": pa.string(),
    "objects": pa.string(),
    "trace_id": pa.string(),
    "span_id": pa.string(),
}
"""Columns of events besides their details. `object_type` and `object_id`: what the event is about above all."""
LINKS = {
    "at": INSTANT,
    "from_type": pa.string(),
    "from_id": pa.string(),
    "to_type": pa.string(),
    "to_id": pa.string(),
    "qualifier": pa.string(),
}
ATTRIBUTES = {
    "type": pa.string(),
    "id": pa.string(),
    "attribute": pa.string(),
    "value": pa.string(),
    "changed_at": INSTANT,
}
MAPPING = {
    "case": "object_id",
    "activity": "activity",
    "time": "occurred_at",
    "start": "started_at",
    "seen": "seen_at",
    "precision": "precision",
    "sequence": "sequence",
    "event_id": "event_id",
    "source": "source",
    "actor": "actor",
    "actor_kind": "actor_kind",
    "outcome": "outcome",
    "error_code": "error_code",
    "value": "value",
    "currency": "currency",
    "object_list": "objects",
    "trace_id": "trace_id",
    "span_id": "span_id",
    "drop": ["object_type"],
}
COARSE = frozenset(system for system, telling in TELLING.items() if telling.clock_us >= SECOND)
CENT = pa.scalar(Decimal("0.01"), pa.decimal128(3, 2))
_encode = msgspec.json.Encoder().encode


class ParquetWriter:
    """Writes the four files into a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._parts = folder, folder / "days"
        self._parts.mkdir(parents=True)
        self._days: list[Path] = []
        self._details: dict[str, pa.DataType] = {}
        self._beginnings = Beginnings()
        self._links = _Table(folder / "links.parquet", pa.schema(LINKS))
        self._attributes = _Table(folder / "attributes.parquet", pa.schema(ATTRIBUTES))

    def day(self, day: Day) -> None:
        columns = own_columns(day.facts)
        for name, (rows, values) in details(day.facts).items():
            columns[_waiting(name)] = found = _spread(_detail(values), rows, len(day.facts))
            self._details[name] = _common(self._details.get(name), found.type)
        table = pa.table(columns)
        path = self._parts / f"{day.number:05d}.arrow"
        with pa.ipc.new_file(path, table.schema) as out:
            out.write_table(table)
        self._days.append(path)
        self._links.add(
            [(at_us, one.type, one.id, other.type, other.id, text) for at_us, one, other, text in day.links]
        )
        attributes: list[tuple[Any, ...]] = []
        for fact in day.facts:
            for thing, given in self._beginnings.of(fact).items():
                attributes += [(thing.type, thing.id, name, value, None) for name, value in given.items()]
        attributes += [(thing.type, thing.id, name, value, at_us) for at_us, thing, name, value in day.changes]
        self._attributes.add(attributes)

    def close(self) -> None:
        self._links.close()
        self._attributes.close()
        names = sorted(self._details)
        columns = {name if name not in OWN else f"{name}_detail": name for name in names}
        schema = pa.schema([*OWN.items(), *((column, self._details[name]) for column, name in columns.items())])
        with pa.parquet.ParquetWriter(self._folder / "events.parquet", schema, compression="zstd") as out:
            for path in self._days:
                with pa.OSFile(str(path)) as part:
                    table = pa.ipc.open_file(part).read_all()
                there = set(table.column_names)
                arrays = [table[name] for name in OWN]
                for name in names:
                    kind, waiting = self._details[name], _waiting(name)
                    arrays.append(table[waiting].cast(kind) if waiting in there else pa.nulls(len(table), kind))
                out.write_table(pa.table(arrays, schema=schema))
        mapping: dict[str, Any] = dict(MAPPING)
        renamed = {column: name for column, name in columns.items() if column != name}
        if renamed:
            mapping["attribute_names"] = renamed
        text = yaml.safe_dump(mapping, sort_keys=False)
        comment = (
            "# How to load events.parquet: gembascope ingest events.parquet --process PROCESS --mapping mapping.yaml\n"
        )
        (self._folder / "mapping.yaml").write_text(comment + text, encoding="utf-8")
        shutil.rmtree(self._parts)


class _Table:
    """A Parquet file that grows by rows."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._schema = schema
        self._out = pa.parquet.ParquetWriter(path, schema, compression="zstd")

    def add(self, rows: Sequence[tuple[Any, ...]]) -> None:
        if rows:
            columns = zip(*rows, strict=True)
            arrays = [pa.array(list(values), kind.type) for values, kind in zip(columns, self._schema, strict=True)]
            self._out.write_table(pa.table(arrays, schema=self._schema))

    def close(self) -> None:
        self._out.close()


def own_columns(facts: Sequence[Fact]) -> dict[str, Any]:
    """The columns of OWN, one row per fact."""
    if not facts:
        return {name: pa.array([], kind) for name, kind in OWN.items()}
    given = dict(zip(Fact._fields, zip(*facts, strict=True), strict=True))
    cents = pa.array(given["cents"], pa.int64())
    things = given["things"]
    several = {id(some): some for some in things}  # facts of one message or run share theirs
    named = {key: _encode([(thing.type, thing.id, "") for thing in some]) for key, some in several.items()}
    values: dict[str, Any] = {
        "event_id": [f"{system}-{number:09d}" for system, number in zip(given["system"], given["number"], strict=True)],
        "source": given["system"],
        "activity": given["activity"],
        "occurred_at": given["at_us"],
        "started_at": [one.get(STARTED) if one else None for one in given["details"]],
        "seen_at": given["seen_us"],
        "precision": ["s" if system in COARSE else "ms" for system in given["system"]],
        "sequence": given["number"],
        "actor": given["actor"],
        "actor_kind": given["actor_kind"],
        "outcome": given["outcome"],
        "error_code": given["error"],
        "value": pa.compute.multiply(cents.cast(pa.decimal128(19, 0)), CENT).cast(OWN["value"]),
        "currency": [
            "" if one is None else currency for one, currency in zip(given["cents"], given["currency"], strict=True)
        ],
        "object_type": [some[0].type for some in things],
        "object_id": [some[0].id for some in things],
        "objects": [named[id(some)] for some in things],
        "trace_id": [trace_id(fact) if some[0].type == CALL else "" for fact, some in zip(facts, things, strict=True)],
        "span_id": [span_id(fact) if some[0].type == CALL else "" for fact, some in zip(facts, things, strict=True)],
    }
    return {
        name: values[name] if isinstance(values[name], pa.Array) else pa.array(values[name], kind)
        for name, kind in OWN.items()
    }


def details(facts: Sequence[Fact]) -> dict[str, tuple[list[int], list[Any]]]:
    """The details of facts, but when they started, by name: the rows of the facts that have one, and their values."""
    found: dict[str, tuple[list[int], list[Any]]] = {}
    for row, fact in enumerate(facts):
        if not fact.details:
            continue
        for name, value in fact.details.items():
            if name != STARTED:
                column = found.get(name)
                if column is None:
                    column = found[name] = [], []
                column[0].append(row)
                column[1].append(value)
    return found


def _spread(values: pa.Array, rows: list[int], count: int) -> pa.Array:
    """A column of so many rows that holds the values in these."""
    places = np.full(count, -1)
    places[rows] = np.arange(len(rows))
    return values.take(pa.array(places, mask=places < 0))


def _waiting(name: str) -> str:
    """The column of a detail in the file of one day."""
    return f"detail {name}"


def _detail(values: list[Any]) -> Any:
    """One type for all values: theirs where they have one in common, else text."""
    kinds = {type(value) for value in values} - {type(None)}
    if kinds <= {bool} or kinds <= {int} or kinds <= {str}:
        return pa.array(values)
    if kinds <= {int, float}:
        return pa.array(values, pa.float64())
    texts = [None if one is None else one if isinstance(one, str) else _encode(one).decode() for one in values]
    return pa.array(texts, pa.string())


def _common(one: pa.DataType | None, other: pa.DataType) -> pa.DataType:
    if one is None or one == other:
        return other
    return pa.float64() if {one, other} == {pa.int64(), pa.float64()} else pa.string()
