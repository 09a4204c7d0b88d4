"""The functions that expressions of mapping packs have besides those of JMESPath.

What is asked of null is null, so that a missing field stays missing; what cannot be converted raises `Unfit`, and the
event is quarantined with the reason.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, TypeVar, cast
from zoneinfo import ZoneInfo

import msgspec
from jmespath import functions

from ingest.event_form import Unfit
from ingest.mappings.strict_json import NotJson, loads

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
UNITS_US = {"s": Decimal(1_000_000), "ms": Decimal(1_000), "us": Decimal(1), "ns": Decimal("0.001")}
TIMESPECS = ("s", "ms", "us")
DIGITS = {"s": 0, "ms": 3, "us": 6, "ns": 6}
ANY: dict[str, Any] = {"types": []}
TEXT = {"types": ["string", "null"]}
_encode = msgspec.json.Encoder(order="sorted").encode
Method = TypeVar("Method", bound=Callable[..., Any])


def signature(*arguments: dict[str, Any]) -> Callable[[Method], Method]:
    """What a function takes, as jmespath checks it; the last argument may be left out where it is variadic."""
    return cast("Callable[[Method], Method]", functions.signature(*arguments))


class Functions(functions.Functions):  # type: ignore[misc]
    """As jmespath calls them: `_func_NAME` is the function NAME."""

    def __init__(self, tables: Mapping[str, Mapping[str, Any]]) -> None:
        self._tables = tables

    def _validate_arguments(self, args: list[Any], signature: list[dict[str, Any]], name: str) -> None:
        """What is variadic may also be left out."""
        if signature and signature[-1].get("variadic") and len(args) == len(signature) - 1:
            self._type_check(args, signature[:-1], name)
        else:
            super()._validate_arguments(args, signature, name)

    # Texts

    @signature(TEXT)
    def _func_lower(self, text: str | None) -> str | None:
        """In small letters."""
        return text.lower() if text is not None else None

    @signature(TEXT)
    def _func_upper(self, text: str | None) -> str | None:
        """In capital letters."""
        return text.upper() if text is not None else None

    @signature(TEXT)
    def _func_trim(self, text: str | None) -> str | None:
        """Without blanks at its ends; null where nothing is left."""
        return (text.strip() or None) if text is not None else None

    @signature(TEXT, {"types": ["string"]})
    def _func_split(self, text: str | None, by: str) -> list[str]:
        """The parts of a text; none of null or of an empty text."""
        return text.split(by) if text else []

    @signature(TEXT, {"types": ["string"]}, {"types": ["string"]})
    def _func_replace(self, text: str | None, old: str, new: str) -> str | None:
        """With every `old` made `new`."""
        return text.replace(old, new) if text is not None else None

    @signature(TEXT, {"types": ["string"]})
    def _func_without_prefix(self, text: str | None, prefix: str) -> str | None:
        """Without what it begins with."""
        return text.removeprefix(prefix) if text is not None else None

    @signature(TEXT)
    def _func_sentence(self, text: str | None) -> str | None:
        """ORDER_PLACED or order-placed as Order placed."""
        words = (text or "").replace("_", " ").replace("-", " ").split()
        return " ".join(words).lower().capitalize() or None

    @signature({"types": ["string"]}, ANY, {"types": [], "variadic": True})
    def _func_lookup(self, table: str, key: Any, *default: Any) -> Any:
        """What a table of the pack holds for a key; else the default, null without one."""
        if table not in self._tables:
            raise Unfit(f"the pack has no table {table!r}")
        if isinstance(key, int | float) and not isinstance(key, bool):
            key = format(key, "g") if isinstance(key, float) else str(key)
        found = self._tables[table].get(key) if isinstance(key, str) else None
        return found if found is not None else default[0] if default else None

    @signature(ANY)
    def _func_digest(self, value: Any) -> str:
        """32 hexadecimal digits that follow from a value, whatever the order of its names: an id for what has none."""
        return hashlib.blake2b(_encode(value), digest_size=16).hexdigest()

    # Times

    @signature(TEXT, {"types": ["string"]}, {"types": ["string"], "variadic": True})
    def _func_local(self, text: str | None, zone: str, *which: str) -> str | None:
        """A time of the clocks of a zone, such as 2026-03-02 10:16:00, with its offset. What these clocks show twice is
        refused unless `first` or `last` is asked for; what they never show is refused."""
        if not text:
            return None
        moment = _parsed(text)
        return _placed(moment, zone, which[0] if which else "", text).isoformat(timespec=_precision(text))

    @signature(TEXT, {"types": ["string"]}, {"types": ["string"], "variadic": True})
    def _func_moment(self, text: str | None, form: str, *zone: str) -> str | None:
        """A time in a form of strptime, by the clocks of a zone or, where the form holds one, with its own offset."""
        if not text:
            return None
        try:
            found = datetime.strptime(text, form)  # noqa: DTZ007 - its zone is looked at below
        except ValueError:
            raise Unfit(f"{text[:60]!r} is no time of the form {form}") from None
        if found.tzinfo is None:
            if not zone:
                raise Unfit(f"{text[:60]!r} has no offset, and the pack names no zone")
            found = _placed(found, zone[0], zone[1] if len(zone) > 1 else "", text)
        return found.isoformat(timespec="microseconds" if "%f" in form else "seconds" if "%S" in form else "minutes")

    @signature({"types": ["number", "string", "null"]}, {"types": ["string"]}, {"types": ["string"], "variadic": True})
    def _func_epoch(self, number: float | str | None, unit: str, *clock: str) -> str | None:
        """A time as a number of s, ms, us or ns since 1970; parts of microseconds are cut off. A clock that knows less
        than it writes is named: of epoch(x, 'ns', 'ms') the milliseconds count."""
        if number is None or number == "":
            return None
        if unit not in UNITS_US or (clock and clock[0] not in TIMESPECS):
            raise Unfit(f"epoch: {' and '.join(map(repr, (unit, *clock)))} is not s, ms, us or ns")
        exact = _decimal(number)
        microseconds = exact * UNITS_US[unit]
        if not 0 <= microseconds < Decimal(10) ** 17:
            raise Unfit(f"{str(number)[:60]} {unit} since 1970 is no time of our days")
        places = -min(0, int(exact.as_tuple().exponent))
        digits = max(DIGITS[unit], min(6, DIGITS[unit] + places))
        if clock:
            digits = DIGITS[clock[0]]
        moment = EPOCH + timedelta(microseconds=int(microseconds))
        return moment.isoformat(
            timespec="seconds" if digits == 0 else "milliseconds" if digits <= 3 else "microseconds"
        )

    # Numbers

    @signature({"types": ["number", "string", "null"]}, {"types": ["number"]})
    def _func_minor(self, number: float | str | None, places: int) -> str | None:
        """An amount in its smallest unit, such as cents, as decimal text: 1205 of 2 places is 12.05."""
        return str(_decimal(number).scaleb(-places)) if number is not None and number != "" else None

    @signature({"types": ["number", "string", "null"]})
    def _func_whole(self, number: float | str | None) -> int | None:
        """A whole number, also of text."""
        if number is None or number == "":
            return None
        exact = _decimal(number)
        if exact != exact.to_integral_value() or exact.adjusted() > 18:
            raise Unfit(f"{str(number)[:60]!r} is no whole number")
        return int(exact)

    # Objects

    @signature({"types": ["object", "null"]})
    def _func_refs(self, by_type: Mapping[str, Any] | None) -> list[dict[str, Any]]:
        """Ids by their types as a list of {type, id}; one id may stand without a list."""
        found = []
        for type_, ids in (by_type or {}).items():
            found += [{"type": type_, "id": one} for one in (ids if isinstance(ids, list) else [ids])]
        return found

    @signature(TEXT, {"types": ["string"], "variadic": True})
    def _func_listed(self, text: str | None, *marks: str) -> list[dict[str, str]]:
        """`order:O-1 line:O-1-1` as a list of {type, id}; other marks than : and a blank may be named."""
        inner, outer = (*marks, ":", " ")[:2] if len(marks) < 2 else marks[:2]
        found = []
        for one in (text or "").split(outer):
            if one:
                type_, there, id_ = one.partition(inner)
                if not there:
                    raise Unfit(f"{one[:60]!r} is no type and id with {inner!r} between them")
                found.append({"type": type_, "id": id_})
        return found

    @signature({"types": ["object", "null"]})
    def _func_entries(self, values: Mapping[str, Any] | None) -> list[dict[str, Any]]:
        """The entries of an object as a list of {name, value}."""
        return [{"name": name, "value": value} for name, value in (values or {}).items()]

    @signature({"types": ["array", "null"]}, {"types": ["string"]}, {"types": ["string"]})
    def _func_from_entries(self, entries: list[Any] | None, name: str, value: str) -> dict[str, Any]:
        """An object of a list of them, by what each holds under two names; those without the first are left out."""
        found = {}
        for one in entries or []:
            if isinstance(one, dict) and isinstance(one.get(name), str):
                found[one[name]] = one.get(value)
        return found

    @signature({"types": ["object", "null"]}, {"types": ["array-string"]})
    def _func_without(self, values: Mapping[str, Any] | None, names: list[str]) -> dict[str, Any]:
        """An object without some of its names."""
        return {name: value for name, value in (values or {}).items() if name not in names}

    @signature({"types": ["object", "null"]}, {"types": ["array-string"]})
    def _func_only(self, values: Mapping[str, Any] | None, names: list[str]) -> dict[str, Any]:
        """An object with some of its names alone."""
        return {name: values[name] for name in names if name in values} if values else {}

    @signature(TEXT)
    def _func_from_json(self, text: str | None) -> Any:
        """What a text holds as JSON; null of an empty one."""
        if not text:
            return None
        try:
            return loads(text.encode("utf-8", "surrogatepass"))
        except NotJson as error:
            raise Unfit(f"{text[:60]!r} is not JSON: {error}") from None

    @signature(TEXT, {"types": ["string"]}, {"types": ["string"]})
    def _func_pairs(self, text: str | None, inner: str, outer: str) -> dict[str, str]:
        """`a=1 b=2` as an object of texts."""
        found = {}
        for one in (text or "").split(outer):
            name, there, value = one.partition(inner)
            if there:
                found[name] = value
        return found


def _decimal(number: float | str) -> Decimal:
    try:
        found = Decimal(number if isinstance(number, str | int) else repr(number))
    except InvalidOperation:
        raise Unfit(f"{str(number)[:60]!r} is no number") from None
    if not found.is_finite():
        raise Unfit(f"{str(number)[:60]!r} is no number")
    return found


def _parsed(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Unfit(f"{text[:60]!r} is no time such as 2026-03-02 10:16:00") from None
    if found.tzinfo is not None:
        raise Unfit(f"{text[:60]!r} has an offset; it needs no zone")
    return found


def _placed(moment: datetime, zone: str, which: str, text: str) -> datetime:
    """An instant by the clocks of a zone."""
    if which not in ("", "first", "last"):
        raise Unfit(f"local: {which!r} is not first or last")
    known = _zone(zone)
    first, last = moment.replace(tzinfo=known, fold=0), moment.replace(tzinfo=known, fold=1)
    if first.utcoffset() != last.utcoffset():
        if first.astimezone(timezone.utc).astimezone(known).replace(tzinfo=None) != moment:
            raise Unfit(f"the clocks of {zone} never showed {text[:60]!r}")
        if not which:
            raise Unfit(f"the clocks of {zone} showed {text[:60]!r} twice; the pack has to say which is meant")
    return last if which == "last" else first


@lru_cache(64)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise Unfit(f"there is no time zone {name[:60]!r}") from None


def _precision(text: str) -> str:
    _, there, fraction = text.partition(".")
    if there:
        return "milliseconds" if len(fraction) <= 3 else "microseconds"
    return "seconds" if text.count(":") > 1 else "minutes"
