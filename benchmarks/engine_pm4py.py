"""pm4py through its simplified interface, on a pandas frame that `format_dataframe` prepared.

`pm4py.read_xes` picks r4pm's parser where that is installed; here the iterparse importer is named.
"""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

import pandas
import pm4py

from benchmarks.answers import Facts, Question, edge_facts, handover_facts, variant_facts, wait_facts

COLUMNS = {
    "case_id": "case:concept:name",
    "activity": "concept:name",
    "timestamp": "time:timestamp",
    "resource": "org:resource",
}


class Engine:
    """One log as pm4py's users hold it."""

    def __init__(self, frame: pandas.DataFrame) -> None:
        self._log = frame

    def questions(self) -> dict[str, Question]:
        log = self._log
        return {
            "map_frequency": Question(lambda: pm4py.discover_dfg(log), lambda found: edge_facts(found[0])),
            "map_waits": Question(
                lambda: pm4py.discover_performance_dfg(log, perf_aggregation_key="all"), _performance_facts
            ),
            "variants": Question(lambda: pm4py.get_variants(log), lambda found: variant_facts(found.items())),
            "durations": Question(lambda: pm4py.get_all_case_durations(log), _duration_facts),
            "handover": Question(
                lambda: pm4py.discover_handover_of_work_network(log),
                lambda found: handover_facts(found.connections),
            ),
        }


def open_log(parquet: Path) -> Engine:
    """The log of a Parquet file, in the form that pm4py asks for."""
    frame = pandas.read_parquet(parquet).rename(columns=COLUMNS)
    frame["time:timestamp"] = frame["time:timestamp"].dt.tz_localize("UTC")
    return Engine(pm4py.format_dataframe(frame))


def read_xes(path: Path) -> pandas.DataFrame:
    """An XES file by the iterparse importer, as a frame."""
    frame: pandas.DataFrame = pm4py.read_xes(str(path), variant="iterparse")
    return frame


def xes_facts(frame: pandas.DataFrame) -> Facts:
    stamps = frame["time:timestamp"].dt.tz_convert("UTC").dt.tz_localize(None).astype("datetime64[us]").astype("int64")
    return {
        "events": len(frame),
        "cases": int(frame["case:concept:name"].nunique()),
        "activities": int(frame["concept:name"].nunique()),
        "actors": int(frame["org:resource"].nunique()),
        "stamps_us": int(stamps.sum()),
    }


def _performance_facts(found: Any) -> Facts:
    names = {"mean": "mean", "p50": "median"}
    return wait_facts({edge: {name: waits[key] for name, key in names.items()} for edge, waits in found[0].items()})


def _duration_facts(found: list[float]) -> Facts:
    return {
        "cases": len(found),
        "mean_s": statistics.fmean(found),
        "p50_s": statistics.median(found),
        "min_s": float(min(found)),
        "max_s": float(max(found)),
    }
