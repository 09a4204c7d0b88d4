"""Events of an XES file as columns.

Events of one shape (the same attribute keys and types in the same order) are one table, so their values are
read, checked and written as JSON a column at a time. Most files have a handful of shapes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

import polars as pl

from ingest.formats.instants import END_US, FIRST_US, read_instants
from ingest.formats.xes_fields import APART, FIELDS, MARK, lifted
from ingest.formats.xes_values import SCALARS, scalar
from kernel.attributes import encode_value
from kernel.events import EVENT_FRAME, INSTANT, MONEY

MAX_TABLES = 64
"""Shapes at a time; the attributes of any further shape are packed into one column of JSON."""

JSON = "json"
"""The type of a column whose values are JSON already."""

PACKED = "packed"
"""The type of a column whose values are all attributes of the event as a JSON object."""

Column = tuple[str, str]
"""Type (one of `SCALARS`, `JSON` or `PACKED`) and key."""

STARTS = ("start_timestamp", "time:start")
LIFECYCLE, RESOURCE, COST, CURRENCY = "lifecycle:transition", "org:resource", "cost:total", "cost:currency"

_PLAIN_INT = r"^(?:0|-?[1-9][0-9]{0,17})$"
_PLAIN_FLOAT = r"^-?(?:0|[1-9][0-9]{0,9})\.(?:0|[0-9]{0,2}[1-9])$"  # as JSON writes the same number
_ESCAPED = r'["\\\x00-\x1f]'


@dataclass(frozen=True, slots=True)
class Keys:
    """Which attributes of an event are its activity, its time and (None: by custom) its start."""

    activity: str
    time: str
    start: str | None

    def roles(self, columns: Sequence[Column]) -> dict[str, int]:
        """The columns that become fields of the event: role to column number."""
        found: dict[str, int] = {}
        fields = (
            (self.activity, "activity"),
            (self.time, "time"),
            (LIFECYCLE, "lifecycle"),
            (RESOURCE, "actor"),
        )
        names = dict(reversed(fields))
        for number, (tag, key) in enumerate(columns):
            if tag in SCALARS and (role := names.get(key)):
                found[role] = number
        starts = STARTS if self.start is None else (self.start,)
        for name in starts:
            for number, (tag, key) in enumerate(columns):
                fits = tag == "date" if self.start is None else tag in SCALARS
                if key == name and fits and number not in found.values():
                    found.setdefault("start", number)
        cost = next((n for n, (tag, key) in enumerate(columns) if key == COST and tag in ("int", "float")), None)
        if cost is not None and ("string", CURRENCY) in columns:
            found.update(value=cost, currency=columns.index(("string", CURRENCY)))
        for number, (tag, key) in enumerate(columns):
            if tag == "string" and key in FIELDS:
                found[key] = number
        return found


@dataclass(slots=True)
class Table:
    """Events of one shape: `values` holds theirs in a row, `sequence` their numbers in the file.

    `tags` and `names` are how the shape shows in the tokens of a file: the tag of every attribute; "key", the
    key and "value" of every attribute.
    """

    columns: tuple[Column, ...]
    roles: dict[str, int]
    values: list[str] = field(default_factory=list)
    sequence: list[int] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    def column(self, number: int) -> pl.Series:
        return pl.Series(self.values[number :: len(self.columns)], dtype=pl.String)

    def row(self, number: int) -> Iterator[tuple[Column, str]]:
        width = len(self.columns)
        return zip(self.columns, self.values[number * width : (number + 1) * width], strict=True)


@dataclass(slots=True)
class Refused:
    """One event of a table that cannot be kept, with its reason."""

    sequence: int
    reason: str
    table: Table
    row: int


def amount(text: str, currency: str) -> Decimal | None:
    """Money as stored, or None where the sum is not exact in `kernel.events.MONEY` or has no currency."""
    try:
        value = Decimal(text.strip())
        fits = value.is_finite() and abs(value) < 10**32 and value == round(value, 6)
    except InvalidOperation:
        return None
    return value if fits and currency.strip() and text.isascii() and "_" not in text else None


def event_rows(table: Table, keys: Keys, timezone: ZoneInfo | None) -> tuple[pl.DataFrame, list[Refused]]:
    """The good events of a table and the others.

    One row per event, with the columns of `kernel.events.EVENT_FRAME` but `objects`, in file order, and what is
    lifted apart (`ingest.formats.xes_fields`).
    """
    roles, count = table.roles, len(table.sequence)
    bad: dict[int, str] = {}
    taken = {roles[role] for role in roles if role not in ("value", "currency")}
    data: dict[str, pl.Series] = {"sequence": pl.Series(table.sequence, dtype=EVENT_FRAME["sequence"])}

    if "activity" in roles:
        data["activity"] = table.column(roles["activity"])
        blank = data["activity"].str.strip_chars().str.len_bytes() == 0
        bad.update(dict.fromkeys(blank.arg_true().to_list(), f"its {keys.activity} is empty"))
    else:
        present = ", ".join(key for _, key in table.columns) or "none"
        bad.update(dict.fromkeys(range(count), f"the event has no {keys.activity}; its keys: {present}"[:500]))
    if "time" in roles:
        data["occurred_at"], data["precision"] = _instants(table, roles["time"], bad, timezone)
    else:
        for row in range(count):
            bad.setdefault(row, f"the event has no {keys.time}")
    if "start" in roles:
        data["started_at"], _ = _instants(table, roles["start"], bad, timezone)
    for role in ("lifecycle", "actor"):
        if role in roles:
            data[role] = table.column(roles[role])
    money: pl.Series | None = None
    if "value" in roles:
        pair = (table.column(roles["value"]), table.column(roles["currency"]))
        money = pl.Series([amount(*each) for each in zip(*pair, strict=True)], dtype=MONEY)
        data["value"], data["currency"] = money, _kept(pair[1], money.is_not_null())
    data["attributes"] = _attributes(table, taken, money, bad, timezone)
    for key, name in FIELDS.items():
        if key in roles:
            column = lifted(name, table.column(roles[key]), data, bad)
            data[column.name or name] = column

    refused = [Refused(table.sequence[row], reason, table, row) for row, reason in sorted(bad.items())]
    if len(bad) == count:
        return _empty(), refused
    frame = _completed(pl.DataFrame(data))
    if bad:
        keep = pl.Series([row not in bad for row in range(count)], dtype=pl.Boolean)
        frame = frame.filter(keep)
    return frame, refused


def _completed(frame: pl.DataFrame) -> pl.DataFrame:
    usual: dict[str, object] = {
        "time_kind": "happened",
        "revision": 0,
        "started_at": None,
        "seen_at": None,
        "value": None,
    }
    return frame.select(
        (pl.col(name) if name in frame.columns else pl.lit(usual.get(name, ""))).cast(dtype).alias(name)
        for name, dtype in EVENT_FRAME.items()
        if name != "objects"
    ).with_columns(frame[MARK + name] for name in APART if MARK + name in frame.columns)


def _empty() -> pl.DataFrame:
    return pl.DataFrame(schema=EVENT_FRAME).drop("objects")


def _kept(texts: pl.Series, where: pl.Series) -> pl.Series:
    return texts.to_frame("text").select(pl.when(where).then("text").otherwise(pl.lit("")))["text"]


def _instants(table: Table, number: int, bad: dict[int, str], timezone: ZoneInfo | None) -> tuple[pl.Series, pl.Series]:
    key = table.columns[number][1]
    read = read_instants(table.column(number), timezone)
    beyond = ((read["us"] < FIRST_US) | (read["us"] >= END_US)).fill_null(False)
    for row in read["reason"].is_not_null().arg_true().to_list():
        bad.setdefault(row, f"its {key}: {read['reason'][row]}")
    for row in beyond.arg_true().to_list():
        bad.setdefault(row, f"its {key} is outside the years 1970 to 2200")
    return read["us"].cast(INSTANT), read["precision"]


def _attributes(
    table: Table, taken: set[int], money: pl.Series | None, bad: dict[int, str], timezone: ZoneInfo | None
) -> pl.Series:
    """The other attributes of every event as one canonical JSON object."""
    parts: list[pl.Expr] = []
    series: list[pl.Series] = []
    pair = {table.roles["value"], table.roles["currency"]} if money is not None else set()
    for number in sorted(range(len(table.columns)), key=lambda each: table.columns[each][1]):
        tag, key = table.columns[number]
        if tag == PACKED:
            return table.column(number)
        if number in taken:
            continue
        name = str(number)
        series.append(_json(table, number, bad, timezone).alias(name))
        part = pl.concat_str(pl.lit(encode_value(key) + ":"), pl.col(name), pl.lit(","))
        parts.append(pl.when(pl.lit(money).is_null()).then(part).otherwise(pl.lit("")) if number in pair else part)
    if not parts:
        return pl.Series(["{}"], dtype=pl.String).new_from_index(0, len(table.sequence))
    text = pl.concat_str(pl.lit("{"), pl.concat_str(*parts).str.strip_suffix(","), pl.lit("}"))
    return pl.DataFrame(series).select(text=text)["text"]


def _json(table: Table, number: int, bad: dict[int, str], timezone: ZoneInfo | None) -> pl.Series:
    """One attribute of every event as JSON values; those of the wrong type are noted in `bad`."""
    tag, key = table.columns[number]
    texts = table.column(number)
    if tag == JSON:
        return texts
    direct = texts.to_frame("text").select(text=_DIRECT[tag](pl.col("text"))) if tag in _DIRECT else None
    if tag == "date":
        direct = read_instants(texts, timezone).select(text=_date_text(pl.col("us")))
    values = texts.clear(len(texts)) if direct is None else direct["text"]
    left = values.is_null().arg_true().to_list()
    if not left:
        return values
    mended = []
    for row in left:
        try:
            mended.append(encode_value(scalar(tag, key, texts[row], timezone)))
        except ValueError as error:
            bad.setdefault(row, str(error))
            mended.append("null")
    return values.scatter(left, mended)


def _in_quotes(text: pl.Expr) -> pl.Expr:
    return pl.when(~text.str.contains(_ESCAPED)).then(pl.concat_str(pl.lit('"'), text, pl.lit('"')))


def _date_text(us: pl.Expr) -> pl.Expr:
    moment = us.cast(pl.Datetime("us"))
    whole = us % 1_000_000 == 0
    return pl.concat_str(
        pl.lit('{"$date":"'),
        pl.when(whole)
        .then(moment.dt.strftime("%Y-%m-%dT%H:%M:%SZ"))
        .otherwise(moment.dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")),
        pl.lit('"}'),
    )


# The JSON of the values that need no thought; null for the rest, which `scalar` reads one by one.
_DIRECT: dict[str, Callable[[pl.Expr], pl.Expr]] = {
    "string": _in_quotes,
    "id": lambda text: pl.concat_str(pl.lit('{"$id":'), _in_quotes(text), pl.lit("}")),
    "int": lambda text: pl.when(text.str.contains(_PLAIN_INT)).then(text),
    "float": lambda text: pl.when(text.str.contains(_PLAIN_FLOAT)).then(text),
    "boolean": lambda text: pl.when(text.is_in(["true", "false"])).then(text),
}
