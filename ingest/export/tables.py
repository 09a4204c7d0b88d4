"""Parquet and CSV exports: one row per case and event, and a mapping file with which they load again.

Columns, those that say nothing left out: case, activity, time, start, seen, precision, time_kind, lifecycle, actor,
actor_kind, outcome, error_code, value, currency, system, event_id, sequence, revision, trace_id, span_id, objects (a
JSON list of [type, id, qualifier], where an event has other objects than its case), repeats (true on the rows of an
event after its first); then one column `case:NAME` per case attribute with its current value, and one per event
attribute. An attribute whose name cannot be that of its column gets a numbered one, and the mapping names it.

Times are timestamps in UTC in Parquet and ISO 8601 with microseconds in CSV, where a business date at midnight UTC is
a date. Of an attribute that holds nothing but text, values are written as they are. All others are JSON in CSV. In
Parquet, attributes that hold whole numbers alone are integers, floats alone are doubles, truth values alone are
booleans, and all others (dates, lists, several kinds, empty texts) are JSON text. An empty cell means no value.

The rows wait in a folder beside the file until all columns are known.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pyarrow as pa
import pyarrow.parquet
import yaml

from ingest.export.log import Exported, Part, Progress, Scope
from ingest.mapping import CASE_PREFIX
from kernel.attributes import encode_value
from kernel.errors import InputError

MAX_ATTRIBUTES = 2_000
_FIELDS: Mapping[str, tuple[str, str, Any]] = {
    "case": ("case", "case", None),
    "activity": ("activity", "activity", None),
    "occurred_at": ("time", "time", None),
    "started_at": ("start", "start", None),
    "seen_at": ("seen", "seen", None),
    "precision": ("precision", "precision", "us"),
    "time_kind": ("time_kind", "time_kind", "happened"),
    "lifecycle": ("lifecycle", "lifecycle", ""),
    "actor": ("actor", "actor", ""),
    "actor_kind": ("actor_kind", "actor_kind", ""),
    "outcome": ("outcome", "outcome", ""),
    "error_code": ("error_code", "error_code", ""),
    "value": ("value", "value", None),
    "currency": ("currency", "currency", ""),
    "source": ("system", "source", None),
    "source_event_id": ("event_id", "event_id", ""),
    "sequence": ("sequence", "sequence", None),
    "revision": ("revision", "revision", 0),
    "trace_id": ("trace_id", "trace_id", ""),
    "span_id": ("span_id", "span_id", ""),
    "objects": ("objects", "object_list", ""),
    "repeats": ("repeats", "repeats", False),
}
"""Field of the event: its column, its field of the mapping, and the value that says nothing."""
_ALWAYS = ("case", "activity", "occurred_at", "source", "sequence")

_KINDS = {
    "int": r"^(?:0|-?[1-9][0-9]{0,17})$",
    "float": r"^-?(?:0|[1-9][0-9]{0,9})\.(?:0|[0-9]{0,4}[1-9])$",  # as JSON writes the same number
    "bool": r"^(?:true|false)$",
    "text": r'^"(?s:.)+"$',
}
_TYPED: Mapping[str, pl.DataType] = {"int": pl.Int64(), "float": pl.Float64(), "bool": pl.Boolean()}
_read = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_UNFIT = (";", "|", '"')


@dataclass(slots=True)
class _Attributes:
    """The attributes of cases or of events: a short column name each for the rows that wait, and the kinds seen."""

    mark: str
    columns: dict[str, str] = field(default_factory=dict)
    kinds: dict[str, set[str]] = field(default_factory=dict)

    def column(self, name: str) -> str:
        found = self.columns.get(name)
        if found is None:
            if len(self.columns) == MAX_ATTRIBUTES:
                raise InputError(
                    f"the log has more than {MAX_ATTRIBUTES:,} attributes, too many for the columns of a table; "
                    "export it as ocel-sqlite or xes.gz"
                )
            found = self.columns[name] = f"{self.mark}{len(self.columns)}"
            self.kinds[name] = set()
        return found

    def note(self, name: str, values: pl.Series) -> None:
        """Take note of the kinds of JSON values; null is no value."""
        left, kinds = values.drop_nulls(), self.kinds[name]
        for kind, pattern in _KINDS.items():
            if left.is_empty():
                return
            fits = left.str.contains(pattern)
            if fits.any():
                kinds.add(kind)
                left = left.filter(~fits)
        if not left.is_empty():
            kinds.add("json")

    def kind(self, name: str, *, typed: bool) -> str:
        """How the column is written: "text", "json" or, where the file has types, a key of _TYPED."""
        kinds = self.kinds[name]
        (one,) = kinds if len(kinds) == 1 else ("json",)
        return one if one == "text" or typed else "json"


def export_table(scope: Scope, path: Path, mapping_path: Path, form: str, progress: Progress | None) -> Exported:
    """Write `path` as "parquet" or "csv", and `mapping_path`; both appear whole or not at all.

    Raises
    ------
    InputError
        The log has more attributes than a table can have columns.
    """
    folder = Path(tempfile.mkdtemp(prefix=f".{path.name[:100]}.", dir=path.parent))
    try:
        waiting = _Waiting(folder, scope)
        for part in scope.parts(progress):
            waiting.add(part)
        layout = _layout(waiting, typed=form == "parquet")
        target, mapping = folder / "log", folder / "mapping"
        write = _write_parquet if form == "parquet" else _write_csv
        write(target, layout, waiting.frames())
        text = yaml.safe_dump(layout.mapping(scope), sort_keys=False, allow_unicode=True, width=110)
        mapping.write_text(f"# How to load {path.name!a}: gembascope ingest --mapping\n{text}", encoding="utf-8")
        for done in (target, mapping):
            with done.open("rb") as stream:
                os.fsync(stream.fileno())
        mapping.replace(mapping_path)
        target.replace(path)
    finally:
        shutil.rmtree(folder)
    return Exported(waiting.cases, waiting.events, (path, mapping_path))


class _Waiting:
    """The rows on disk, a file per part, with attributes as columns of JSON text."""

    def __init__(self, folder: Path, scope: Scope) -> None:
        self._folder, self._scope = folder, scope
        self._parts = self.cases = self.events = 0
        self.own, self.of_case = _Attributes("e"), _Attributes("c")
        self.said: set[str] = set(_ALWAYS)

    def add(self, part: Part) -> None:
        events = part.events.with_columns(self._references(part.events).alias("objects"))
        self.cases += events["case"].n_unique()
        self.events += int((~events["repeats"]).sum())
        for name, (_, _, silent) in _FIELDS.items():
            if name not in self.said:
                column = events[name]
                says = column.is_not_null() if silent is None else (column != silent)
                if says.any():
                    self.said.add(name)
        rows = events.select(_FIELDS.keys())
        rows = rows.with_columns(self._attribute_columns(events["attributes"]))
        rows = rows.join(self._case_columns(part.attributes), on="case", how="left", maintain_order="left")
        rows.write_parquet(self._folder / f"part {self._parts}", compression="lz4", statistics=False)
        self._parts += 1

    def frames(self) -> Iterator[pl.DataFrame]:
        for number in range(self._parts):
            yield pl.read_parquet(self._folder / f"part {number}", memory_map=False)

    def _references(self, events: pl.DataFrame) -> pl.Series:
        """The objects as JSON where they are not the case alone, under the type that loading gives it."""
        case = events.select(alone=pl.concat_list(_reference(self._scope.definition.object_type, pl.col("case"))))[
            "alone"
        ]
        texts = pl.Series([""], dtype=pl.String).new_from_index(0, events.height)
        others = (events["objects"] != case).arg_true()
        written = [
            encode_value([[each["type"], each["id"], each["qualifier"]] for each in objects])
            for objects in events["objects"].gather(others)
        ]
        return texts.scatter(others, written) if written else texts

    def _attribute_columns(self, attributes: pl.Series) -> list[pl.Series]:
        values: dict[str, list[str | None]] = {}
        count = attributes.len()
        for row, text in enumerate(attributes):
            if text != "{}":
                for name, raw in _read(text).items():
                    column = values.get(name)
                    if column is None:
                        column = values[name] = [None] * count
                    column[row] = str(raw, "utf-8")
        series = []
        for name, column in values.items():
            series.append(pl.Series(self.own.column(name), column, dtype=pl.String))
            self.own.note(name, series[-1])
        return series

    def _case_columns(self, attributes: pl.DataFrame) -> pl.DataFrame:
        names = attributes["attribute"].unique(maintain_order=True).to_list()
        short = {name: self.of_case.column(name) for name in names}
        for name in names:
            self.of_case.note(name, attributes.filter(pl.col("attribute") == name)["value"])
        if not short:
            return attributes.select("case").clear()
        return attributes.with_columns(pl.col("attribute").replace_strict(short, return_dtype=pl.String)).pivot(
            "attribute", index="case", values="value"
        )


@dataclass(frozen=True, slots=True)
class _Column:
    """One column of the file: its name, where its values wait, and how they are written."""

    name: str
    waits_as: str
    kind: str  # "field", "text", "json" or a key of _TYPED
    attribute: str | None = None


@dataclass(frozen=True, slots=True)
class _Layout:
    columns: tuple[_Column, ...]
    fields: Mapping[str, str]  # of the mapping: column
    typed: bool

    def mapping(self, scope: Scope) -> dict[str, Any]:
        """The mapping that restores the events; see `ingest.mapping.Mapping`."""
        found: dict[str, Any] = {**self.fields, "timezone": "UTC"}
        if "event_id" in found:
            found["event_id_optional"] = True
        if not scope.own_type:
            found["case_type"] = scope.definition.object_type
        # Attributes of cases come back as text unless their columns are said to be JSON, which numbers are.
        plain = [
            each.name
            for each in self.columns
            if each.kind == "json" or (each.kind in _TYPED and each.name.startswith(CASE_PREFIX))
        ]
        renamed = {
            each.name: each.attribute
            for each in self.columns
            if each.attribute is not None and each.name.removeprefix(CASE_PREFIX) != each.attribute
        }
        return found | ({"json_columns": plain} if plain else {}) | ({"attribute_names": renamed} if renamed else {})

    def rows(self, waiting: pl.DataFrame) -> pl.DataFrame:
        """The rows of a part as the file has them."""
        return waiting.select(self._cells(column, waiting).alias(column.name) for column in self.columns)

    def _cells(self, column: _Column, waiting: pl.DataFrame) -> pl.Expr:
        if column.kind == "field":
            value = pl.col(column.waits_as)
            if self.typed or column.waits_as not in ("occurred_at", "started_at", "seen_at"):
                return value.cast(pl.String) if column.waits_as == "value" and not self.typed else value
            full = value.dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
            if column.waits_as != "occurred_at":
                return full
            is_date = (pl.col("precision") == "day") & (value == value.dt.truncate("1d"))
            return pl.when(is_date).then(value.dt.strftime("%Y-%m-%d")).otherwise(full)
        dtype = _TYPED.get(column.kind, pl.String())
        if column.waits_as not in waiting.columns:
            return pl.lit(None, dtype=dtype)
        value = pl.col(column.waits_as)
        if column.kind == "text":
            return pl.lit(_texts(waiting[column.waits_as]))
        return value == "true" if column.kind == "bool" else value.cast(dtype)


def _layout(waiting: _Waiting, *, typed: bool) -> _Layout:
    said = [name for name in _FIELDS if name in waiting.said]
    columns = [_Column(_FIELDS[name][0], name, "field") for name in said]
    taken = {column for column, _, _ in _FIELDS.values()}
    for attributes, prefix in ((waiting.of_case, CASE_PREFIX), (waiting.own, "")):
        for name in sorted(attributes.columns):
            shown = prefix + name
            if not _fits(name) or shown in taken or (not prefix and name.startswith(CASE_PREFIX)):
                shown = _numbered(prefix, taken | {prefix + each for each in attributes.columns})
            taken.add(shown)
            columns.append(_Column(shown, attributes.columns[name], attributes.kind(name, typed=typed), name))
    return _Layout(tuple(columns), {_FIELDS[name][1]: _FIELDS[name][0] for name in said}, typed)


def _fits(name: str) -> bool:
    """Whether a header can hold the name so that every reader finds it again."""
    return name.isprintable() and name == name.strip() and 0 < len(name) <= 200 and not any(m in name for m in _UNFIT)


def _numbered(prefix: str, taken: set[str]) -> str:
    number = 1
    while f"{prefix}attribute_{number}" in taken:
        number += 1
    return f"{prefix}attribute_{number}"


def _texts(values: pl.Series) -> pl.Series:
    """JSON strings as text."""
    escaped = values.str.contains("\\", literal=True).fill_null(False).arg_true()
    plain = values.str.slice(1).str.head(-1)
    if escaped.is_empty():
        return plain
    return plain.scatter(escaped, [msgspec.json.decode(text, type=str) for text in values.gather(escaped)])


def _reference(object_type: str, ids: pl.Expr) -> pl.Expr:
    return pl.struct(type=pl.lit(object_type), id=ids, qualifier=pl.lit(""))


def _write_parquet(path: Path, layout: _Layout, frames: Iterator[pl.DataFrame]) -> None:
    schema = pa.schema([(column.name, _arrow_type(column)) for column in layout.columns])
    with pyarrow.parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for waiting in frames:
            writer.write_table(layout.rows(waiting).to_arrow().cast(schema))


def _arrow_type(column: _Column) -> Any:
    if column.kind == "field":
        times = dict.fromkeys(("occurred_at", "started_at", "seen_at"), pa.timestamp("us", "UTC"))
        own = {"value": pa.decimal128(38, 6), "sequence": pa.uint64(), "revision": pa.uint64(), "repeats": pa.bool_()}
        return (times | own).get(column.waits_as, pa.string())
    return {"int": pa.int64(), "float": pa.float64(), "bool": pa.bool_()}.get(column.kind, pa.string())


def _write_csv(path: Path, layout: _Layout, frames: Iterator[pl.DataFrame]) -> None:
    with path.open("wb") as out:
        names = [column.name for column in layout.columns]
        out.write(pl.DataFrame(schema=dict.fromkeys(names, pl.String)).write_csv().encode())
        for waiting in frames:
            rows = layout.rows(waiting)
            rows.write_csv(out, include_header=False, quote_style="always" if _has_return(rows) else "necessary")


def _has_return(rows: pl.DataFrame) -> bool:
    """Whether a cell holds a carriage return, which polars quotes only with everything else."""
    texts: Sequence[pl.Series] = [column for column in rows.iter_columns() if column.dtype == pl.String]
    return any(bool(column.str.contains("\r", literal=True).any()) for column in texts)
