"""How long cases take, and how long activities themselves take where their start is known."""

from __future__ import annotations

import polars as pl

from kernel.warehouse import load_query
from mining.filters import EVERYTHING, CaseFilter
from mining.view import ProcessView


def durations(view: ProcessView, chosen: CaseFilter = EVERYTHING) -> pl.DataFrame:
    """*Case durations, from first to last event.*

    One row per `state` that occurs, and one with state "" for all cases: `cases`, `mean_s`, `p50_s`, `p90_s`, `p95_s`,
    `min_s`, `max_s` (seconds; quantiles exact and interpolated). Ordered by state. An open case counts with its
    duration so far, so a figure that includes open cases understates. No cases, no rows. Answered from day figures when
    nothing but whole UTC days of the start is asked of all stores.
    """
    if view.stores is None and (days := chosen.whole_days()) is not None:
        return view.warehouse.query(load_query(__file__, "durations_days"), view.scope | days)
    return view.ask(load_query(__file__, "durations"), chosen)


def service_times(view: ProcessView, chosen: CaseFilter = EVERYTHING) -> pl.DataFrame:
    """*Time spent in activities, apart from waiting for them.*

    One row per `activity` with a known start: `events` (with a start), `mean_s`, `p50_s`, `p95_s` (seconds). Ordered by
    total time descending, then activity. Empty when the log tells no starts.
    """
    return view.ask(load_query(__file__, "service_times"), chosen)
