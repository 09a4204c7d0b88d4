"""Written time stamps as instants: UTC microseconds since 1970 and how exact the writer was.

Forms read (ISO 8601 and xs:dateTime): `2024-05-01`, `2024-05-01T12:00`, `2024-05-01T12:00:00`, the same
with a fraction after `.` or `,`, a blank in place of `T`, and a zone `Z`, `+02`, `+0200` or `+02:00`. Digits
past the microsecond are cut. `24:00:00` is the start of the next day. A date alone is the start of that local
day.

Nothing is guessed: a stamp without a zone needs `timezone`, and one that the clock change made impossible or
ambiguous there is refused.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import polars as pl

FIRST_US = 0
"""1970-01-01T00:00:00Z, the earliest instant of an event."""

END_US = 7_289_654_400_000_000
"""2201-01-01T00:00:00Z, the first instant too late for an event."""

_STAMP = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,30}))?)?)?"
    r"\s?([Zz]|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - arithmetic on wall clocks, the zone is applied apart
_UTC = timezone.utc
_MICROSECOND = timedelta(microseconds=1)
_DAY_US = 86_400_000_000
_LOWEST_US = (datetime.min - _EPOCH) // _MICROSECOND  # noqa: DTZ901 - as above
_HIGHEST_US = (datetime.max - _EPOCH) // _MICROSECOND  # noqa: DTZ901 - as above

# The vectorised path takes what nearly every file holds; any other text goes through `read_instant`.
_COMMON_HEAD = r"^[12][0-9]{3}-[0-9]{2}-[0-9]{2}[T ](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]$"
_MICROSECONDS = _COMMON_HEAD[:-1] + r"\.[0-9]{6}"
_LAST_SHARED_RULES = 2036  # later years: polars and zoneinfo may carry the rules on differently
_HEAD_LENGTH = len("2024-05-01T12:00:00")
_TAIL = re.compile(r"(?:[.,](\d{1,30}))?\s?([Zz]|[+-]\d\d(?::?\d\d)?)?", re.ASCII)


def read_instant(text: str, timezone: ZoneInfo | None = None) -> tuple[int, str]:
    """The instant of one written stamp: (UTC microseconds since 1970, one of `kernel.events.PRECISIONS`).

    `timezone` is the zone of stamps that name none. Raises ValueError with a reason for the reader of the
    quarantine. Any year from 1 to 9999 is read: whether it suits an event is for `in_range`.
    """
    match = _STAMP.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{_shown(text)} is not a time stamp")
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    midnight_after = hour == "24" and int(minute) == 0 and int(second or 0) == 0 and not int(fraction or 0)
    try:
        wall = datetime(  # noqa: DTZ001 - the zone is applied below
            int(year),
            int(month),
            int(day),
            0 if hour is None or midnight_after else int(hour),
            int(minute or 0),
            int(second or 0),
            _fraction_us(fraction),
        )
    except ValueError as error:
        raise ValueError(f"{_shown(text)} is not a time stamp: {error}") from None
    wall_us = (wall - _EPOCH) // _MICROSECOND + (_DAY_US if midnight_after else 0)
    precision = _precision(fraction, "day" if hour is None else "min" if second is None else "s")
    if zone is not None:
        offset_us = _zone_us(zone)
        if offset_us is None:
            raise ValueError(f"{_shown(text)} has no possible zone")
        moment_us = wall_us - offset_us
    else:
        moment_us = _local_us(text, wall_us, precision, timezone)
    if not _LOWEST_US <= moment_us <= _HIGHEST_US:
        raise ValueError(f"{_shown(text)} is outside the years 1 to 9999")
    return moment_us, precision


def read_instants(texts: pl.Series, timezone: ZoneInfo | None = None) -> pl.DataFrame:
    """What `read_instant` gives for every text, in order.

    One row per text: `us` (Int64, null where refused), `precision` (null where refused) and `reason` (null
    where read). `texts` holds strings without nulls.
    """
    frame = pl.DataFrame({"text": texts.cast(pl.String)})
    if (alike := _read_alike(frame["text"])) is not None:
        return alike
    frame = frame.with_columns(
        head=pl.col("text").str.slice(0, _HEAD_LENGTH), tail=pl.col("text").str.slice(_HEAD_LENGTH)
    )
    tails = frame["tail"].unique().to_list()
    known = [(tail, *parsed) for tail in tails if (parsed := _read_tail(tail)) is not None]
    tail_frame = pl.DataFrame(
        known,
        schema={"tail": pl.String, "shift_us": pl.Int64, "naive": pl.Boolean, "precision": pl.String},
        orient="row",
    )
    wall = (
        pl.when(pl.col("head").str.contains(_COMMON_HEAD))
        .then(pl.col("head").str.replace(" ", "T", literal=True))
        .str.to_datetime("%Y-%m-%dT%H:%M:%S", time_unit="us", strict=False)
    )
    frame = frame.join(tail_frame, on="tail", how="left", maintain_order="left").with_columns(wall=wall)
    moment: pl.Expr = pl.when(~pl.col("naive")).then(pl.col("wall"))
    if timezone is not None and timezone.key and bool(frame["naive"].any()):
        local = pl.col("wall").dt.replace_time_zone(timezone.key, ambiguous="null", non_existent="null")
        placed = local.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        known_rules = pl.col("naive") & pl.col("wall").dt.year().is_between(1971, _LAST_SHARED_RULES)
        moment = pl.when(known_rules).then(placed).otherwise(moment)
    frame = frame.select(
        "text",
        us=moment.dt.epoch("us") + pl.col("shift_us"),
        precision="precision",
        reason=pl.lit(None, pl.String),
    )
    left = frame["us"].is_null().arg_true().to_list()
    return _read_singly(frame, left, timezone) if left else frame.drop("text")


def in_range(us: int) -> bool:
    """Whether an event may carry this instant: the years 1970 to 2200 in UTC."""
    return FIRST_US <= us < END_US


def written(moment: datetime, precision: str) -> str:
    """An aware instant in UTC as xs:dateTime, with as many digits as `precision` asks and the value needs.

    The form has no place for `min` and `day`: both are written with seconds and read back as `s`.
    """
    if moment.tzinfo is None:
        raise ValueError("a naive datetime has no place on the time line")
    utc = moment.astimezone(_UTC)
    if precision == "us" or utc.microsecond % 1000:
        digits = "microseconds"
    elif precision == "ms" or utc.microsecond:
        digits = "milliseconds"
    else:
        digits = "seconds"
    return utc.isoformat(timespec=digits)


def _read_alike(texts: pl.Series) -> pl.DataFrame | None:
    """As `read_instants` where all stamps are in UTC and have microseconds, as most programs write them: nearly every
    such stamp has a tail of its own. None where one has not this form or is no time."""
    for zone in ("Z", "+00:00"):
        if not texts.head(1).str.ends_with(zone).all():
            continue
        if not texts.str.contains(_MICROSECONDS + re.escape(zone) + "$").all():
            return None
        wall = texts.str.head(-len(zone)).str.replace(" ", "T", literal=True)
        read = wall.str.to_datetime("%Y-%m-%dT%H:%M:%S.%6f", time_unit="us", strict=False, cache=False)
        if read.has_nulls():
            return None
        nothing = pl.lit(None, pl.String).alias("reason")
        return pl.DataFrame({"us": read.dt.epoch("us")}).with_columns(pl.lit("us").alias("precision"), nothing)
    return None


def _read_singly(frame: pl.DataFrame, rows: list[int], timezone: ZoneInfo | None) -> pl.DataFrame:
    texts, us, precisions = frame["text"], frame["us"].to_list(), frame["precision"].to_list()
    reasons: list[str | None] = [None] * len(us)
    for row in rows:
        try:
            us[row], precisions[row] = read_instant(texts[row], timezone)
        except ValueError as error:
            precisions[row], reasons[row] = None, str(error)
    schema = {"us": pl.Int64, "precision": pl.String, "reason": pl.String}
    return pl.DataFrame({"us": us, "precision": precisions, "reason": reasons}, schema=schema)


def _read_tail(tail: str) -> tuple[int, bool, str] | None:
    """What follows the seconds: (microseconds to add, whether a zone is missing, precision)."""
    match = _TAIL.fullmatch(tail)
    if match is None:
        return None
    fraction, zone = match.groups()
    offset_us = 0 if zone is None else _zone_us(zone)
    if offset_us is None:
        return None
    return _fraction_us(fraction) - offset_us, zone is None, _precision(fraction, "s")


def _fraction_us(fraction: str | None) -> int:
    return int(fraction[:6].ljust(6, "0")) if fraction else 0


def _precision(fraction: str | None, without: str) -> str:
    if fraction is None:
        return without
    return "ms" if len(fraction) <= 3 else "us"


def _zone_us(zone: str) -> int | None:
    """The offset from UTC; None where no place has it (xs:dateTime allows 14 hours)."""
    if zone in "Zz":
        return 0
    hours, minutes = int(zone[1:3]), int(zone[-2:]) if len(zone) > 3 else 0
    if minutes > 59 or hours * 60 + minutes > 14 * 60:
        return None
    return (hours * 60 + minutes) * 60_000_000 * (-1 if zone[0] == "-" else 1)


def _local_us(text: str, wall_us: int, precision: str, timezone: ZoneInfo | None) -> int:
    if timezone is None:
        raise ValueError(f"{_shown(text)} names no time zone")
    try:
        earlier = (_EPOCH + timedelta(microseconds=wall_us)).replace(tzinfo=timezone)
        later = earlier.replace(fold=1)
        first_us, second_us = (_since_epoch_us(moment.astimezone(_UTC)) for moment in (earlier, later))
    except OverflowError:
        raise ValueError(f"{_shown(text)} is outside the years 1 to 9999") from None
    if first_us == second_us:
        return first_us
    if precision == "day":  # a day that starts in a clock change starts at that change, or at its first midnight
        return first_us
    fault = "was skipped" if first_us > second_us else "came twice"
    raise ValueError(f"{_shown(text)} {fault} in {timezone.key}, by the change of the clocks")


def _since_epoch_us(utc: datetime) -> int:
    return (utc.replace(tzinfo=None) - _EPOCH) // _MICROSECOND


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:60] + "…")
