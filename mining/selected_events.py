"""The events of a selection of cases, as one event log in case order; and what is known of the cases themselves."""

from __future__ import annotations

import polars as pl

from kernel.errors import InputError
from kernel.events import INSTANT, MONEY
from kernel.warehouse import load_query
from mining.filters import EVERYTHING, CaseFilter
from mining.view import ProcessView

MAX_EVENTS = 1_000_000
"""Most events that one answer holds."""

SELECTED_EVENTS = pl.Schema(
    {
        "case": pl.String(),
        "event_id": pl.String(),
        "activity": pl.String(),
        "occurred_at": INSTANT,
        "precision": pl.String(),
        "started_at": INSTANT,
        "source": pl.String(),
        "actor": pl.String(),
        "actor_kind": pl.String(),
        "lifecycle": pl.String(),
        "outcome": pl.String(),
        "error_code": pl.String(),
        "value": MONEY,
        "currency": pl.String(),
        "attributes": pl.String(),
    }
)

CASE_ATTRIBUTES = pl.Schema({"case": pl.String(), "attributes": pl.String()})


def selected_events(view: ProcessView, chosen: CaseFilter = EVERYTHING, *, most: int = MAX_EVENTS) -> pl.DataFrame:
    """*The events of the selected cases.*

    One row per event of a case, so an event of two cases is there twice; columns as SELECTED_EVENTS: `event_id` (32
    hex digits), `occurred_at` (UTC), `precision` (of that stamp), `started_at`, `value` (money, in `currency`) and
    `attributes` (JSON, values as `kernel.attributes` writes them) among them. Text that the log does not tell is "",
    other values null. Ordered by case id, within a case in case order. Events stored since the last refresh may be
    in it already. Empty when no case is selected.

    Raises
    ------
    InputError
        More than `most` events are selected.
    """
    definition = view.definition
    found = view.ask(
        load_query(__file__, "selected_events"),
        chosen,
        object_type=definition.object_type,
        activities=list(definition.activities),
        lifecycles=list(definition.lifecycles),
        ranks=list(definition.order),
        top=most + 1,
    )
    if found.height > most:
        raise InputError(
            f"{definition.id}: more than {most:,} events are selected, which is the most that one answer holds; "
            "select fewer cases by time or attributes"
        )
    return found.cast(SELECTED_EVENTS)


def case_attributes(view: ProcessView, chosen: CaseFilter = EVERYTHING) -> pl.DataFrame:
    """One row per selected case: `case` and `attributes` (JSON of text values), ordered by case id."""
    return view.ask(load_query(__file__, "case_attributes"), chosen).cast(CASE_ATTRIBUTES)
