"""Rows of a table to events, by a mapping, column-wise."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

import msgspec
import polars as pl

from ingest.formats.base import Batch, Rejected
from ingest.formats.xes_fields import read_objects
from ingest.mapping import CASE_PREFIX, COLUMN_FIELDS, Mapping, zone
from ingest.timestamps import detect_format, needs_zone, parse_stamps
from kernel.attributes import encode_value
from kernel.errors import MappingError
from kernel.events import EVENT_FRAME, INSTANT, MONEY, OBJECT_FRAME, PRECISIONS

FIRST_INSTANT = datetime(1970, 1, 1, tzinfo=timezone.utc)
LAST_INSTANT = datetime(2200, 1, 1, tzinfo=timezone.utc)
CLOSED_LISTS = {
    "actor_kind": ["", "human", "system", "agent"],
    "outcome": ["", "ok", "error", "retry", "timeout", "rejected"],
    "precision": ["", *PRECISIONS],
    "time_kind": ["", "happened", "entered", "posted"],
}
ISO_FORMS = (
    *(f"%Y-%m-%d{s}{t}{z}" for s in "T " for t in ("%H:%M:%S%.f", "%H:%M") for z in ("%z", "Z", "")),
    "%Y-%m-%d",
)


@dataclass(slots=True)
class TableMapper:
    """Turns the frames of one table, in order, into batches of events. One instance per file."""

    mapping: Mapping
    object_type: str
    formats: dict[str, str] = field(default_factory=dict)
    rows_before: int = 0

    def apply(self, frame: pl.DataFrame, rows: pl.Series) -> Batch:
        """Events of the frame's rows; `rows` holds each row's number in its file, counted from 1.

        A row without case, activity or readable time, with a NUL character, a time outside 1970 to 2199, or a
        word where a closed list is expected is rejected with its number, its reason and itself. A row that repeats
        an event gives no event; it can tell attributes of its case.
        """
        m = self.mapping
        if m.case is None or m.activity is None or m.time is None:
            raise ValueError("the mapping is not complete")
        zone_info = zone(m.timezone) if m.timezone else None
        text = {name: _text(frame[name]) for name in frame.columns if name not in m.drop}
        occurred, precision, time_reason = self._instants(frame[m.time], m.time, zone_info)
        columns: dict[str, pl.Series | pl.Expr] = {
            "case": text[m.case],
            "activity": text[m.activity],
            "occurred_at": occurred,
            "precision": precision,
            "time_reason": time_reason,
            "row": rows,
        }
        if m.start is not None:
            columns["started_at"], _, columns["start_reason"] = self._instants(frame[m.start], m.start, zone_info)
        if m.seen is not None:
            columns["seen_at"], _, _ = self._instants(frame[m.seen], m.seen, zone_info)
        for name in (
            "event_id",
            "source",
            "actor",
            "actor_kind",
            "lifecycle",
            "outcome",
            "error_code",
            "currency",
            "time_kind",
            "trace_id",
            "span_id",
            "object_list",
            "repeats",
        ):
            column = getattr(m, name)
            if column is not None and not (name == "currency" and column.startswith("=")):
                columns[name] = text[column]
        if m.precision is not None:
            columns["precision"] = pl.select(
                pl.when(text[m.precision] == "").then(precision).otherwise(text[m.precision])
            ).to_series()
        work = pl.DataFrame(columns)
        broken = {name: _broken_json(text[name]) for name in m.json_columns if name in text}
        if m.object_list is not None:
            references = _reference_lists(text[m.object_list])
            work = work.with_columns(references.alias("references"))
            broken[m.object_list] = (text[m.object_list] != "") & references.is_null()
        for name, wrong in broken.items():
            if wrong.any():
                work = work.with_columns(wrong.alias(f"broken {name}"))
        for name in ("sequence", "revision"):
            column = getattr(m, name)
            if column is not None:
                work = work.with_columns(text[column].cast(pl.UInt64, strict=False).alias(name))
        if m.value is not None:
            raw = text[m.value]
            work = work.with_columns(raw.cast(MONEY, strict=False).alias("value"), (raw != "").alias("value_given"))
        reason = self._reasons(work)
        work = work.with_columns(self._attributes(frame, text), reason.alias("reason"))
        bad = work["reason"].is_not_null()
        rejected = self._rejected(frame, rows, work["reason"], bad) if bad.any() else []
        good = work.filter(~bad)
        return Batch(
            events=self._events(good, {name: values.filter(~bad) for name, values in text.items()}),
            objects=self._objects(good, {name: values.filter(~bad) for name, values in text.items()}),
            rejected=rejected,
        )

    def _instants(
        self, column: pl.Series, name: str, zone_info: ZoneInfo | None
    ) -> tuple[pl.Series, pl.Series, pl.Series]:
        """Instants, precisions, and a reason for each stamp that is there and cannot be read (else null)."""
        if column.dtype == pl.Date:
            column = column.cast(pl.String)
        if isinstance(column.dtype, pl.Datetime):
            instants = self._typed(column, name, zone_info)
            precision = pl.Series(["us"]).new_from_index(0, column.len())
            return instants, precision, pl.Series([None] * column.len(), dtype=pl.String)
        stamps = _text(column)
        pattern = self.mapping.time_format or self.formats.get(name)
        if pattern is None:
            pattern = self.formats[name] = detect_format(stamps, name)
        if needs_zone(pattern) and zone_info is None and not stamps.is_empty():
            raise MappingError(
                f"column {name!r}: stamps such as {stamps[0][:40]!r} carry no time zone; "
                "give --timezone, for example Europe/Berlin or UTC"
            )
        instants, precision = parse_stamps(stamps, pattern, zone_info)
        unread = instants.is_null() & (stamps != "")
        if unread.any() and self.mapping.time_format is None:
            instants, precision = self._second_chance(stamps, unread, instants, precision, zone_info)
        reasons = pl.DataFrame({"s": stamps, "i": instants}).select(
            pl.when(pl.col("i").is_null() & (pl.col("s") != ""))
            .then(
                pl.format(
                    "{}: '{}' is not a time in the form {}",
                    pl.lit(name),
                    pl.col("s").str.head(80),
                    pl.lit(pattern),
                )
            )
            .otherwise(None)
        )
        return instants, precision, reasons.to_series()

    def _second_chance(
        self,
        stamps: pl.Series,
        unread: pl.Series,
        instants: pl.Series,
        precision: pl.Series,
        zone_info: ZoneInfo | None,
    ) -> tuple[pl.Series, pl.Series]:
        """Stamps of the other ISO forms in the same column: a column may mix precisions and zones."""
        for pattern in ISO_FORMS:
            if not unread.any():
                break
            if needs_zone(pattern) and zone_info is None:
                continue
            again, finer = parse_stamps(stamps, pattern, zone_info)
            use = unread & again.is_not_null()
            instants = pl.select(pl.when(use).then(again).otherwise(instants)).to_series()
            precision = pl.select(pl.when(use).then(finer).otherwise(precision)).to_series()
            unread = unread & ~use
        return instants, precision

    def _typed(self, column: pl.Series, name: str, zone_info: ZoneInfo | None) -> pl.Series:
        if column.dtype.time_zone is not None:  # type: ignore[attr-defined]
            return column.dt.convert_time_zone("UTC").cast(INSTANT)
        if zone_info is None:
            raise MappingError(f"column {name!r}: the times carry no time zone; give --timezone")
        local = column.dt.replace_time_zone(zone_info.key, ambiguous="null", non_existent="null")
        return local.dt.convert_time_zone("UTC").cast(INSTANT)

    def _reasons(self, work: pl.DataFrame) -> pl.Series:
        """Why a row cannot be an event: the first reason, or null."""
        when = pl.col("occurred_at")
        checks: list[tuple[pl.Expr, pl.Expr]] = [
            (pl.col("case") == "", pl.lit("case: is empty")),
            (pl.col("activity") == "", pl.lit("activity: is empty")),
            (pl.col("time_reason").is_not_null(), pl.col("time_reason")),
            (when.is_null(), pl.lit("time: is empty")),
            ((when < FIRST_INSTANT) | (when >= LAST_INSTANT), pl.lit("time: outside the years 1970 to 2199")),
        ]
        if "start_reason" in work.columns:
            checks.append((pl.col("start_reason").is_not_null(), pl.col("start_reason")))
            checks.append((pl.col("started_at") > when, pl.lit("start: is after the time of the event")))
        for name, words in CLOSED_LISTS.items():
            if name in work.columns:
                message = pl.format(name + ": '{}' is not one of " + ", ".join(words[1:]), pl.col(name).str.head(40))
                checks.append((~pl.col(name).is_in(words), message))
        for name in ("sequence", "revision"):
            if name in work.columns:
                checks.append((pl.col(name).is_null(), pl.lit(f"{name}: is not a whole number")))
        if "value" in work.columns:
            wrong = pl.col("value_given") & pl.col("value").is_null()
            checks.append((wrong, pl.lit("value: is not a decimal number")))
        for name in ("event_id", "source"):
            if name in work.columns and not (name == "event_id" and self.mapping.event_id_optional):
                checks.append((pl.col(name) == "", pl.lit(f"{name}: is empty")))
        for name in ("case", "activity", "actor", "event_id"):
            if name in work.columns:
                checks.append((pl.col(name).str.contains("\0", literal=True), pl.lit(f"{name}: holds a NUL")))
        for name in self.mapping.json_columns:
            if f"broken {name}" in work.columns:
                checks.append((pl.col(f"broken {name}"), pl.lit(f"{name}: is not JSON")))
        listing = self.mapping.object_list
        if f"broken {listing}" in work.columns:
            message = pl.lit(f"{listing}: is not a JSON list of [type, id, qualifier]")
            checks.append((pl.col(f"broken {listing}"), message))
        found = [pl.when(wrong).then(message) for wrong, message in checks]
        return work.select(pl.coalesce(found).alias("reason")).to_series()

    def _attributes(self, frame: pl.DataFrame, text: dict[str, pl.Series]) -> pl.Series:
        """The columns without a meaning of their own, as one canonical JSON object per row."""
        m = self.mapping
        used = {getattr(m, name) for name in COLUMN_FIELDS} | {item.column for item in m.objects}
        rest = [c for c in text if c not in used and not self._is_case_column(c)]
        named = sorted((m.attribute_names.get(c, c), c) for c in rest)
        pieces = [
            _json_piece(text[column], name) if column in m.json_columns else _piece(frame[column], text[column], name)
            for name, column in named
        ]
        if not pieces:
            return pl.Series("attributes", ["{}"]).new_from_index(0, frame.height)
        table = pl.DataFrame({str(i): piece for i, piece in enumerate(pieces)})
        joined = pl.concat_str(pl.all(), separator=",", ignore_nulls=True)
        return table.select((pl.lit("{") + joined + pl.lit("}")).alias("attributes")).to_series()

    def _is_case_column(self, name: str) -> bool:
        return name in self.mapping.case_columns or (name.startswith(CASE_PREFIX) and name != self.mapping.case)

    def _events(self, good: pl.DataFrame, text: dict[str, pl.Series]) -> pl.DataFrame:
        m = self.mapping
        refs = [_reference(pl.lit(m.case_type or self.object_type), good["case"], pl.lit(""))]
        for item in m.objects:
            refs.append(_reference(pl.lit(item.type), text[item.column], pl.lit(item.qualifier)))
        if len(refs) == 1:
            objects = pl.DataFrame({"o": refs[0]}).select(pl.col("o").reshape((-1, 1)).arr.to_list()).to_series()
        else:
            table = pl.DataFrame({str(i): ref for i, ref in enumerate(refs)})
            objects = table.select(
                pl.concat_list(pl.all()).list.filter(pl.element().struct.field("id") != "")
            ).to_series()
        if m.object_list is not None:
            objects = pl.select(pl.coalesce(good["references"], objects)).to_series()
        currency = m.currency[1:] if m.currency is not None and m.currency.startswith("=") else None
        defaults: dict[str, pl.Expr] = {
            "source_event_id": pl.col("event_id") if m.event_id is not None else pl.lit(""),
            "time_kind": pl.lit("happened"),  # as where the column is there and empty
            "started_at": pl.lit(None, dtype=INSTANT),
            "seen_at": pl.lit(None, dtype=INSTANT),
            "sequence": pl.col("row").cast(pl.UInt64),
            "value": pl.lit(None, dtype=MONEY),
            "currency": pl.lit(currency or ""),
            "objects": pl.lit(objects),
            "trace_id": pl.lit(""),
            "span_id": pl.lit(""),
            "revision": pl.lit(0, dtype=pl.UInt64),
        }
        chosen = [
            (pl.col(name) if name in good.columns else defaults.get(name, pl.lit(""))).cast(dtype).alias(name)
            for name, dtype in EVENT_FRAME.items()
        ]
        if m.source is not None:
            chosen.append(pl.col("source"))
        events = good.select(chosen).with_columns(pl.col("time_kind").replace("", "happened"))
        return events if m.repeats is None else events.filter(good["repeats"] != "true")

    def _objects(self, good: pl.DataFrame, text: dict[str, pl.Series]) -> pl.DataFrame:
        frames = []
        for name in sorted(c for c in text if self._is_case_column(c)):
            values = text[name] if name in self.mapping.json_columns else _json_text(text[name])
            table = pl.DataFrame({"id": good["case"], "value": values, "given": text[name] != ""})
            attribute = self.mapping.attribute_names.get(name, name.removeprefix(CASE_PREFIX))
            frames.append(
                table.filter("given")
                .unique(["id", "value"], maintain_order=True)
                .select(
                    pl.lit(self.mapping.case_type or self.object_type).alias("type"),
                    "id",
                    pl.lit(attribute).alias("attribute"),
                    "value",
                    pl.lit(None, dtype=INSTANT).alias("changed_at"),
                )
            )
        return pl.concat(frames) if frames else pl.DataFrame(schema=OBJECT_FRAME)

    def _rejected(self, frame: pl.DataFrame, rows: pl.Series, reason: pl.Series, bad: pl.Series) -> list[Rejected]:
        raw = (
            frame.filter(bad).select(pl.struct(pl.all().cast(pl.String, strict=False)).struct.json_encode()).to_series()
        )
        return [
            Rejected(f"row {row}", why, text[:10_000])
            for row, why, text in zip(rows.filter(bad), reason.filter(bad), raw, strict=True)
        ]


def _text(column: pl.Series) -> pl.Series:
    """The column as text, "" where there is nothing."""
    if column.dtype == pl.Binary:
        column = column.cast(pl.String, strict=False)
    return column.cast(pl.String).fill_null("")


def _json_text(values: pl.Series) -> pl.Series:
    """Each text as a JSON string, quoted and escaped."""
    encoded = pl.DataFrame({"v": values}).select(pl.struct("v").struct.json_encode()).to_series()
    return encoded.str.slice(5).str.head(-1)  # {"v":"…"} without its frame


def _piece(column: pl.Series, text: pl.Series, name: str) -> pl.Series:
    """`"name":value` per row; null where the row has no value, NaN or an infinity included."""
    given = text != ""
    if column.dtype.is_float():
        given = given & column.is_finite().fill_null(False)
    if isinstance(column.dtype, pl.Datetime) and column.dtype.time_zone is not None:
        utc = column.dt.convert_time_zone("UTC").dt.strftime("%Y-%m-%dT%H:%M:%S%.fZ")
        inner = pl.DataFrame({"v": utc}).select(pl.lit('{"$date":"') + pl.col("v") + pl.lit('"}')).to_series()
        key = pl.DataFrame({name: ["x"]}).select(pl.struct(name).struct.json_encode()).item()[1:-4]
        encoded = pl.DataFrame({"v": inner}).select(pl.lit(key) + pl.col("v")).to_series()
    else:
        plain = column.dtype.is_integer() or column.dtype.is_float() or column.dtype == pl.Boolean
        values = (column if plain else text).alias(name)
        encoded = pl.DataFrame({name: values}).select(pl.struct(name).struct.json_encode()).to_series()
        encoded = encoded.str.slice(1).str.head(-1)
    return pl.select(pl.when(given).then(encoded).otherwise(None)).to_series()


def _json_piece(text: pl.Series, name: str) -> pl.Series:
    """`"name":value` per row from values that are JSON already; null where the row has none."""
    encoded = pl.lit(encode_value(name) + ":") + text
    return pl.select(pl.when(text != "").then(encoded).otherwise(None)).to_series()


def _broken_json(text: pl.Series) -> pl.Series:
    """Whether each text is there and no JSON."""
    wrong = []
    for value in text.unique():
        try:
            msgspec.json.decode(value or "null")
        except (msgspec.MsgspecError, RecursionError):
            wrong.append(value)
    return text.is_in(wrong)


def _reference_lists(text: pl.Series) -> pl.Series:
    """The objects that each JSON list names; null where the text is empty or no such list."""
    found: list[list[dict[str, str]] | None] = []
    for value in text:
        try:
            found.append(read_objects(value) if value else None)
        except (msgspec.MsgspecError, ValueError):
            found.append(None)
    return pl.Series(found, dtype=EVENT_FRAME["objects"])


def _reference(type_: pl.Expr, ids: pl.Series, qualifier: pl.Expr) -> pl.Series:
    return (
        pl.DataFrame({"id": ids})
        .select(pl.struct(type_.alias("type"), pl.col("id"), qualifier.alias("qualifier")))
        .to_series()
    )
