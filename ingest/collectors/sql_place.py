"""Up to where a database was read, as the text that the inlet keeps with what it took."""

from __future__ import annotations

import base64
import json
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from ingest.sources.delivery import CollectorError

SEEN_IN_MEMORY = 100_000
SEEN_KEPT = 200
"""Digests of rows that are remembered, and that go into the place."""


@dataclass
class Place:
    """`mark`: below it, less the overlap, nothing new appears any more; None before the first scan is through.
    `after`: watermark and key of the last row of a scan that was not through; `bound`: what its mark will be."""

    mark: Any = None
    bound: Any = None
    after: list[Any] | None = None
    seen: OrderedDict[bytes, bytes] = field(default_factory=OrderedDict)
    """Digests of keys and rows that were handed over lately. Only saves work: an event that comes twice is known by
    its id."""

    def knows(self, key: bytes, row: bytes) -> bool:
        return self.seen.get(key) == row

    def remember(self, key: bytes, row: bytes) -> None:
        self.seen.pop(key, None)
        self.seen[key] = row
        while len(self.seen) > SEEN_IN_MEMORY:
            self.seen.popitem(last=False)

    def forget_before(self, scanned: int) -> None:
        """Keep what the last so many calls of `remember` were about: a scan that is through saw no other."""
        while len(self.seen) > scanned:
            self.seen.popitem(last=False)

    def dumped(self, of: str) -> str:
        """`of`: what of the settings the place depends on."""
        found: dict[str, Any] = {"of": of, "mark": _tagged(self.mark)}
        if self.after is not None:
            found |= {"bound": _tagged(self.bound), "after": [_tagged(value) for value in self.after]}
        if len(self.seen) <= SEEN_KEPT:
            found["seen"] = [(key + row).hex() for key, row in self.seen.items()]
        return json.dumps(found, separators=(",", ":"))


def loaded(text: str, of: str) -> Place | None:
    """The place that `dumped` wrote; the beginning for "", and None where it is of other settings.

    Raises
    ------
    CollectorError
        It is none of ours: of another kind of collector, say.
    """
    if not text:
        return Place()
    try:
        found = json.loads(text)
        if found["of"] != of:
            return None
        place = Place(_untagged(found["mark"]), _untagged(found.get("bound")))
        if "after" in found:
            place.after = [_untagged(value) for value in found["after"]]
        for pair in found.get("seen", ()):
            data = bytes.fromhex(pair)
            place.remember(data[: len(data) // 2], data[len(data) // 2 :])
    except (ValueError, KeyError, TypeError, IndexError, ArithmeticError):
        raise CollectorError("the place that is kept of this source is no place in a database") from None
    return place


def below(mark: Any, overlap: float, zone: ZoneInfo | None) -> Any:
    """From where to read, so that all is found that appeared below the mark.

    A time without a zone in an hour that comes twice, as clocks are set back, may be followed by earlier ones for as
    long as they are set back.
    """
    if isinstance(mark, datetime):
        back = timedelta(seconds=overlap)
        if mark.tzinfo is None and zone is not None:
            first, second = (mark.replace(tzinfo=zone, fold=fold).utcoffset() or timedelta() for fold in (0, 1))
            back += max(timedelta(), first - second)
        least = datetime.min.replace(tzinfo=mark.tzinfo)
        return mark - back if mark - least > back else least
    return None if mark is None else mark - int(overlap)


def _tagged(value: Any) -> Any:
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, datetime):
        return ["datetime", value.isoformat()]
    if isinstance(value, date):
        return ["date", value.isoformat()]
    if isinstance(value, Decimal | UUID):
        return [type(value).__name__.lower(), str(value)]
    if isinstance(value, bytes | bytearray | memoryview):
        return ["bytes", base64.b64encode(bytes(value)).decode()]
    raise CollectorError(f"a key of type {type(value).__name__} cannot be gone on from: take another key, or a view")


def _untagged(value: Any) -> Any:
    if not isinstance(value, Sequence) or isinstance(value, str):
        return value
    kind, text = value
    read: dict[str, Callable[[str], Any]] = {
        "datetime": datetime.fromisoformat,
        "date": date.fromisoformat,
        "decimal": Decimal,
        "uuid": UUID,
        "bytes": base64.b64decode,
    }
    return read[kind](text)
