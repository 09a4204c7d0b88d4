"""Numbers, shares and durations as people read them; the one place where pages and maps take such text from.

A tile shows at most three significant digits and keeps the full value for the tooltip (`count`).
Thousands are grouped by commas, the decimal mark is a point, and what is unknown is an en dash.
"""

from __future__ import annotations

import math

from kernel.timeparse import format_duration

UNKNOWN = "–"

_SHORT_UNITS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))


def count(value: int | None) -> str:
    """Every digit of a whole number: `48,210`."""
    return UNKNOWN if value is None else f"{value:,}"


def short_count(value: float | None) -> str:
    """A number in at most four characters and a unit: `998`, `9,876`, `48.2k`, `1.23M`, `12.3B`, `2T`.

    Whole numbers below 10,000 stay whole, since `9,876` is as short as `9.88k` and says more.
    """
    if value is None or not math.isfinite(value):
        return UNKNOWN
    if abs(value) < 9_999.5:
        return f"{value:,.0f}"
    # The unit is chosen after rounding, so that 999,999 becomes 1M and not 1000k.
    rounded = float(f"{value:.3g}")
    for size, unit in _SHORT_UNITS:
        if abs(rounded) >= size:
            return f"{_three_digits(rounded / size)}{unit}"
    return f"{value:,.0f}"


def share(part: float | None, whole: float | None = 1.0, digits: int = 1) -> str:
    """A part of a whole in per cent: `97.0 %`.

    Rounding never claims all or nothing: a part short of the whole is `over 99.9 %` at most and a part
    above zero is `under 0.1 %` at least. A whole of zero has no shares.
    """
    if part is None or whole is None or whole == 0:
        return UNKNOWN
    ratio = part / whole
    if not math.isfinite(ratio):
        return UNKNOWN
    smallest = 10.0**-digits
    percent = round(100 * ratio, digits)
    if ratio < 1 and percent >= 100:
        return f"over {100 - smallest:.{digits}f} %"
    if ratio > 0 and percent <= 0:
        return f"under {smallest:.{digits}f} %"
    return "100 %" if ratio == 1 else f"{percent:.{digits}f} %"


def duration(seconds: float | None) -> str:
    """A duration in its one or two largest units, as everywhere in Gembascope: `24m`, `9h 30m`, `13d 19h`."""
    return UNKNOWN if seconds is None or not math.isfinite(seconds) else format_duration(seconds)


def hours(number: float) -> str:
    """A sum of hours, `224k hours`; below one hour as a duration."""
    return f"{short_count(number)} hours" if number >= 1 else duration(number * 3600)


def plural(number: int, one: str, many: str | None = None) -> str:
    """A counted noun: `1 connection`, `27 connections`, `1,090 activities`."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def _three_digits(value: float) -> str:
    """Three significant digits without trailing zeros, for a value of 1 or more."""
    text = f"{value:.{max(0, 3 - len(str(int(abs(value)))))}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
