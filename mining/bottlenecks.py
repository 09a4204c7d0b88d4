"""Bottlenecks: the steps that lose the most hours."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from kernel.warehouse import load_query
from mining.filters import EVERYTHING, CaseFilter
from mining.view import ProcessView


def bottlenecks(view: ProcessView, chosen: CaseFilter = EVERYTHING, *, top: int = 10) -> pl.DataFrame:
    """*Steps ranked by the hours lost over their target.*

    One row per `(source, target)`: `frequency` (pairs with a wait), `cases`, `p50_s`, `p95_s` (of the wait, seconds),
    `hours_over_target` (hours by which its waits exceed the target, summed), `target_s` (the target of the process
    definition, or else the median wait over all pairs of the selection). Ordered by hours descending, then source, then
    target. Ranked by total, not mean: a rare slow step loses less than a common one that is a little late.
    """
    targets = view.definition.targets
    return view.ask(
        load_query(__file__, "bottlenecks"),
        chosen,
        top=top,
        target_sources=[item.source for item in targets],
        target_targets=[item.target for item in targets],
        target_waits_us=[round(item.within / timedelta(microseconds=1)) for item in targets],
    )
