"""Whole frames, too large for JSON: the events of a selection and what is known of its cases, as Arrow IPC streams."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

import polars as pl
from fastapi import APIRouter, Depends, Request
from fastapi.responses import StreamingResponse

from api.routes.processes import TheViews, filters, selection
from kernel.access import Permission
from mining.filters import CaseFilter
from mining.selected_events import case_attributes, selected_events
from mining.view import ProcessView

ARROW = "application/vnd.apache.arrow.stream"
BATCH_ROWS = 50_000

router = APIRouter(prefix="/api/v1", tags=["processes"])

FRAMES: dict[str, tuple[Callable[[ProcessView, CaseFilter], pl.DataFrame], str]] = {
    "events": (selected_events, "The events of the selected cases in case order, as an Arrow IPC stream."),
    "case-attributes": (case_attributes, "The attributes of the selected cases, as an Arrow IPC stream."),
}
"""What is asked and its summary, by the last part of the address."""


def arrow_stream(frame: pl.DataFrame) -> Iterator[bytes]:
    """The frame as pieces of one Arrow IPC stream: the schema, then a batch for every BATCH_ROWS rows."""
    import pyarrow as pa

    table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        for batch in table.to_batches(max_chunksize=BATCH_ROWS):
            writer.write_batch(batch)
            yield _taken(sink)
    yield _taken(sink)


def _taken(sink: io.BytesIO) -> bytes:
    """What was written since the last time."""
    piece = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return piece


def _register(name: str) -> None:
    read, summary = FRAMES[name]

    def answer(process: str, request: Request, views: TheViews) -> StreamingResponse:
        chosen, _ = selection(request.query_params, ())
        view = views.view(process, Permission.EXPORT)
        view.check(chosen)
        return StreamingResponse(arrow_stream(read(view, chosen)), media_type=ARROW)

    answer.__name__ = name.replace("-", "_")
    router.add_api_route(
        f"/processes/{{process}}/{name}",
        answer,
        methods=["GET"],
        summary=summary,
        dependencies=[Depends(filters)],
        response_class=StreamingResponse,
        responses={200: {"content": {ARROW: {}}, "description": "Columns as mining.selected_events has them."}},
    )


for _name in FRAMES:
    _register(_name)
