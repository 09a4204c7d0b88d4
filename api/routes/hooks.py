"""Where systems send their webhooks: no session and no key, but a signature."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse

from api.errors import problems
from api.hook_verifiers import HookVerifiers
from api.sources_door import COUNTS, admitted, counts
from ingest.sources.delivery import Delivery, Outcome
from ingest.webhooks.verifying import refusal
from kernel.clock import Clock
from kernel.errors import NotFound

AT_ONCE = 32
"""Requests that are verified and taken side by side; those that are committed together are among them."""

router = APIRouter(prefix="/api/v1", tags=["loading"])
_taking = ThreadPoolExecutor(AT_ONCE, "hooks")  # a hop to it costs half of what anyio's costs, and these are many


@router.post(
    "/hooks/{source}",
    status_code=202,
    response_class=JSONResponse,
    summary="Send a webhook, signed as the source signs.",
    description="The styles are Standard Webhooks, Stripe, GitHub, Shopify and WooCommerce; the definition of the "
    "source names one.",
    responses={
        202: {
            "description": "On disk. What was sent before, known by the id of its delivery, is counted as repeated.",
            "content": {"application/json": {"schema": COUNTS}},
        },
        **problems(
            {
                401: "Not signed so, too long ago, or there is no such source.",
                413: "Longer than a webhook may be.",
                429: "More than the source may send, or too many from this address without a signature.",
                503: "Nothing was kept; send it again after Retry-After.",
            }
        ),
    },
    openapi_extra={"requestBody": {"content": {"application/json": {"schema": {}}}}},
)
async def described(source: str, request: Request) -> JSONResponse:
    """How the API describes the address; `hook` is what answers there."""
    return await hook(request)


async def hook(request: Request) -> JSONResponse:
    """Take a webhook for the source of its address. FastAPI's own way to a function costs a sixth of such a request, so
    `serve` goes past it."""
    source: str = request.path_params["source"]
    body = await request.body()
    headers = request.scope["headers"]
    verifiers: HookVerifiers = request.app.state.hook_verifiers
    clock: Clock = request.app.state.machine_clock

    def taken() -> Outcome:
        found = verifiers.of(source).verified(headers, body, clock.now())
        try:
            inlet = admitted(request, source, "webhook")
        except NotFound:  # switched off since
            raise refusal() from None
        delivery = Delivery(body, f"hooks/{found.unique_id}", found.headers, found.unique_id)
        return inlet.take([delivery])

    return JSONResponse(counts(await asyncio.get_running_loop().run_in_executor(_taking, taken)), 202)


def serve(app: FastAPI) -> None:
    """Answer webhooks, before any other route is tried."""
    app.add_route(f"{router.prefix}/hooks/{{source}}", hook, methods=["POST"])
