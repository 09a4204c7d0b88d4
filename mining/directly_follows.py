"""The directly-follows map: pairs, activities, starts and ends (van der Aalst, Process Mining, 2016, ch. 5)."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from kernel.warehouse import load_query
from mining.filters import EVERYTHING, CaseFilter
from mining.view import ProcessView


def directly_follows(view: ProcessView, chosen: CaseFilter = EVERYTHING) -> pl.DataFrame:
    """*Directly-follows pairs of the selected cases, with their waits.*

    One row per `(source, target)`: `frequency` (pairs), `assumed` (of them, ordered by assumption only), `mean_s`,
    `p50_s`, `p95_s` (seconds from the end of the one to the start of the other; exact; interpolated as numpy does;
    null where every pair is assumed). Ordered by frequency descending, then source, then target. Cases with one
    event contribute no row. Reads the path of every selected case.
    """
    return view.ask(load_query(__file__, "directly_follows"), chosen)


def directly_follows_frequency(view: ProcessView, chosen: CaseFilter = EVERYTHING) -> pl.DataFrame:
    """As `directly_follows`, without the quantiles: `source`, `target`, `frequency`, `assumed`, `mean_s`.

    Answered from day figures, in milliseconds at any size, when nothing but whole UTC days of the start is asked
    of all stores.
    """
    if view.stores is None and (days := chosen.whole_days()) is not None:
        return view.warehouse.query(load_query(__file__, "directly_follows_days"), view.scope | days)
    return view.ask(load_query(__file__, "directly_follows_frequency"), chosen)


def activities(view: ProcessView, chosen: CaseFilter = EVERYTHING) -> pl.DataFrame:
    """One row per `activity`: `count` (events) and `cases` (that hold it); most frequent first, then by name."""
    return view.ask(load_query(__file__, "activities"), chosen)


def starts_and_ends(view: ProcessView, chosen: CaseFilter = EVERYTHING) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Two frames `(activity, count)`: how many cases begin, and end, with it; most frequent first, then by name."""
    both = view.ask(load_query(__file__, "starts_and_ends"), chosen)
    return both.filter(pl.col("side") == "start").drop("side"), both.filter(pl.col("side") == "end").drop("side")


@dataclass(frozen=True, slots=True)
class ProcessMap:
    """The four frames of one map, of the same selection."""

    edges: pl.DataFrame
    activities: pl.DataFrame
    starts: pl.DataFrame
    ends: pl.DataFrame


def process_map(view: ProcessView, chosen: CaseFilter = EVERYTHING) -> ProcessMap:
    """The whole map of the selected cases."""
    starts, ends = starts_and_ends(view, chosen)
    return ProcessMap(directly_follows(view, chosen), activities(view, chosen), starts, ends)
