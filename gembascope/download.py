"""An export that comes from a service: the file, and behind it the mapping of a table, put in place together."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from ingest.export import mapping_file
from kernel.errors import InputError, WarehouseUnavailable

Progress = Callable[[str, int, int], None]


def receive(answer: httpx.Response, out: Path, kind: str, progress: Progress | None) -> None:
    """Write the body of an answer to `out` and, for a table, to its mapping file; whole or not at all.

    Raises
    ------
    InputError
        The folder cannot be written to.
    WarehouseUnavailable
        The answer ended early.
    """
    size, taken = int(answer.headers["Gembascope-File-Bytes"]), 0
    beside = mapping_file(out, kind)
    try:
        with tempfile.TemporaryDirectory(prefix=f".{out.name[:100]}.", dir=out.parent) as folder:
            log, mapping = Path(folder) / "log", Path(folder) / "mapping"
            with log.open("wb") as first, mapping.open("wb") as second:
                for piece in answer.iter_raw():
                    head = max(min(size - taken, len(piece)), 0)
                    first.write(piece[:head])
                    second.write(piece[head:])
                    taken += len(piece)
                    if progress is not None:
                        progress("receiving", min(taken, size), size)
                for stream in (first, second):
                    stream.flush()
                    os.fsync(stream.fileno())
            if taken < size:
                raise WarehouseUnavailable("the service ended before the export did; run the same command again")
            if beside is not None:
                mapping.replace(beside)
            log.replace(out)
    except OSError as error:
        raise InputError(f"{out}: cannot be written: {error.strerror or error}") from None


def exported(process: str, kind: str, out: Path, cases: int, events: int) -> dict[str, Any]:
    """The document of an export: what was written where."""
    beside = mapping_file(out, kind)
    return {
        "process": process,
        "format": kind,
        "file": str(out),
        "mapping": str(beside) if beside is not None else None,
        "cases": cases,
        "events": events,
    }
