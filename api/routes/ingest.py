"""Loading a file through the service that holds the home: the body is the file, the answer a line per progress."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from api.loading import IngestOptions, load_file
from kernel.errors import GembascopeError, InputError
from mining.answers import Document

router = APIRouter(prefix="/api/v1", tags=["loading"])


@router.post(
    "/ingest",
    summary="Load a file. The body is the file; `options` is JSON. Answers NDJSON: progress, then result or error.",
)
async def ingest(request: Request, options: Annotated[str, Query(description="IngestOptions as JSON.")]) -> Any:
    try:
        chosen = IngestOptions.model_validate_json(options)
    except ValueError as error:
        raise InputError(f"options: {str(error).splitlines()[0]}") from None
    state = request.app.state
    suffix = "".join(Path(Path(chosen.file_name).name).suffixes[-2:])[:20]
    folder = tempfile.TemporaryDirectory(prefix="upload-", dir=state.upload_folder)
    path = Path(folder.name) / f"file{suffix}"
    try:
        with path.open("wb") as sink:
            async for piece in request.stream():
                await run_in_threadpool(sink.write, piece)
        load = chosen.request(path, state.views.tenant, state.pseudonym_key)
    except BaseException:
        folder.cleanup()
        raise

    queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def progress(phase: str, done: int, total: int) -> None:
        loop.call_soon_threadsafe(queue.put_nowait, {"phase": phase, "done": done, "total": total})

    async def loading() -> Document:
        with folder:
            views = state.views
            return await run_in_threadpool(load_file, views.warehouse, state.clock, views.processes, load, progress)

    # A task of its own: it ends the load and clears the file away even when the client has gone.
    job = asyncio.create_task(loading())
    state.loads.add(job)
    job.add_done_callback(lambda done: (state.loads.discard(done), done.cancelled() or done.exception()))

    async def lines() -> AsyncIterator[bytes]:
        try:
            while not job.done() or not queue.empty():
                try:
                    yield msgspec.json.encode(await asyncio.wait_for(queue.get(), 0.2)) + b"\n"
                except TimeoutError:
                    continue
            yield msgspec.json.encode({"result": job.result()}) + b"\n"
        except GembascopeError as error:
            yield msgspec.json.encode({"error": type(error).__name__, "detail": str(error)}) + b"\n"

    return StreamingResponse(lines(), media_type="application/x-ndjson")
