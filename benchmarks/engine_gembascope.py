"""Gembascope through its public Python functions, on a home of its own; answers are frames."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import polars as pl

from benchmarks.answers import Facts, Question, edge_facts, handover_facts, variant_facts, wait_facts
from ingest.formats.base import Batch
from ingest.formats.xes import XesReader
from ingest.load import Load, LoadReport, LoadRequest
from ingest.mapping import Mapping
from kernel.clock import SystemClock
from kernel.process import ProcessDefinition
from kernel.schema import migrate
from kernel.settings import load_settings
from kernel.warehouse import Query, Warehouse
from mining.directly_follows import directly_follows, directly_follows_frequency
from mining.durations import durations
from mining.filters import CaseFilter
from mining.handover import handover
from mining.projection import refresh
from mining.summary import log_summary
from mining.variants import ALL, variants
from mining.view import ProcessView

TENANT = "local"
MERGES = Query("merges", "SELECT count() FROM system.merges")
PROCESS = ProcessDefinition(id="bench", object_type="case:bench")
ANY_DURATION = CaseFilter(min_duration=timedelta(0))
"""Selects every case, and yet goes the way of a filtered question: over the paths of the cases."""
MAPPING = Mapping(case="case_id", activity="activity", time="timestamp", actor="resource", timezone="UTC")


class Engine:
    """One home that this process opened."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self.view = ProcessView(warehouse, TENANT, PROCESS)

    def questions(self) -> dict[str, Question]:
        view = self.view
        return {
            "map_frequency": Question(lambda: directly_follows_frequency(view), _edge_facts),
            "map_frequency_paths": Question(lambda: directly_follows_frequency(view, ANY_DURATION), _edge_facts),
            "map_waits": Question(lambda: directly_follows(view), _wait_facts),
            "variants": Question(
                lambda: variants(view, top=ALL),
                lambda found: variant_facts(found.select("activities", "cases").iter_rows()),
            ),
            "durations": Question(lambda: durations(view), _duration_facts),
            "handover": Question(lambda: handover(view), lambda found: handover_facts(_by_edge(found))),
        }

    def load(self, path: Path) -> LoadReport:
        """Load one file of events; any that is not stored is an error."""
        report = Load(self.warehouse, SystemClock(), LoadRequest(path, PROCESS.id, TENANT, mapping=MAPPING)).run()
        if report.stored != report.received:
            raise RuntimeError(f"{path.name}: {report.received} events read and {report.stored} stored")
        return report

    def load_xes(self, path: Path) -> LoadReport:
        """Load one XES file."""
        return Load(self.warehouse, SystemClock(), LoadRequest(path, PROCESS.id, TENANT)).run()

    def settle(self, *, most_s: float = 300.0) -> None:
        """Wait until the engine merges nothing any more, or for `most_s` seconds."""
        began, quiet = time.monotonic(), 0
        while quiet < 4 and time.monotonic() - began < most_s:
            time.sleep(0.5)
            quiet = quiet + 1 if self.warehouse.query(MERGES).item() == 0 else 0

    def refresh(self, *, full: bool = False) -> str:
        """Bring the projection up to date; says how: "touched" or "full"."""
        return refresh(self.warehouse, SystemClock(), TENANT, PROCESS, full=full).kind

    def size(self) -> Facts:
        summary = log_summary(self.view)
        return {"events": summary.events, "cases": summary.cases}

    def content(self) -> Facts:
        """What a refreshed and a rebuilt projection must have in common, exactly: no figure in it depends on the
        order of adding."""
        return {
            "size": self.size(),
            "map_by_days": _edge_facts(directly_follows_frequency(self.view)),
            "map_by_paths": _wait_facts(directly_follows(self.view)),
            "durations": _duration_facts(durations(self.view)),
        }


@contextmanager
def opened(home: Path) -> Iterator[Engine]:
    """The home, migrated, with the engine started: opening it is not part of what is measured."""
    with Warehouse(load_settings(home=home)) as warehouse:
        migrate(warehouse, SystemClock())
        yield Engine(warehouse)


def read_xes(path: Path) -> Iterator[Batch]:
    """The batches of an XES file as columns, as the loader takes them."""
    return XesReader(path, object_type=PROCESS.object_type).batches()


def stream_xes(path: Path) -> int:
    """The events of an XES file, read to columns batch by batch and let go again."""
    return sum(batch.events.height for batch in read_xes(path))


def frame_xes(path: Path) -> pl.DataFrame:
    """All events of an XES file as one frame."""
    return pl.concat([batch.events for batch in read_xes(path)], how="diagonal")


def xes_facts(events: pl.DataFrame) -> Facts:
    case = events["objects"].list.first().struct.field("id")
    return {
        "events": events.height,
        "cases": case.n_unique(),
        "activities": events["activity"].n_unique(),
        "actors": events["actor"].n_unique(),
        "stamps_us": int(events["occurred_at"].dt.timestamp("us").sum()),
    }


def _by_edge(found: pl.DataFrame) -> dict[tuple[str, str], int]:
    return {(source, target): count for source, target, count in found["source", "target", "frequency"].iter_rows()}


def _edge_facts(found: pl.DataFrame) -> Facts:
    return edge_facts(_by_edge(found)) | {"assumed": int(found["assumed"].sum())}


def _wait_facts(found: pl.DataFrame) -> Facts:
    names = {"mean": "mean_s", "p50": "p50_s", "p95": "p95_s"}
    waits = {
        (row["source"], row["target"]): {name: row[column] for name, column in names.items()}
        for row in found.iter_rows(named=True)
    }
    return _edge_facts(found) | wait_facts(waits)


def _duration_facts(found: pl.DataFrame) -> Facts:
    return found.filter(pl.col("state") == "").drop("state").row(0, named=True)
