"""Tables: CSV, Parquet and NDJSON files as frames of raw columns, in file order and bounded memory."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import msgspec
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from ingest.formats.base import BATCH_ROWS, Limits, Rejected
from ingest.formats.compression import BoundedStream, open_bounded
from ingest.formats.paced import Paced
from kernel import attributes
from kernel.errors import UnreadableFile

CSV_BLOCK_BYTES = 8 << 20
"""Largest CSV record; also the piece that is parsed at a time."""


@dataclass(slots=True)
class Piece:
    """The next rows of a table. `rows` numbers them in the file from 1, the header not counted."""

    frame: pl.DataFrame
    rows: pl.Series
    rejected: list[Rejected] = field(default_factory=list)
    bytes_read: int = 0


class TableReader(Protocol):
    """Reads one table once. Raises `UnreadableFile` when it is truncated, malformed or past a limit."""

    def columns(self) -> list[str]: ...

    def pieces(self) -> Iterator[Piece]: ...


class CsvReader:
    """CSV with a header; every value is text as written. The delimiter is found in the header unless given.

    A record with too few or too many fields, or with bytes that are not UTF-8, is rejected with its number.
    The parser drops what follows a quote that is never closed, so a sentinel record is put behind the file:
    when it does not come out, the file is refused.
    """

    def __init__(self, path: Path, *, delimiter: str | None = None, limits: Limits | None = None) -> None:
        self._path = path
        self._limits = limits or Limits()
        self._delimiter, self._names = self._header(delimiter)
        self._broken: list[Any] = []

    def _header(self, delimiter: str | None) -> tuple[str, list[str]]:
        head = read_head(self._path, self._limits)
        if not head.strip():
            raise UnreadableFile(f"{self._path.name}: the file is empty")
        if b"\0" in head:
            raise UnreadableFile(f"{self._path.name}: holds NUL bytes; this is not a CSV file")
        first = head.split(b"\n", 1)[0]
        mark = delimiter or max(",;\t|", key=lambda candidate: first.count(candidate.encode()))
        try:
            names = next(csv.reader(io.StringIO(head.decode("utf-8-sig", "replace"), newline=""), delimiter=mark))
        except csv.Error as error:
            raise UnreadableFile(f"{self._path.name}: the header cannot be read: {error}") from None
        return mark, _distinct(names)

    def columns(self) -> list[str]:
        return list(self._names)

    def pieces(self) -> Iterator[Piece]:
        sentinel = uuid4().hex
        with open_bounded(self._path, self._limits) as stream:
            paced = Paced(stream, f"\n{sentinel}\n".encode())
            try:
                yield from self._pieces(stream, paced, sentinel)
            finally:
                paced.end()

    def _pieces(self, stream: BoundedStream, paced: Paced, sentinel: str) -> Iterator[Piece]:
        reader = self._open(paced)
        width, row, closed = len(self._names), -1, False  # the header is row 0
        while True:
            try:
                table = reader.read_next_batch()
            except StopIteration:
                table = None
            except pa.ArrowInvalid as error:
                paced.read_no_more()
                raise UnreadableFile(f"{self._path.name}: after row {row}: {_plain(error)}") from None
            paced.passed()
            broken, self._broken = self._broken, []
            if table is None and not broken:
                break
            if broken and broken[-1].text == sentinel:
                closed = True
                broken.pop()
            values = _binary_frame(table, self._names)
            if width == 1 and values.height and values.item(-1, 0) == sentinel.encode():
                closed = True
                values = values.head(-1)
            taken = {item.number - 1 for item in broken}
            count = values.height + len(broken)
            if row < 0:
                values, row, count = values.slice(1), 0, count - 1
            numbers = [number for number in range(row + 1, row + count + 1) if number not in taken]
            rejected = [
                Rejected(
                    f"row {item.number - 1}",
                    f"has {item.actual_columns} fields, the header has {width}",
                    item.text[:10_000],
                )
                for item in broken
            ]
            row += count
            yield self._checked(values, pl.Series("row", numbers, dtype=pl.UInt64), rejected, stream.bytes_read)
        if not closed:
            raise UnreadableFile(f"{self._path.name}: after row {row}: a quote opens and is never closed")

    def _checked(self, values: pl.DataFrame, numbers: pl.Series, rejected: list[Rejected], bytes_read: int) -> Piece:
        try:
            return Piece(values.cast(pl.String), numbers, rejected, bytes_read)
        except pl.exceptions.ComputeError:
            pass
        # Some value is not UTF-8: find the records that hold one, by hand, since a cast is all or nothing.
        bad = pl.Series([any(not _is_text(value) for value in row) for row in values.rows()], dtype=pl.Boolean)
        for number, raw in zip(numbers.filter(bad), values.filter(bad).rows(), strict=True):
            rejected.append(Rejected(f"row {number}", "is not UTF-8 text", repr(raw)[:10_000]))
        good = values.filter(~bad)
        return Piece(good.cast(pl.String), numbers.filter(~bad), rejected, bytes_read)

    def _open(self, stream: Paced) -> Any:
        opened = False

        def keep(row: Any) -> str:
            self._broken.append(row)
            if not opened:
                stream.passed()
            return "skip"

        try:
            reader = pyarrow.csv.open_csv(
                pa.PythonFile(stream, mode="r"),
                read_options=pyarrow.csv.ReadOptions(
                    block_size=CSV_BLOCK_BYTES, use_threads=False, column_names=self._names
                ),
                parse_options=pyarrow.csv.ParseOptions(
                    delimiter=self._delimiter, newlines_in_values=True, invalid_row_handler=keep
                ),
                convert_options=pyarrow.csv.ConvertOptions(
                    check_utf8=False,
                    strings_can_be_null=False,
                    column_types=dict.fromkeys(self._names, pa.binary()),
                ),
            )
        except pa.ArrowInvalid as error:
            stream.read_no_more()
            raise UnreadableFile(f"{self._path.name}: {_plain(error)}") from None
        opened = True
        return reader


class ParquetReader:
    """A Parquet file; values keep their types."""

    def __init__(self, path: Path, *, limits: Limits | None = None) -> None:
        self._path = path
        self._limits = limits or Limits()
        try:
            self._file = pyarrow.parquet.ParquetFile(path)
        except (pa.ArrowInvalid, OSError) as error:
            raise UnreadableFile(f"{path.name}: not a Parquet file: {_plain(error)}") from None
        metadata = self._file.metadata
        declared = sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
        if declared > self._limits.max_bytes:
            raise UnreadableFile(f"{path.name}: declares {declared} bytes, more than {self._limits.max_bytes}")

    def columns(self) -> list[str]:
        return list(self._file.schema_arrow.names)

    def pieces(self) -> Iterator[Piece]:
        row = 0
        size = self._path.stat().st_size
        total = max(self._file.metadata.num_rows, 1)
        try:
            for batch in self._file.iter_batches(batch_size=BATCH_ROWS):
                frame = pl.from_arrow(pa.Table.from_batches([batch]))
                if not isinstance(frame, pl.DataFrame):
                    raise TypeError("a table was expected")
                rows = pl.Series("row", range(row + 1, row + frame.height + 1), dtype=pl.UInt64)
                row += frame.height
                yield Piece(_flat(frame), rows, [], size * row // total)
        except (pa.ArrowInvalid, OSError, pl.exceptions.PolarsError) as error:
            raise UnreadableFile(f"{self._path.name}: after row {row}: {_plain(error)}") from None


class NdjsonReader:
    """One JSON object per line. Nested values become attributes `outer.inner`; lists stay JSON text."""

    def __init__(self, path: Path, *, limits: Limits | None = None) -> None:
        self._path = path
        self._limits = limits or Limits()
        self._decode = msgspec.json.Decoder(dict[str, Any]).decode
        self._columns = self._first_columns()

    def _first_columns(self) -> list[str]:
        for _, record, _ in self._records(first=1000):
            if isinstance(record, dict):
                return list(record)
        raise UnreadableFile(f"{self._path.name}: no line holds a JSON object")

    def columns(self) -> list[str]:
        return list(self._columns)

    def pieces(self) -> Iterator[Piece]:
        records: list[dict[str, Any]] = []
        rows: list[int] = []
        rejected: list[Rejected] = []
        read = 0
        for number, record, read in self._records():
            if isinstance(record, Rejected):
                rejected.append(record)
            else:
                records.append(record)
                rows.append(number)
            if len(records) + len(rejected) >= BATCH_ROWS:
                yield self._piece(records, rows, rejected, read)
                records, rows, rejected = [], [], []
        if records or rejected:
            yield self._piece(records, rows, rejected, read)

    def _piece(self, records: list[dict[str, Any]], rows: list[int], rejected: list[Rejected], read: int) -> Piece:
        names = list(dict.fromkeys([*self._columns, *(name for record in records for name in record)]))
        columns = {name: pl.Series(name, _one_type([r.get(name) for r in records])) for name in names}
        frame = pl.DataFrame(columns) if names else pl.DataFrame()
        return Piece(frame, pl.Series("row", rows, dtype=pl.UInt64), rejected, read)

    def _records(self, first: int | None = None) -> Iterator[tuple[int, dict[str, Any] | Rejected, int]]:
        with open_bounded(self._path, self._limits) as stream:
            number = 0
            buffered = io.BufferedReader(stream, 1 << 20)
            while line := buffered.readline(self._limits.max_item_bytes + 1):
                number += 1
                if len(line) > self._limits.max_item_bytes:
                    raise UnreadableFile(f"{self._path.name}: line {number} is longer than the limit")
                if first is not None and number > first:
                    return
                if not line.strip():
                    continue
                yield number, self._record(number, line), stream.bytes_read

    def _record(self, number: int, line: bytes) -> dict[str, Any] | Rejected:
        try:
            return _flatten(self._decode(line), self._limits.max_depth)
        except (msgspec.MsgspecError, UnicodeError, ValueError, RecursionError) as error:
            raw = line[:10_000].decode("utf-8", "replace")
            return Rejected(f"line {number}", f"not a JSON object: {_plain(error)}", raw)


def _flatten(record: dict[str, Any], depth: int) -> dict[str, Any]:
    if depth == 0:
        raise ValueError("nested too deeply")
    flat: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{inner}": v for inner, v in _flatten(value, depth - 1).items()}
        elif isinstance(value, list):
            flat[name] = attributes.encode_value(value)
        elif isinstance(value, str) and _unstorable(value):
            raise ValueError(f"{name}: holds a NUL or a lone surrogate")
        elif value is not None:
            flat[name] = value
    return flat


def _unstorable(text: str) -> bool:
    return "\0" in text or any("\ud800" <= mark <= "\udfff" for mark in text if mark > "\ud7ff")


def _one_type(values: list[Any]) -> list[Any]:
    """The values as they are when they share a type, else each as text."""
    kinds = {type(value) for value in values if value is not None}
    if len(kinds) <= 1 and not any(type(v) is int and not -(2**63) <= v < 2**63 for v in values):
        return values
    if kinds == {int, float}:
        return [float(value) if value is not None else None for value in values]
    return [v if v is None or isinstance(v, str) else attributes.encode_value(v) for v in values]


def _flat(frame: pl.DataFrame) -> pl.DataFrame:
    """Nested columns as JSON text; categories as text; bytes as text where they are, else in hexadecimal."""
    casts = []
    for name, dtype in frame.schema.items():
        if isinstance(dtype, pl.Struct):
            casts.append(pl.col(name).struct.json_encode())
        elif isinstance(dtype, pl.List | pl.Array):
            wrapped = pl.struct(pl.col(name).alias("v")).struct.json_encode()
            casts.append(wrapped.str.slice(5).str.head(-1).alias(name))
        elif isinstance(dtype, pl.Categorical | pl.Enum | pl.Decimal | pl.Time | pl.Duration):
            casts.append(pl.col(name).cast(pl.String))
        elif dtype == pl.Binary:
            text = all(_is_text(value) for value in frame[name].drop_nulls())
            casts.append(pl.col(name).cast(pl.String) if text else pl.col(name).bin.encode("hex"))
    return frame.with_columns(casts)


def _binary_frame(table: Any, names: list[str]) -> pl.DataFrame:
    if table is None:
        return pl.DataFrame(schema=dict.fromkeys(names, pl.Binary))
    frame = pl.from_arrow(pa.Table.from_batches([table]))
    if not isinstance(frame, pl.DataFrame):
        raise TypeError("a table was expected")
    return frame.select(names)


def read_head(path: Path, limits: Limits) -> bytes:
    """The first bytes of a file, decompressed: enough for a header."""
    with open_bounded(path, limits) as stream:
        return io.BufferedReader(stream).read(1 << 18)


def _distinct(names: list[str]) -> list[str]:
    """Column names made distinct, as exports need not: a second `name` is `name (2)`, a nameless third `column_3`."""
    seen: dict[str, int] = {}
    distinct = []
    for position, written in enumerate(names, start=1):
        name = written or f"column_{position}"
        seen[name] = seen.get(name, 0) + 1
        distinct.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return distinct


def _is_text(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _plain(error: BaseException) -> str:
    return str(error).strip().splitlines()[0][:200]
