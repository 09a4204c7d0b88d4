"""Where external engines tell what became of a trigger: no session and no key, but a signature."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from kernel.errors import NotFound
from orchestration_hooks.callbacks import Callbacks

router = APIRouter(prefix="/api/v1", tags=["callbacks"])


@router.post(
    "/callbacks/{token}",
    status_code=204,
    response_class=Response,
    summary="Tell what became of a trigger: a gembascope.callback/v1, signed by Standard Webhooks.",
    responses={
        401: {"description": "Not signed so, or too long ago."},
        404: {"description": "Nothing waits behind this token."},
        409: {"description": "Received before; nothing was done again."},
        429: {"description": "Too many from this sender."},
    },
)
async def callback(token: str, request: Request) -> Response:
    callbacks: Callbacks | None = request.app.state.callbacks
    if callbacks is None:
        raise NotFound("there is no such callback")
    await run_in_threadpool(callbacks.take, token, dict(request.headers), await request.body())
    return Response(status_code=204)
