"""Variants: the distinct sequences of activities that cases took."""

from __future__ import annotations

import polars as pl

from kernel.warehouse import load_query
from mining.filters import EVERYTHING, CaseFilter
from mining.view import ProcessView

ALL = 2**62
"""As `top`: every variant, however many there are (the row budget of a query still holds)."""


def variants(view: ProcessView, chosen: CaseFilter = EVERYTHING, *, top: int = 20) -> pl.DataFrame:
    """*The most frequent variants of the selected cases.*

    One row per variant: `variant` (id: a hash of the activities, the same in every log), `activities` (names in case
    order), `cases`, `share` (0 to 1, of the selected cases), `p50_s` (median case duration, seconds), `first` and
    `last` (start of its first and last case), `total` (number of variants of the selection, the same on every row).
    Ordered by cases descending, then id.
    """
    return view.ask(load_query(__file__, "variants"), chosen, top=top)
