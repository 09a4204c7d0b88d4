"""Exports through the service that holds the home: the body is the file."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import iterate_in_threadpool, run_in_threadpool

from api.routes.processes import TheViews, filters, selection
from ingest.export import KINDS, Exported, Scope, export_log, kind_of_file, mapping_file
from ingest.export.log import Progress
from kernel.access import Permission
from mining.filters import CaseFilter
from mining.view import ProcessView

PIECE_BYTES = 1 << 20
CASES, EVENTS, FILE_BYTES = "Gembascope-Cases", "Gembascope-Events", "Gembascope-File-Bytes"

router = APIRouter(prefix="/api/v1", tags=["processes"])


def export_file(
    view: ProcessView, chosen: CaseFilter, kind: str, path: Path, progress: Progress | None = None
) -> Exported:
    """Write the selected cases of a process to a file.

    Raises
    ------
    InputError
        As `ingest.export.export_log`; and for a filter on due instants of a process without a promise.
    NotFound
        The filter names an activity or attribute that the process does not have.
    """
    view.check(chosen)
    view.check_anchor(chosen)
    scope = Scope(view.warehouse, view.tenant, view.definition, view.parameters(chosen), stores=view.stores)
    return export_log(scope, path, kind, progress)


@router.get(
    "/processes/{process}/export",
    summary="The log of the selected cases as a file: XES, OCEL 2.0, Parquet or CSV.",
    response_class=StreamingResponse,
    dependencies=[Depends(filters)],
)
async def export(
    process: str,
    request: Request,
    views: TheViews,
    kind: Annotated[str, Query(description=f"One of {', '.join(KINDS)}.")],
    with_mapping: Annotated[
        bool, Query(description=f"Append the mapping of a table; {FILE_BYTES} tells where the file ends.")
    ] = False,
) -> StreamingResponse:
    chosen, _ = selection(request.query_params, ("kind", "with_mapping"))
    kind_of_file(Path("log"), kind)
    view = await run_in_threadpool(views.view, process, Permission.EXPORT)
    folder = tempfile.TemporaryDirectory(prefix="export-", dir=request.app.state.upload_folder)
    path = Path(folder.name) / "log"
    try:
        wrote = await run_in_threadpool(export_file, view, chosen, kind, path)
        beside = mapping_file(path, kind) if with_mapping else None
        headers = {
            CASES: str(wrote.cases),
            EVENTS: str(wrote.events),
            FILE_BYTES: str(path.stat().st_size),
            "Content-Disposition": f'attachment; filename="{view.definition.id}.{_suffix(kind)}"',
        }
    except BaseException:
        folder.cleanup()
        raise
    files = [path] if beside is None else [path, beside]

    async def body() -> AsyncIterator[bytes]:
        try:
            async for piece in iterate_in_threadpool(piece for each in files for piece in _pieces(each)):
                yield piece
        finally:  # also when the client goes away
            folder.cleanup()

    return StreamingResponse(body(), media_type="application/octet-stream", headers=headers)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while piece := stream.read(PIECE_BYTES):
            yield piece


def _suffix(kind: str) -> str:
    return kind.removeprefix("ocel-")
