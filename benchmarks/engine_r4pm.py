"""r4pm, the bindings of the Rust library: maps and variants on its own event log, XES to polars.

It has no case-based map of waits, no durations and no handover.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import r4pm
import r4pm.df
from r4pm import bindings

from benchmarks.answers import Facts, Question, edge_facts, variant_facts

COLUMNS = {
    "case_id": "case:concept:name",
    "activity": "concept:name",
    "timestamp": "time:timestamp",
    "resource": "org:resource",
}


class Engine:
    """One log in r4pm's registry."""

    def __init__(self, log: Any) -> None:
        self._log = log

    def questions(self) -> dict[str, Question]:
        return {
            "map_frequency": Question(lambda: bindings.discover_dfg(self._log), _edge_facts),
            "variants": Question(
                self._variants,
                lambda found: variant_facts((variant["activities"], variant["count"]) for variant in found),
            ),
        }

    def _variants(self) -> Any:
        projected = bindings.log_to_activity_projection(self._log)
        try:
            return bindings.get_variants(projected)
        finally:
            r4pm.remove_item(projected)


def open_log(parquet: Path) -> Engine:
    """The log of a Parquet file, sorted as r4pm's users would give it."""
    frame = pl.read_parquet(parquet).rename(COLUMNS).sort("case:concept:name", "time:timestamp")
    frame = frame.with_columns(pl.col("time:timestamp").dt.replace_time_zone("UTC"))
    return Engine(r4pm.import_item_from_df("EventLog", frame))


def read_xes(path: Path) -> pl.DataFrame:
    """An XES file as a polars frame."""
    frame: pl.DataFrame = r4pm.df.import_xes(str(path))[0]
    return frame


def xes_facts(frame: pl.DataFrame) -> Facts:
    return {
        "events": frame.height,
        "cases": frame["case:concept:name"].n_unique(),
        "activities": frame["concept:name"].n_unique(),
        "actors": frame["org:resource"].n_unique(),
        "stamps_us": int(frame["time:timestamp"].dt.timestamp("us").sum()),
    }


def _edge_facts(found: Any) -> Facts:
    return edge_facts({(source, target): count for (source, target), count in found["directly_follows_relations"]})
