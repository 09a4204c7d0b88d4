"""Rows of a database as JSON that keeps what their types say, and as short digests."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from ingest.sources.delivery import CollectorError

DIGEST_BYTES = 16


def row_json(row: Mapping[str, Any], zones: Mapping[str, ZoneInfo | None], digits: Mapping[str, int]) -> bytes:
    """The row as a JSON object, columns in their order. `zones`: the time zone of columns that hold times without one;
    `digits`: how many of a second columns say that their times have.

    Decimals and what JSON has no number for (NaN, infinities) are texts, as are times (RFC 3339 with offset), dates
    and durations (hours:minutes:seconds); bytes are base64. A time is as exact as its column, also where it is a whole
    second by chance; where the column does not say, as its value.
    """
    return _dumped({name: _plain(value, zones.get(name), digits.get(name)) for name, value in row.items()})


def key_json(row: Mapping[str, Any], key: Sequence[str], zones: Mapping[str, ZoneInfo | None]) -> str:
    """The values of the row's key as a JSON array: the same for the same key, now and later."""
    return _dumped([_plain(row[name], zones.get(name)) for name in key]).decode()


def digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=DIGEST_BYTES).digest()


def _dumped(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8", "replace")


def _plain(value: Any, zone: ZoneInfo | None, digits: int | None = None) -> Any:
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Decimal):
        return format(value, "f") if value.is_finite() else str(value)
    if isinstance(value, datetime):
        return _instant(value, zone, digits)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return _duration(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(bytes(value)).decode()
    if isinstance(value, dict):
        return {str(name): _plain(one, zone, digits) for name, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(one, zone, digits) for one in value]
    return str(value)


def _instant(value: datetime, zone: ZoneInfo | None, digits: int | None) -> str:
    if value.tzinfo is None:
        if zone is None:
            raise CollectorError("the rows hold times without a time zone: say which it is, by `timezone`")
        value = value.replace(tzinfo=zone)
    exact = "auto" if digits is None else "seconds" if not digits else "milliseconds" if digits <= 3 else "microseconds"
    return value.isoformat(timespec=exact)


def _duration(value: timedelta) -> str:
    sign = "-" if value < timedelta() else ""
    rest = abs(value)
    seconds, hours = rest.seconds % 3600, rest.days * 24 + rest.seconds // 3600
    text = f"{sign}{hours:02}:{seconds // 60:02}:{seconds % 60:02}"
    return f"{text}.{rest.microseconds:06}" if rest.microseconds else text
