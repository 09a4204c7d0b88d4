"""Columns of written time stamps to instants: one format per column, detected or given, never guessed twice.

Formats are strftime patterns as polars reads them, or `epoch_s`, `epoch_ms`, `epoch_us`. A pattern without a
zone needs a time zone; a pattern without hours is a business date.
"""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo

import polars as pl

from kernel.errors import MappingError
from kernel.events import INSTANT

_DATES = (
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%d.%m.%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%Y%m%d",
)
_TIMES = ("%H:%M:%S", "%H:%M:%S%.f", "%H:%M")
_ZONES = ("", "%z", " %z", "Z", " UTC")
EPOCHS = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}

CANDIDATES: tuple[str, ...] = (
    *(f"{d}{sep}{t}{zone}" for d in _DATES for sep in (" ", "T") for t in _TIMES for zone in _ZONES),
    *_DATES,
    "%d.%m.%y %H:%M",
    "%d.%m.%y",
    "%b %d, %Y %I:%M:%S %p",
    "%m/%d/%Y %I:%M:%S %p",
    "%m/%d/%Y %I:%M %p",
)
SAMPLE = 2_000


def detect_format(sample: pl.Series, column: str) -> str:
    """The format that reads every stamp of the sample (or most of them, when some are broken).

    Raises
    ------
    MappingError
        No known format reads any of them, or day-first and month-first both read all of them while some
        stamps would mean different days.
    """
    stamps = sample.drop_nulls().filter(sample.drop_nulls() != "").head(SAMPLE)
    if stamps.is_empty():
        return CANDIDATES[0]
    written = set("".join(stamps))
    possible = [pattern for pattern in CANDIDATES if _marks(pattern) <= written] or CANDIDATES[:1]
    scored = [(pattern, _parse_naive(stamps, pattern)) for pattern in possible]
    best = max(read.len() - read.null_count() for _, read in scored)
    if best == 0:
        raise MappingError(
            f"column {column!r}: {str(stamps[0])[:60]!r} is not a time in any known form; "
            "give --time-format, for example '%d.%m.%Y %H:%M'"
        )
    winners = [(pattern, read) for pattern, read in scored if read.len() - read.null_count() == best]
    pattern, read = winners[0]
    for other, other_read in winners[1:]:
        if not (other_read == read).fill_null(True).all():
            raise MappingError(
                f"column {column!r}: {str(stamps[0])[:60]!r} could be {pattern} or {other}; say which: "
                f"--time-format '{pattern}'"
            )
    return pattern


def _marks(pattern: str) -> set[str]:
    """What a stamp of this form cannot be without."""
    return set(re.sub(r"%\.?[a-zA-Z]", "", pattern)) - {" "}


def parse_stamps(stamps: pl.Series, pattern: str, zone: ZoneInfo | None) -> tuple[pl.Series, pl.Series]:
    """Instants and their precisions; null where a stamp cannot be read, or where clocks change and the zone has no
    such time or has it twice: an hour is never guessed. `zone` is needed when the pattern carries none;
    `needs_zone` tells.
    """
    if pattern in EPOCHS:
        micros = stamps.cast(pl.Float64, strict=False) * EPOCHS[pattern]
        exact = stamps.cast(pl.Int64, strict=False) * EPOCHS[pattern]
        usable = micros.is_finite() & (micros.abs() < 2**62)
        values = pl.select(
            pl.when(usable).then(pl.coalesce(exact, micros.fill_nan(None).cast(pl.Int64, strict=False)))
        ).to_series()
        instants = values.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
        return instants, _same("s" if pattern == "epoch_s" else "ms" if pattern == "epoch_ms" else "us", stamps)
    read = _parse_naive(stamps, pattern)
    if needs_zone(pattern):
        if zone is None:
            raise MappingError("these stamps carry no time zone: give --timezone, for example Europe/Berlin")
        frame = pl.DataFrame({"t": read}).select(
            pl.col("t")
            .dt.replace_time_zone(zone.key, ambiguous="null", non_existent="null")
            .dt.convert_time_zone("UTC")
        )
        read = frame.to_series()
    else:
        read = read.dt.replace_time_zone("UTC")
    return read.cast(INSTANT), _same(precision_of(pattern), stamps)


def needs_zone(pattern: str) -> bool:
    """Whether stamps of this form leave the time zone open."""
    return pattern not in EPOCHS and not pattern.endswith(("%z", "Z", " UTC"))


def precision_of(pattern: str) -> str:
    if "%H" not in pattern and "%I" not in pattern:
        return "day"
    if "%.f" in pattern or "%f" in pattern:
        return "us"
    return "s" if "%S" in pattern or "%T" in pattern else "min"


def _same(precision: str, like: pl.Series) -> pl.Series:
    return pl.Series([precision]).new_from_index(0, like.len())


def _read(stamps: pl.Series, pattern: str) -> pl.Series:
    """The stamps by the pattern. Fractions of six or three digits all through are read by another way that takes a
    seventh of the time and reads exactly the same."""
    if "%.f" in pattern and "%z" not in pattern:
        for digits in (".%6f", ".%3f"):
            fixed = pattern.replace("%.f", digits)
            if not stamps.head(1).str.to_datetime(fixed, time_unit="us", strict=False).has_nulls():
                read = stamps.str.to_datetime(fixed, time_unit="us", strict=False, cache=False)
                if read.null_count() == stamps.null_count():
                    return read
    return stamps.str.to_datetime(pattern, time_unit="us", strict=False)


def _parse_naive(stamps: pl.Series, pattern: str) -> pl.Series:
    """Naive UTC for patterns with a zone, naive local time for those without; null where unreadable."""
    if pattern in EPOCHS:
        return parse_stamps(stamps, pattern, None)[0].dt.replace_time_zone(None)
    try:
        if "%H" not in pattern and "%I" not in pattern:
            return stamps.str.to_date(pattern, strict=False).cast(pl.Datetime("us"))
        read = _read(stamps, pattern)
    except pl.exceptions.PolarsError:
        return pl.Series(stamps.name, [None] * stamps.len(), dtype=pl.Datetime("us"))
    if read.dtype.time_zone is not None:  # type: ignore[attr-defined]
        read = read.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return read.cast(pl.Datetime("us"))
