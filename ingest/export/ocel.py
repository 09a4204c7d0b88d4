"""OCEL 2.0 exports: the events of the selected cases, every object they touch with the history of its attributes, and
the links between these objects. What OCEL has no place for is written as `ingest.formats.ocel_values` describes."""

from __future__ import annotations

from pathlib import Path

from ingest.export.log import Exported, Progress, Scope
from ingest.formats.ocel_writer import OcelJsonWriter, OcelSqliteWriter


def export_ocel(scope: Scope, path: Path, form: str, progress: Progress | None) -> Exported:
    """Write the log as "ocel-json" or "ocel-sqlite"; the file appears whole or not at all."""
    cases = events = 0
    writer = OcelJsonWriter if form == "ocel-json" else OcelSqliteWriter
    with writer(path) as out:
        for part in scope.parts(progress):
            once = part.events.filter(~part.events["repeats"])
            out.write(events=once)
            cases += part.events["case"].n_unique()
            events += once.height
        for objects, links in scope.objects():
            out.write(objects=objects, links=links)
    return Exported(cases, events, (path,))
