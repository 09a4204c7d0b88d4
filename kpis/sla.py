"""How a promise is kept, at one instant: which cases met it, which are late, and what that costs.

What a case was promised, and what kept it, is in the projection and does not depend on now; `now` decides what is past
due and what is at risk. The meaning itself is the view `judged_cases` (kernel/schema), for every surface alike.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec
import polars as pl

from kernel.case_value import Loss
from kernel.definitions import suggestion
from kernel.errors import InputError, NotFound
from kernel.warehouse import load_query
from mining.filters import EVERYTHING, CaseFilter
from mining.view import ProcessView

MAX_PAGE = 10_000
ALL = 1 << 62
_IDS = 10_000


class SlaState(StrEnum):
    """How a promise stands to a case whose clock has started."""

    MET = "met"  # kept in time
    BREACHED = "breached"  # kept late, or past due and not kept
    AT_RISK = "at_risk"  # not kept, and due within the time that the promise names
    PAUSED = "paused"  # not kept, and its clock stands
    OPEN = "open"  # not kept, and due later


@dataclass(frozen=True, slots=True)
class SlaSummary:
    """One promise at one instant, in cases and money.

    `cases`: every state with its number of cases; they sum to those whose clock has started and that are not void.
    `not_started`: cases that nothing is due of: their clock has not started, or there is never a due instant. `void`:
    complete cases that reached another end without what keeps the promise; they are never late, and in no state.
    `late_now`: past due and not kept; `kept_late`: kept, and late; the two are all that is breached. `value_late` and
    `lost_per_hour`: sums over `late_now`, per currency, never mixed; `value_at_risk`: the value of those at risk.
    `unpriced`: of `late_now`, those without a known value. `oldest_due`: the first due instant of `late_now`; None for
    none.
    """

    process: str
    promise: str
    now: datetime
    cases: dict[SlaState, int]
    not_started: int
    void: int
    late_now: int
    kept_late: int
    value_late: dict[str, Decimal]
    value_at_risk: dict[str, Decimal]
    unpriced: int
    lost_per_hour: dict[str, Decimal]
    oldest_due: datetime | None


@dataclass(frozen=True, slots=True)
class SlaPage:
    """A page of cases, the instant at which they are judged, and where the next page begins (None on the last).

    `cases`: one row per case with `case_id`, `store` ('' where the process names none), `state`, `due_at` (null while
    paused), `kept_at`, `paused_since`, `late_s` (from due to kept, or to now; 0 where it is not late), `value` (null:
    not priced), `currency`, `lost_per_hour` (of those late now; in the same currency), `last_activity`, `last_at` (last
    event) and `started_at` (first event).
    """

    cases: pl.DataFrame
    now: datetime
    next: str | None


def sla_summaries(
    view: ProcessView, now: datetime, chosen: CaseFilter = EVERYTHING, names: Collection[str] | None = None
) -> list[SlaSummary]:
    """How promises are kept over the selected cases: all of the process, or those of these names, in the order of the
    definition. One question whatever their number, which reads one row per case.

    Raises
    ------
    NotFound
        The process promises nothing of one of the names; the message lists what it promises.
    """
    promises = view.definition.promises
    numbers = _numbers(view, names if names is not None else [promise.name for promise in promises])
    if not numbers:
        return []
    found: dict[int, list[dict[str, Any]]] = {number: [] for number in numbers}
    judging = _judging(view, numbers, now)
    for row in view.ask(load_query(__file__, "sla_summaries"), chosen, **judging).to_dicts():
        found[row["promise"]].append(row)
    return [_summary(view, promises[number - 1].name, now, rows) for number, rows in found.items()]


def sla_summary(view: ProcessView, promise_name: str, now: datetime, chosen: CaseFilter = EVERYTHING) -> SlaSummary:
    """How one promise is kept, as `sla_summaries`."""
    [found] = sla_summaries(view, now, chosen, [promise_name])
    return found


def _summary(view: ProcessView, promise_name: str, now: datetime, rows: Sequence[dict[str, Any]]) -> SlaSummary:
    late = [row for row in rows if row["late_now"]]
    risky = [row for row in rows if row["standing"] == SlaState.AT_RISK]

    def count(standing: str) -> int:
        return sum(row["cases"] for row in rows if row["standing"] == standing)

    late_now = sum(row["cases"] for row in late)
    return SlaSummary(
        process=view.definition.id,
        promise=promise_name,
        now=_utc(now),
        cases={state: count(state) for state in SlaState},
        not_started=count("not_started"),
        void=count("void"),
        late_now=late_now,
        kept_late=count(SlaState.BREACHED) - late_now,
        value_late=_money(late, "value"),
        value_at_risk=_money(risky, "value"),
        unpriced=late_now - sum(row["priced"] for row in late),
        lost_per_hour=_money(late, "lost_per_hour"),
        oldest_due=min((row["oldest_due"] for row in late), default=None),
    )


def sla_cases(
    view: ProcessView,
    promise_name: str,
    now: datetime,
    *,
    states: Collection[SlaState] = (),
    late_now: bool = False,
    chosen: CaseFilter = EVERYTHING,
    limit: int = 50,
    after: str | None = None,
) -> SlaPage:
    """The cases of a promise: those that lose most per hour first.

    By `lost_per_hour`, then `value`, greatest first and those without one last, then by `late_s`, longest first, then
    by case id. Amounts of several currencies are ordered by their numbers. `states`: any of these, none for all;
    `late_now`: only what is past due and not kept. `after` is the `next` of the page before; it holds the instant of
    the first page, at which all pages are judged, whatever `now` says.

    Raises
    ------
    NotFound
        The process promises nothing of this name.
    InputError
        A limit outside 1 to 10,000, or a cursor that is not one of this list.
    """
    if not 1 <= limit <= MAX_PAGE:
        raise InputError(f"limit: {limit} is not between 1 and {MAX_PAGE}")
    cursor = _Cursor(promise_name, _utc(now)) if after is None else _read_cursor(after, promise_name)
    found = _cases(view, promise_name, cursor, chosen, limit + 1, states=states, late_now=late_now)
    more, shown = found.height > limit, found.head(limit)
    following = _write_cursor(promise_name, cursor.now, shown.row(-1, named=True)) if more else None
    return SlaPage(_seconds(shown), cursor.now, following)


def sla_of_cases(view: ProcessView, promise_name: str, now: datetime, case_ids: Sequence[str]) -> pl.DataFrame:
    """The named cases as rows of `SlaPage.cases`, by case id. Those that are void, whose clock has not started, or that
    the process does not have (or this view may not tell of) are not in it. NotFound as `sla_summaries`."""
    cursor, wanted = _Cursor(promise_name, _utc(now)), sorted(set(case_ids))
    parts = [
        _cases(view, promise_name, cursor, EVERYTHING, ALL, case_ids=wanted[first : first + _IDS])
        for first in range(0, max(len(wanted), 1), _IDS)
    ]
    found = pl.concat(parts) if wanted else parts[0].clear()
    return _seconds(found.sort("case_id"))


def sla_open(view: ProcessView, promise_name: str, now: datetime) -> pl.DataFrame:
    """All cases that are past due and not kept, or at risk, as rows of `SlaPage.cases` in its order. NotFound as
    `sla_summaries`."""
    states = (SlaState.BREACHED, SlaState.AT_RISK)
    found = _cases(view, promise_name, _Cursor(promise_name, _utc(now)), EVERYTHING, ALL, states=states, unkept=True)
    return _seconds(found)


@dataclass(frozen=True, slots=True)
class _Cursor:
    """The row after which a page begins: what it is ordered by; none without a case."""

    promise: str
    now: datetime
    lost: Decimal = Decimal(-1)
    value: Decimal = Decimal(-1)
    late_us: int = 0
    case_id: str | None = None


def _cases(
    view: ProcessView,
    promise_name: str,
    cursor: _Cursor,
    chosen: CaseFilter,
    page: int,
    *,
    states: Collection[SlaState] = (),
    late_now: bool = False,
    unkept: bool = False,
    case_ids: Sequence[str] = (),
) -> pl.DataFrame:
    return view.ask(
        load_query(__file__, "sla_cases"),
        chosen,
        **_judging(view, _numbers(view, [promise_name]), cursor.now),
        standings=[str(state) for state in states],
        only_late=int(late_now),
        only_unkept=int(unkept),
        case_ids=list(case_ids),
        after_lost=cursor.lost,
        after_value=cursor.value,
        after_late_us=cursor.late_us,
        after_case=cursor.case_id,
        page=page,
    )


def _numbers(view: ProcessView, names: Collection[str]) -> list[int]:
    """The numbers of the promises of these names, from 1, in the order of the definition."""
    known = [promise.name for promise in view.definition.promises]
    for name in names:
        if name not in known:
            listed = ", ".join(known) or "none"
            raise NotFound(
                f"{view.definition.id} promises nothing called {name!r}{suggestion(name, known)}; its promises: "
                f"{listed}"
            )
    return [number for number, name in enumerate(known, start=1) if name in names]


def _judging(view: ProcessView, numbers: Sequence[int], now: datetime) -> dict[str, Any]:
    """The parameters of the view judged_cases besides the filter."""
    definition, at = view.definition, _utc(now)
    promises, value = definition.promises, definition.value
    losses = [promise.late_cost.loss() if promise.late_cost is not None else Loss() for promise in promises]
    return {
        "promises": list(numbers),
        "now": at,
        "risky_until": [
            promise.risky_until(definition.calendar_of(promise), at) if number in numbers else None
            for number, promise in enumerate(promises, start=1)
        ],
        "store": definition.store or "",
        "value_attribute": value.attribute if value is not None else "",
        "value_currency": (value.currency or "") if value is not None else "",
        "currency_attribute": (value.currency_attribute or "") if value is not None else "",
        "lost_amount": [loss.amount for loss in losses],
        "lost_currency": [loss.currency for loss in losses],
        "lost_share": [loss.share for loss in losses],
    }


def _utc(now: datetime) -> datetime:
    if now.utcoffset() is None:
        raise ValueError(f"expected an instant with an offset, got the naive {now.isoformat()}")
    return now.astimezone(timezone.utc)


def _money(rows: list[dict[str, Any]], column: str) -> dict[str, Decimal]:
    """The sums per currency, by its code."""
    found: dict[str, Decimal] = {}
    for row in rows:
        if row[column] is not None:
            found[row["currency"]] = found.get(row["currency"], Decimal()) + row[column]
    return dict(sorted(found.items()))


def _seconds(cases: pl.DataFrame) -> pl.DataFrame:
    return cases.with_columns(pl.col("late_us") / 1e6).rename({"late_us": "late_s"})


def _write_cursor(promise_name: str, now: datetime, row: dict[str, Any]) -> str:
    ranks = [str(-1 if row[name] is None else row[name]) for name in ("lost_per_hour", "value")]
    return base64.urlsafe_b64encode(
        msgspec.json.encode([promise_name, now, *ranks, row["late_us"], row["case_id"]])
    ).decode()


def _read_cursor(text: str, promise_name: str) -> _Cursor:
    kind = tuple[str, datetime, Decimal, Decimal, int, str]
    try:
        found = msgspec.json.decode(base64.urlsafe_b64decode(text), type=kind)
    except (binascii.Error, msgspec.MsgspecError, ValueError):
        raise InputError("next: not a cursor of this list") from None
    if found[0] != promise_name or found[1].utcoffset() is None:
        raise InputError(f"next: the cursor belongs to the promise {found[0]!r}, not to {promise_name!r}")
    return _Cursor(*found)
