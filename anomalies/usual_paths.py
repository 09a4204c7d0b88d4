"""What cases usually do, learned from a reference: their steps with the waits, their activities, their variants."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from kernel.warehouse import load_query
from mining.filters import CaseFilter
from mining.view import ProcessView

STEPS, ACTIVITIES, VARIANTS = 400, 200, 200
"""So many are kept, the most frequent; all others count as never seen."""
COMMON_STEPS = 12
"""Steps whose waits are columns of their own."""
COMMON_SHARE = 0.05
"""Of the cases, in which such a step has to be."""
USUAL_SHARE, USUAL_ACTIVITIES = 0.9, 20
"""An activity that this share of the cases holds is usual, and missed where it is not; so many are looked for."""
AT_LEAST = 20
"""Waits that make the usual wait of a step."""
SMALL_S = 60.0
"""A minute more or less is never strange."""
NARROWEST = 0.2
"""Least spread of a step's waits, in logarithms."""


@dataclass(frozen=True, slots=True)
class UsualPaths:
    """`steps`, `activities` and `variants`: the rows of sql/usual_*.sql. `over`: number of cases that are over."""

    segment_attribute: str
    steps: pl.DataFrame
    activities: pl.DataFrame
    variants: pl.DataFrame
    over: int

    @property
    def common_steps(self) -> list[tuple[str, str]]:
        """The most frequent steps with a usual wait."""
        begun = _whole_process() & (pl.col("source") != "") & (pl.col("target") != "")
        known = self.steps.filter(begun & (pl.col("pairs") >= AT_LEAST) & pl.col("p50_s").is_not_null())
        common = known.filter(pl.col("cases") >= COMMON_SHARE * self.over).head(COMMON_STEPS)
        return list(common.select("source", "target").iter_rows())

    @property
    def usual_activities(self) -> list[str]:
        """Activities of nearly all cases that are over, the most usual first."""
        return self.activities.filter(pl.col("share") >= USUAL_SHARE)["activity"].head(USUAL_ACTIVITIES).to_list()

    def parameters(self) -> dict[str, Any]:
        """The parameters of case_features.sql that say what is usual."""
        steps = self.steps.filter(_whole_process())
        totals = steps.group_by("source").agg(pl.col("pairs").sum().alias("total"))
        steps = steps.join(totals, on="source", how="left", maintain_order="left")
        # Half a case more of each, so that what was never seen is rare and not impossible.
        bits = -((steps["pairs"] + 0.5) / (steps["total"] + 1)).log(2)
        taught = pl.when(pl.col("pairs") >= AT_LEAST)
        waits = steps.select(
            taught.then(pl.col("p50_s")).fill_null(-1.0).alias("p50"), _spread("p50_s", "p95_s").alias("spread")
        )
        following = self.activities.filter(pl.col("next_p50_s").is_not_null() & (pl.col("cases") >= AT_LEAST))
        common = self.common_steps
        unknown = -math.log2(0.5 / (self.over + 1))
        return {
            "segment_attribute": self.segment_attribute,
            "step_sources": steps["source"].to_list(),
            "step_targets": steps["target"].to_list(),
            "step_bits": bits.to_list(),
            "step_p50s_s": waits["p50"].to_list(),
            "step_spreads": waits["spread"].to_list(),
            "unknown_bits": unknown,
            "next_activities": following["activity"].to_list(),
            "next_p50s_s": following["next_p50_s"].to_list(),
            "next_spreads": following.select(_spread("next_p50_s", "next_p95_s").alias("s"))["s"].to_list(),
            "usual_activities": self.usual_activities,
            "usual_sources": [source for source, _ in common],
            "usual_targets": [target for _, target in common],
            "usual_variants": self.variants["variant"].to_list(),
            "variant_bits_known": (-((self.variants["cases"] + 0.5) / (self.over + 1)).log(2)).to_list(),
            "unknown_variant_bits": unknown,
        }

    def step(self, source: str, target: str, segment: str) -> dict[str, Any] | None:
        """How long peers wait between two activities: a row of `steps`, of the segment where it has enough waits, else
        of all cases; None where neither has."""
        for wanted in dict.fromkeys((segment, "")):
            rows = self.steps.filter(
                (pl.col("segment") == wanted) & (pl.col("source") == source) & (pl.col("target") == target)
            )
            if rows.height and rows.item(0, "pairs") >= AT_LEAST and rows.item(0, "p50_s") is not None:
                return rows.row(0, named=True)
        return None

    def activity(self, name: str) -> dict[str, Any] | None:
        """A row of `activities`."""
        rows = self.activities.filter(pl.col("activity") == name)
        return rows.row(0, named=True) if rows.height else None


def learn_usual_paths(
    view: ProcessView, cut: datetime, reference: CaseFilter, segment_attribute: str = "", without: Collection[str] = ()
) -> UsualPaths:
    """What the cases of the reference did by `cut`, those of `without` aside. Three scans of their paths."""
    scope = {"ends": list(view.definition.end), "cut": cut, "without": sorted(without)}
    variants = view.ask(load_query(__file__, "usual_variants"), reference, most=VARIANTS, **scope)
    steps = view.ask(
        load_query(__file__, "usual_steps"), reference, most=STEPS, segment_attribute=segment_attribute, **scope
    )
    activities = view.ask(load_query(__file__, "usual_activities"), reference, most=ACTIVITIES, **scope)
    over = steps.filter((pl.col("segment") == "") & (pl.col("target") == ""))["pairs"].sum()
    return UsualPaths(segment_attribute, steps, activities, variants, int(over))


def _spread(middle: str, high: str) -> pl.Expr:
    apart = ((pl.col(high) + SMALL_S) / (pl.col(middle) + SMALL_S)).log()
    return apart.clip(lower_bound=NARROWEST).fill_null(1.0)


def _whole_process() -> pl.Expr:
    return pl.col("segment") == ""
