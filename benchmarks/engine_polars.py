"""polars, written well: events read once, integers for names, sorted by case and time, held in memory.

The yardstick that is hard to beat: it has no store, no filters and no refresh to keep.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from benchmarks.answers import Facts, Question, edge_facts, handover_facts, variant_facts, wait_facts

WIDE = 1 << 16
QUANTILES = (("p50_s", 0.5), ("p90_s", 0.9), ("p95_s", 0.95))


class Engine:
    """One log in memory. Columns: case number, activity and resource as codes, microseconds."""

    def __init__(self, events: pl.LazyFrame) -> None:
        frame = events.collect()
        self._activities = frame["activity"].unique().sort()
        self._resources = frame["resource"].unique().sort()
        self._log = (
            frame.select(
                case=pl.col("case_id").hash(),
                activity=pl.col("activity").cast(pl.Enum(self._activities)).to_physical().cast(pl.UInt16),
                resource=pl.col("resource").cast(pl.Enum(self._resources)).to_physical().cast(pl.UInt16),
                at=pl.col("timestamp").cast(pl.Int64),
            )
            .sort("case", "at")
            .with_columns(pl.col("case").rle_id().set_sorted())
        )

    def questions(self) -> dict[str, Question]:
        return {
            "map_frequency": Question(self.frequency, lambda found: edge_facts(_by_edge(found))),
            "map_waits": Question(self.waits, _wait_facts),
            "variants": Question(self.variants, lambda found: variant_facts(found.iter_rows())),
            "durations": Question(self.durations, lambda found: dict(found.row(0, named=True))),
            "handover": Question(self.handover, lambda found: handover_facts(_by_edge(found))),
        }

    def frequency(self) -> pl.DataFrame:
        found = self._pairs("activity").group_by("edge").agg(frequency=pl.len())
        return self._named(found, self._activities)

    def waits(self) -> pl.DataFrame:
        wait = (pl.col("at").shift(-1) - pl.col("at")).alias("wait")
        found = (
            self._pairs("activity", wait)
            .group_by("edge")
            .agg(
                frequency=pl.len(),
                mean_s=pl.col("wait").mean() / 1e6,
                p50_s=pl.col("wait").quantile(0.5, "linear") / 1e6,
                p95_s=pl.col("wait").quantile(0.95, "linear") / 1e6,
            )
        )
        return self._named(found, self._activities)

    def variants(self) -> pl.DataFrame:
        return (
            self._log.lazy()
            .group_by("case", maintain_order=True)
            .agg("activity")
            .group_by("activity")
            .agg(cases=pl.len())
            .select(pl.col("activity").list.eval(pl.element().cat.to(pl.Enum(self._activities))), "cases")
            .sort("cases", descending=True)
            .collect()
        )

    def durations(self) -> pl.DataFrame:
        per_case = self._log.lazy().group_by("case").agg(took=pl.col("at").last() - pl.col("at").first())
        took = pl.col("took")
        return per_case.select(
            cases=pl.len(),
            mean_s=took.mean() / 1e6,
            min_s=took.min() / 1e6,
            max_s=took.max() / 1e6,
            **{name: took.quantile(share, "linear") / 1e6 for name, share in QUANTILES},
        ).collect()

    def handover(self) -> pl.DataFrame:
        found = self._pairs("resource").group_by("edge").agg(frequency=pl.len())
        return self._named(found, self._resources)

    def size(self) -> Facts:
        return {"events": self._log.height, "cases": self._log["case"].n_unique()}

    def _pairs(self, column: str, *more: pl.Expr) -> pl.LazyFrame:
        code = pl.col(column).cast(pl.UInt32)
        same_case = (pl.col("case") == pl.col("case").shift(-1)).alias("same_case")
        return (
            self._log.lazy().select((code * WIDE + code.shift(-1)).alias("edge"), same_case, *more).filter("same_case")
        )

    @staticmethod
    def _named(edges: pl.LazyFrame, names: pl.Series) -> pl.DataFrame:
        found = edges.collect()
        return found.select(
            names.gather(found["edge"] // WIDE).alias("source"),
            names.gather(found["edge"] % WIDE).alias("target"),
            pl.exclude("edge"),
        ).sort("frequency", "source", "target", descending=[True, False, False])


def open_log(parquet: Path) -> Engine:
    """The log of a Parquet file, ready for questions."""
    return Engine(pl.scan_parquet(parquet))


def load_csv(csv: Path) -> Engine:
    """The log of a CSV file, ready for questions: dates parsed, encoded and sorted."""
    when = pl.col("timestamp").str.to_datetime("%Y-%m-%d %H:%M:%S%.6f", time_unit="us")
    return Engine(pl.scan_csv(csv, infer_schema=False).with_columns(when))


def _by_edge(found: pl.DataFrame) -> dict[tuple[str, str], int]:
    return {(source, target): count for source, target, count, *_ in found.iter_rows()}


def _wait_facts(found: pl.DataFrame) -> Facts:
    waits = {(row["source"], row["target"]): row for row in found.iter_rows(named=True)}
    names = {"mean": "mean_s", "p50": "p50_s", "p95": "p95_s"}
    frequency = {edge: row["frequency"] for edge, row in waits.items()}
    return edge_facts(frequency) | wait_facts(
        {edge: {name: row[column] for name, column in names.items()} for edge, row in waits.items()}
    )
