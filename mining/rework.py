"""Rework: activities that a case goes through more than once."""

from __future__ import annotations

import polars as pl

from kernel.warehouse import load_query
from mining.filters import EVERYTHING, CaseFilter
from mining.view import ProcessView


def rework(view: ProcessView, chosen: CaseFilter = EVERYTHING) -> pl.DataFrame:
    """One row per activity done again: `activity`, `cases` (with at least two executions), `repeats` (executions beyond
    the first), `share` (0 to 1, of the cases that hold it). Ordered by repeats descending, then activity."""
    return view.ask(load_query(__file__, "rework"), chosen)
