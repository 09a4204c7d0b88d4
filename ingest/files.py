"""Which reader a file needs: told by its content first, by its name only where contents look alike."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from ingest.formats.base import Limits, Reader
from ingest.formats.events import EventsReader, is_event
from ingest.formats.tables import CsvReader, NdjsonReader, ParquetReader, TableReader, read_head
from kernel.errors import InputError, UnreadableFile

FORMATS = ("csv", "parquet", "ndjson", "events", "xes", "ocel-json", "ocel-xml", "ocel-sqlite")
TABLES = ("csv", "parquet", "ndjson")
OCEL = ("ocel-json", "ocel-xml", "ocel-sqlite")
NUMBERED = ("events", *OCEL)
"""Those that number their events themselves where they have an order beside their times."""


@dataclass(frozen=True, slots=True)
class XesKeys:
    """Which XES attributes carry the case, the activity and the times, when not the standard's own."""

    case: str = "concept:name"
    activity: str = "concept:name"
    time: str = "time:timestamp"
    start: str | None = None


def recognise(path: Path, limits: Limits) -> str:
    """The format of a file, one of FORMATS.

    Raises
    ------
    UnreadableFile
        The file is missing, empty or none of the formats.
    """
    if not path.is_file():
        raise UnreadableFile(f"{path}: there is no such file")
    if path.stat().st_size == 0:
        raise UnreadableFile(f"{path.name}: the file is empty")
    head = read_head(path, limits)
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(b"SQLite format 3\0"):
        return "ocel-sqlite"
    if head.startswith(b"PK\3\4"):
        raise UnreadableFile(f"{path.name}: is a zip archive; unpack it and load the files in it")
    name = path.name.lower().removesuffix(".gz")
    text = head.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    if text.startswith("<"):
        return _xml_format(name, text)
    if text.startswith(("[{", "[\n", "[ ")) and name.endswith(".json"):
        raise UnreadableFile(
            f"{path.name}: is one JSON array; write one object per line, or send events as they happen: gembascope send"
        )
    if text.startswith("{"):
        if is_event(text.partition("\n")[0]):
            return "events"
        if name.endswith((".ndjson", ".jsonl")):
            return "ndjson"
        if name.endswith((".jsonocel", ".json")) or re.search(r'"(ocel:events|ocel:global-log|objectTypes)"', text):
            return "ocel-json"
        return "ndjson"
    return "csv"


def _xml_format(name: str, text: str) -> str:
    if name.endswith((".xmlocel", ".ocel")) or re.search(r"<object-types|<objects\b|scope=\"object\"|ocel:", text):
        return "ocel-xml"
    return "xes"


def open_table(kind: str, path: Path, limits: Limits, delimiter: str | None) -> TableReader:
    """The reader of a table, one of TABLES."""
    if kind == "csv":
        return CsvReader(path, delimiter=delimiter, limits=limits)
    if kind == "parquet":
        return ParquetReader(path, limits=limits)
    return NdjsonReader(path, limits=limits)


def open_log(
    kind: str,
    path: Path,
    limits: Limits,
    *,
    object_type: str,
    zone: ZoneInfo | None,
    keys: XesKeys,
    source: str,
    now: datetime,
) -> Reader:
    """The reader of an event log in a form of its own: XES, OCEL or events as they are sent. `source` and `now`: what
    holds for events that name no source, or do not say when they were seen."""
    if kind == "events":
        return EventsReader(path, source=source, now=now, limits=limits)
    if kind == "xes":
        from ingest.formats.xes import XesReader

        return XesReader(
            path,
            object_type=object_type,
            case_key=keys.case,
            activity_key=keys.activity,
            time_key=keys.time,
            start_key=keys.start,
            timezone=zone,
            limits=limits,
        )
    if kind == "ocel-json":
        from ingest.formats.ocel_json import OcelJsonReader

        return OcelJsonReader(path, timezone=zone, limits=limits)
    if kind == "ocel-xml":
        from ingest.formats.ocel_xml import OcelXmlReader

        return OcelXmlReader(path, timezone=zone, limits=limits)
    if kind == "ocel-sqlite":
        from ingest.formats.ocel_sqlite import OcelSqliteReader

        return OcelSqliteReader(path, timezone=zone, limits=limits)
    raise InputError(f"no format {kind!r}; there are {', '.join(FORMATS)}")
