"""Durations as people write them in YAML (`4h`, `1h30m`) and as people read them (`3d 4h`)."""

from __future__ import annotations

import math
import re
from datetime import timedelta

_UNITS = {
    "w": timedelta(weeks=1),
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
}
_RANK = {unit: rank for rank, unit in enumerate(_UNITS)}
_TERM = re.compile(r"([0-9]{1,15})(ms|[wdhms])\s*")


def parse_duration(text: object) -> timedelta:
    """The duration that a YAML value such as `4h`, `30m`, `2d`, `1h30m`, `90s`, `1w` or `250ms` stands for.

    Whole numbers, each followed by its unit (w, d, h, m, s, ms), from the large unit to the small, each
    unit once; spaces between the terms are allowed. A number may pass the next unit (`90s`). A day is 24
    hours and a week 7 days of elapsed time: working time and working days are the calendar's business.

    Raises ValueError for everything else: a bare number (YAML reads `30` as one), a fraction, a sign, an
    unknown unit, or more than `timedelta` can hold.
    """
    if not isinstance(text, str):
        raise ValueError(f"expected a duration such as 4h or 1h30m, got {text!r} without a unit")
    rest, total, last = text.strip(), timedelta(), -1
    if not rest:
        raise ValueError("expected a duration such as 4h or 1h30m, got an empty text")
    while rest:
        term = _TERM.match(rest)
        if term is None:
            raise ValueError(
                f"{text!r} is not a duration: expected whole numbers with the units w, d, h, m, s or ms, "
                "such as 4h or 1h30m"
            )
        unit = term[2]
        if _RANK[unit] <= last:
            raise ValueError(f"{text!r} is not a duration: units go from large to small, each once")
        last = _RANK[unit]
        try:
            total += int(term[1]) * _UNITS[unit]
        except OverflowError:
            raise ValueError(f"{text!r} is longer than a duration can be") from None
        rest = rest[term.end() :]
    return total


def format_duration(seconds: float) -> str:
    """A duration in seconds as short text for people, in its one or two largest sensible units.

    `3d 4h`, `2h 5m`, `12m 30s`, `45s`, `2.5s`, `0.4s`. Rounded to the smaller unit shown (below ten seconds
    to a tenth, below one to a millisecond); a part that is zero is left out. Days are the largest unit.
    A negative duration starts with `-`; what rounds to nothing is `0s`. Raises ValueError for NaN and
    infinities.
    """
    if not math.isfinite(seconds):
        raise ValueError(f"{seconds} is not a duration")
    size = abs(seconds)
    sign = "-" if seconds < 0 else ""
    for below, digits in ((1, 3), (10, 1), (60, 0)):
        rounded = round(size, digits)
        if rounded < below:
            return f"{sign}{rounded:g}s" if rounded else "0s"
    for large, small, step, ratio, most in (("m", "s", 1, 60, 60), ("h", "m", 60, 60, 24)):
        count = round(size / step)
        if count < ratio * most:
            return sign + _two_units(count, ratio, large, small)
    return sign + _two_units(round(size / 3600), 24, "d", "h")


def _two_units(count: int, ratio: int, large: str, small: str) -> str:
    whole, part = divmod(count, ratio)
    return f"{whole}{large} {part}{small}" if part else f"{whole}{large}"
