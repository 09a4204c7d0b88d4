"""Which export a file asks for, and running it."""

from __future__ import annotations

from pathlib import Path

from ingest.export.log import Exported, Progress, Scope
from ingest.export.ocel import export_ocel
from ingest.export.tables import export_table
from ingest.export.xes import export_xes
from kernel.errors import InputError

KINDS = ("xes", "xes.gz", "ocel-json", "ocel-sqlite", "parquet", "csv")
_TABLES = ("parquet", "csv")
_SUFFIXES = {
    ".xes.gz": "xes.gz",
    ".xes": "xes",
    ".json": "ocel-json",
    ".jsonocel": "ocel-json",
    ".sqlite": "ocel-sqlite",
    ".parquet": "parquet",
    ".csv": "csv",
}


def kind_of_file(path: Path, kind: str | None = None) -> str:
    """The form of a file, one of KINDS: the one named, else by the end of its name.

    Raises
    ------
    InputError
        It is no form, or none is named and the file's name tells none.
    """
    if kind is None:
        kind = next((form for suffix, form in _SUFFIXES.items() if path.name.lower().endswith(suffix)), None)
        if kind is None:
            raise InputError(f"{path.name}: its end tells no format; give --format: {', '.join(KINDS)}")
    if kind not in KINDS:
        raise InputError(f"format: {kind!r} is not one of {', '.join(KINDS)}")
    return kind


def mapping_file(path: Path, kind: str) -> Path | None:
    """The mapping beside a table, which `gembascope ingest --mapping` takes; None for other forms."""
    return path.with_name(f"{path.name}.mapping.yaml") if kind in _TABLES else None


def export_log(scope: Scope, path: Path, kind: str, progress: Progress | None = None) -> Exported:
    """Write the selected cases to `path` in one of KINDS; an older file is replaced when the new one is whole.

    Raises
    ------
    InputError
        The folder cannot be written to, or the form cannot carry the log.
    """
    kind_of_file(path, kind)
    beside = mapping_file(path, kind)
    try:
        if beside is not None:
            return export_table(scope, path, beside, kind, progress)
        if kind.startswith("xes"):
            return export_xes(scope, path, compress=kind == "xes.gz", progress=progress)
        return export_ocel(scope, path, kind, progress)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from None
