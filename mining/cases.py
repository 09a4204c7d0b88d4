"""Cases: lists of them, and one with its events."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import polars as pl

from kernel.errors import InputError, NotFound
from kernel.events import INSTANT
from kernel.process import ProcessDefinition
from kernel.warehouse import load_query
from mining.filters import EVERYTHING, CaseFilter
from mining.view import ProcessView

ORDERS = ("longest", "shortest", "newest", "oldest", "events", "fewest", "recent", "stalest", "due", "case")
"""By duration; by first event (newest, oldest); by number of events, most first or fewest first; by last event, latest
first (recent) or earliest first (stalest); by due instant, the first due first, cases without one last; by case id."""
PROMISES = {"name": pl.String(), "due": INSTANT, "kept": INSTANT, "late_s": pl.Float64(), "paused_since": INSTANT}
MAX_PAGE = 10_000
MAX_EVENTS = 200_000
VIA = pl.Struct({"type": pl.String, "id": pl.String})


@dataclass(frozen=True, slots=True)
class CasePage:
    """A page of cases, and where the next begins (None on the last).

    `cases`: one row per case with `case`, `start`, `end` (first and last event), `duration_s`, `events`, `variant`,
    `state` (open, complete, or unknown where the process names no end) and `due` (of the promises not kept the first
    due instant; when all are kept the last one; null where nothing is due).
    """

    cases: pl.DataFrame
    next: str | None


def cases(
    view: ProcessView,
    chosen: CaseFilter = EVERYTHING,
    *,
    order_by: str = "longest",
    page: int = 50,
    after: str | None = None,
) -> CasePage:
    """Cases of the selection in the order asked for, ties by case id; `after` is the `next` of the page before.

    The order `due` begins with the first due instant; cases without one come last.

    Raises
    ------
    InputError
        An unknown order, a page outside 1 to 10,000, or a cursor that is not ours.
    """
    if order_by not in ORDERS:
        raise InputError(f"order: {order_by!r} is not one of {', '.join(ORDERS)}")
    if not 1 <= page <= MAX_PAGE:
        raise InputError(f"page: {page} is not between 1 and {MAX_PAGE}")
    after_rank, after_case = _read_cursor(after, order_by)
    rows = view.ask(
        load_query(__file__, "cases"),
        chosen,
        order_by=order_by,
        after_rank=after_rank,
        after_case=after_case,
        page=page + 1,
    )
    more = rows.height > page
    rows = rows.head(page)
    last = _write_cursor(order_by, rows.item(-1, "rank"), rows.item(-1, "case")) if more else None
    return CasePage(rows.drop("rank"), last)


@dataclass(frozen=True, slots=True)
class Case:
    """One case. `events`: one row each in case order, with `activity`, `occurred_at`, `started_at`, `source`, `actor`,
    `actor_kind`, `lifecycle`, `outcome`, `error_code`, `value`, `currency`, `attributes` (JSON), `precision`,
    `event_id`, `via` (type and id of the linked object through which it came; null where the event names the case),
    `wait_s` (seconds since the event before; null for the first and where the order is assumed) and `assumed` (whether
    its order after the event before is). `promises`: one row per promise of the process, in its order, with `name`,
    `due` (null where its clock has not started or stands, or nothing is ever due), `kept` (when an event kept it),
    `late_s` (seconds from due to kept, 0 when kept in time, null where one of the two is missing) and `paused_since`
    (since when its clock stands, null where it does not)."""

    case: str
    state: str
    variant: str
    attributes: dict[str, str]
    assumed: int
    events: pl.DataFrame
    promises: pl.DataFrame


@dataclass(frozen=True, slots=True)
class CasePart(Case):
    """One case with some of its `events`. `total`: how many it has, `began` and `ended`: the first and the last of all
    stamps. `activities` and `waits_s`: the whole case as the projection holds it, with a wait as above per activity."""

    total: int
    began: datetime
    ended: datetime
    activities: list[str]
    waits_s: list[float | None]


def case(view: ProcessView, case_id: str) -> Case:
    """One case with all its events.

    Raises
    ------
    NotFound
        The process has no such case.
    """
    return case_part(view, case_id)


def case_part(view: ProcessView, case_id: str, *, first: int = 0, most: int = MAX_EVENTS) -> CasePart:
    """One case with at most `most` of its events, from the place `first` (0 is the first event) on.

    Raises
    ------
    NotFound
        The process has no such case.
    """
    definition = view.definition
    found = view.warehouse.query(load_query(__file__, "case_path"), view.scope | {"case": case_id})
    attributes = msgspec.json.decode(found.item(0, "attributes"), type=dict[str, str]) if found.height else {}
    if found.is_empty() or not view.holds(attributes):  # one of another store is told from none by nothing
        raise NotFound(f"{definition.id} has no case {case_id!r}")
    head = found.row(0, named=True)
    parameters: dict[str, Any] = {
        **view.scope,
        "object_type": definition.object_type,
        "case": case_id,
        "activities": list(definition.activities),
        "lifecycles": list(definition.lifecycles),
    }
    stored = view.warehouse.query(load_query(__file__, "case_size"), parameters).row(0, named=True)
    place = {"ranks": list(definition.order), "first": first, "page": most}
    events = view.warehouse.query(load_query(__file__, "case_events"), parameters | place)
    events = events.with_columns(_via(view, parameters, events["event_id"]))
    path_waits = [None, *(wait / 1e6 if wait >= 0 else None for wait in head["waits_us"])]
    path_assumed = [False, *(wait < 0 for wait in head["waits_us"])]
    # An event loaded since the last refresh is not in the path yet: its wait is not known.
    shown = slice(first, first + events.height)
    waits, assumed = path_waits[shown], path_assumed[shown]
    gap = events.height - len(waits)
    waits, assumed = waits + [None] * gap, assumed + [False] * gap
    return CasePart(
        case=head["case"],
        state=head["state"],
        variant=head["variant"],
        attributes=attributes,
        assumed=head["assumed"],
        events=events.with_columns(
            pl.Series("wait_s", waits, dtype=pl.Float64), pl.Series("assumed", assumed, dtype=pl.Boolean)
        ),
        promises=_promises(definition, head),
        total=stored["events"],
        began=stored["began"],
        ended=stored["ended"],
        activities=head["activities"],
        waits_s=path_waits,
    )


def _via(view: ProcessView, parameters: dict[str, Any], event_ids: pl.Series) -> pl.Series:
    """The linked object through which each event came, null for those that name the case themselves."""
    found: dict[str, dict[str, str]] = {}
    if view.definition.links:
        rows = view.warehouse.query(load_query(__file__, "reached_events"), parameters)
        found = {event_id: {"type": kind, "id": name} for event_id, kind, name in rows.iter_rows()}
    return pl.Series("via", [found.get(event_id) for event_id in event_ids], dtype=VIA)


def _promises(definition: ProcessDefinition, head: dict[str, Any]) -> pl.DataFrame:
    told = zip(definition.promises, head["dues"], head["kept"], head["lates_us"], head["paused_since"], strict=False)
    rows = [
        (promise.name, due, kept, late / 1e6 if late >= 0 else None, since) for promise, due, kept, late, since in told
    ]
    return pl.DataFrame(rows, schema=PROMISES, orient="row")


def _write_cursor(order_by: str, rank: int, case_id: str) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode([order_by, rank, case_id])).decode()


def _read_cursor(text: str | None, order_by: str) -> tuple[int | None, str]:
    if text is None:
        return None, ""
    try:
        order, rank, case_id = msgspec.json.decode(base64.urlsafe_b64decode(text), type=tuple[str, int, str])
    except (binascii.Error, msgspec.MsgspecError, ValueError):
        raise InputError("next: not a cursor of this list") from None
    if order != order_by:
        raise InputError(f"next: the cursor belongs to the order {order!r}, not {order_by!r}")
    return rank, case_id
