"""Cases as figures that can be compared: one row per case, made of its path in the warehouse."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from anomalies.usual_paths import UsualPaths
from kernel.warehouse import load_query
from mining.filters import EVERYTHING, CaseFilter
from mining.view import ProcessView

PAGE = 50_000
"""Cases of one query."""

FEATURES = (
    *("slowest_excess", "longest_wait_s", "duration_s", "missing_steps", "rework", "retries", "events"),
    *("handovers", "human_touches", "rarest_bits", "mean_bits", "variant_bits"),
)
"""The figures that a scorer is given, with those of WAIT; the first explains where several are equally strange."""
WAIT = "wait_s "
"""Columns of the waits of common steps begin so: `wait_s A → B`."""
ARROW = " → "


def case_features(view: ProcessView, usual: UsualPaths, cut: datetime, chosen: CaseFilter = EVERYTHING) -> pl.DataFrame:
    """*Cases as a detector sees them at an instant.*

    One row per case of the selection that began by `cut`, ordered by case id, as it stood then: what happened later
    does not count. Columns are those of sql/case_features.sql, with a column `wait_s A → B` (seconds, null where the
    case does not take the step) for each of the usual common steps. Their number is bounded, whatever the process. At a
    `cut` in the past the human touches of a case that went on are not known, and attributes are those of today. Cost: a
    scan of the paths.
    """
    parameters = usual.parameters()
    query = load_query(__file__, "case_features")
    pages: list[pl.DataFrame] = []
    after = ""
    while True:
        page = view.ask(
            query,
            chosen,
            ends=list(view.definition.end),
            cut=cut,
            after_case=after,
            page=PAGE,
            **parameters,
        )
        pages.append(page)
        if page.height < PAGE:
            break
        after = page.item(-1, "case_id")
    rows = pl.concat(pages)
    waits = [
        pl.col("usual_waits_s").list.get(number, null_on_oob=True).cast(pl.Float64).alias(wait_column(*step))
        for number, step in enumerate(usual.common_steps)
    ]
    return rows.with_columns(waits).drop("usual_waits_s")


def wait_column(source: str, target: str) -> str:
    """The column of the wait of a common step."""
    return f"{WAIT}{source}{ARROW}{target}"


def figures(frame: pl.DataFrame) -> pl.DataFrame:
    """The columns that a scorer is given."""
    return frame.select(name for name in frame.columns if name in FEATURES or name.startswith(WAIT))


def is_wait(feature: str) -> bool:
    """Whether a column is about a wait at one step."""
    return feature in ("slowest_excess", "longest_wait_s") or feature.startswith(WAIT)
