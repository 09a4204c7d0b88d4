"""XES exports: one trace per case, keys of our own (`ingest.formats.xes_fields`) for what XES has no key for.

Trace attributes carry the current value of the case's attributes, without their history.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from ingest.export.log import Exported, Progress, Scope
from ingest.formats.instants import written
from ingest.formats.ocel_values import kind_of
from ingest.formats.xes_columns import COST, CURRENCY, LIFECYCLE, RESOURCE, STARTS
from ingest.formats.xes_fields import ATTRIBUTES, MARK, TYPE
from ingest.formats.xes_writer import XesWriter
from kernel.attributes import encode_value
from kernel.errors import InputError

_EVENT_KEYS = frozenset({"concept:name", "time:timestamp", LIFECYCLE, RESOURCE, *STARTS})
_MONEY_KEYS = frozenset({COST, CURRENCY})
_XML = re.compile("[\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")
_MAX_DEPTH = 8
_USUAL = {"time_kind": "happened"}
_FIELDS = ("time_kind", "actor_kind", "outcome", "error_code", "trace_id", "span_id")

Attributes = Mapping[str, Any]


def export_xes(scope: Scope, path: Path, *, compress: bool, progress: Progress | None) -> Exported:
    """Write the log as XES; the file appears whole or not at all.

    Raises
    ------
    InputError
        A name or an id is blank or holds a character that XML has no form for.
    """
    log = _Log(scope)
    with XesWriter(path, compress=compress) as writer:
        for part in scope.parts(progress):
            attributes = _by_case(part.attributes)
            for (case,), frame in part.events.group_by(["case"], maintain_order=True):
                try:
                    writer.trace(str(case), log.trace(attributes.get(str(case), {})), log.events(frame))
                except ValueError as error:
                    raise InputError(
                        f"case {str(case)[:60]!r} cannot be written as XES: {error}; export parquet or ocel-json"
                    ) from None
                log.cases += 1
    return Exported(log.cases, log.written, (path,))


class _Log:
    """Turns rows into what the writer takes, and counts them as the reader will."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self.cases = self.written = 0

    def trace(self, attributes: Attributes) -> dict[str, Any]:
        own_type = {} if self._scope.own_type else {TYPE: self._scope.definition.object_type}
        return own_type | _carried(attributes, frozenset({"concept:name"}))

    def events(self, frame: pl.DataFrame) -> Iterator[dict[str, Any]]:
        # Events without a number of their own get their place among those of one case and instant: mostly 0.
        tied = frame.with_columns(pl.struct("occurred_at", "case").is_duplicated().alias("tied"))
        for row in tied.iter_rows(named=True):
            self.written += not row["repeats"]
            row["attributes"] = self._attributes(row) | self._fields(row)
            yield row

    def _attributes(self, row: dict[str, Any]) -> dict[str, Any]:
        given: Attributes = msgspec.json.decode(row["attributes"])
        money = row["value"] is not None and _has_currency(row)
        taken = _MONEY_KEYS if money or given.keys() >= _MONEY_KEYS else frozenset()
        return _carried(given, _EVENT_KEYS | taken)

    def _fields(self, row: dict[str, Any]) -> dict[str, str]:
        found = {name: row[name] for name in _FIELDS if row[name] != _USUAL.get(name, "")}
        found["source"] = row["source"]
        if row["source_event_id"]:
            found["event_id"] = row["source_event_id"]
        if row["precision"] != _shown_precision(row["occurred_at"], row["precision"]):
            found["precision"] = row["precision"]
        if row["seen_at"] is not None:
            found["seen_at"] = row["seen_at"].isoformat(timespec="microseconds")
        if row["sequence"] or row["tied"]:
            found["sequence"] = str(row["sequence"])
        if row["revision"]:
            found["revision"] = str(row["revision"])
        if not _has_currency(row) or row["value"] is None:
            found |= {"value": f"{Decimal(row['value']):f}"} if row["value"] is not None else {}
            found |= {"currency": row["currency"]} if row["currency"] else {}
            row["value"] = None
        if row["repeats"]:
            found["repeats"] = "true"
        alone = [{"type": self._scope.definition.object_type, "id": row["case"], "qualifier": ""}]
        if row["objects"] != alone:
            found["objects"] = encode_value([[each["type"], each["id"], each["qualifier"]] for each in row["objects"]])
        return {MARK + name: text for name, text in found.items()}


def _by_case(attributes: pl.DataFrame) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for case, name, value in attributes.iter_rows():
        found.setdefault(case, {})[name] = msgspec.json.decode(value)
    return found


def _carried(attributes: Attributes, taken: frozenset[str]) -> dict[str, Any]:
    """The attributes as XES can carry them, the others together as ATTRIBUTES."""
    own: dict[str, Any] = {}
    others: dict[str, Any] = {}
    for key, value in attributes.items():
        plain = key and key not in taken and not key.startswith(MARK) and _XML.fullmatch(key)
        (own if plain and _is_carried(value, _MAX_DEPTH) else others)[key] = value
    return own | {ATTRIBUTES: json.dumps(others, separators=(",", ":"))} if others else own


def _is_carried(value: Any, depth: int) -> bool:
    """Whether reading gives back the value that XES is given."""
    if isinstance(value, str):
        return _XML.fullmatch(value) is not None
    if isinstance(value, bool | int | float):
        return kind_of(value) is not None
    if not isinstance(value, dict) or depth == 0:
        return False
    if value.keys() == {"$id"}:
        return isinstance(value["$id"], str) and _is_carried(value["$id"], depth)
    if value.keys() == {"$list"}:
        return _are_carried(value["$list"], depth)
    if value.keys() == {"$value", "$nested"}:
        inner, nested = value["$value"], value["$nested"]
        is_nested = isinstance(inner, dict) and "$nested" in inner
        return bool(nested) and not is_nested and _is_carried(inner, depth) and _are_carried(nested, depth)
    return kind_of(value) == "time"


def _are_carried(pairs: Any, depth: int) -> bool:
    return isinstance(pairs, list) and all(
        isinstance(pair, list)
        and len(pair) == 2
        and isinstance(pair[0], str)
        and _is_carried(pair[0], depth)
        and _is_carried(pair[1], depth - 1)
        for pair in pairs
    )


def _has_currency(row: Mapping[str, Any]) -> bool:
    return bool(row["currency"].strip())


def _shown_precision(moment: datetime, precision: str) -> str:
    """The precision that the written stamp shows by itself."""
    fraction = written(moment, precision).partition(".")[2].partition("+")[0]
    return {6: "us", 3: "ms"}.get(len(fraction), "s")
