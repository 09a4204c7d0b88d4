"""Where systems send their webhooks: no session and no key, but a signature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse

from api.errors import problems
from api.gathering import Gatherer
from api.hook_verifiers import HookVerifiers
from api.sources_door import COUNTS, admitted, counts
from ingest.raw_headers import Headers
from ingest.sources.delivery import Delivery, Inlet, Outcome
from ingest.webhooks.verifying import refusal
from kernel.clock import Clock
from kernel.errors import NotFound

MOST, MOMENT_S = 500, 0.003
"""Requests that are kept together, and how long more of them are waited for: a group costs two milliseconds of the
processor by itself, whatever its size."""

router = APIRouter(prefix="/api/v1", tags=["loading"])


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
    state = request.app.state
    if state.hooks is None:
        taken = partial(_taken, state.hook_verifiers, state.machine_clock)
        state.hooks = Gatherer(taken, "hooks", most=MOST, moment_s=MOMENT_S)
    hooks: Gatherer[Sent, Outcome] = state.hooks
    sent = Sent(request, request.path_params["source"], request.scope["headers"], await request.body())
    return JSONResponse(counts(await hooks.of(sent)), 202)


@dataclass(frozen=True, slots=True)
class Sent:
    """A request, as it came."""

    request: Request
    source: str
    headers: Headers
    body: bytes


def _taken(verifiers: HookVerifiers, clock: Clock, sent: Sequence[Sent]) -> list[Outcome | Exception]:
    """What became of requests, in their order: those of a source are kept together. What is wrong with one is told to
    its sender alone."""
    found: list[Outcome | Exception | None] = [None] * len(sent)
    kept: dict[Inlet, list[tuple[int, Delivery]]] = {}
    for number, one in enumerate(sent):
        try:
            inlet, delivery = _verified(verifiers, clock, one)
            kept.setdefault(inlet, []).append((number, delivery))
        except Exception as error:
            found[number] = error
    for inlet, some in kept.items():
        try:
            outcomes: Sequence[Outcome | Exception] = inlet.take_each([delivery for _, delivery in some])
        except Exception as error:
            outcomes = [error] * len(some)
        for (number, _), outcome in zip(some, outcomes, strict=True):
            found[number] = outcome
    return [one for one in found if one is not None]


def _verified(verifiers: HookVerifiers, clock: Clock, sent: Sent) -> tuple[Inlet, Delivery]:
    known = verifiers.of(sent.source).verified(sent.headers, sent.body, clock.now())
    try:
        inlet = admitted(sent.request, sent.source, "webhook")
    except NotFound:  # switched off since
        raise refusal() from None
    return inlet, Delivery(sent.body, f"hooks/{known.unique_id}", known.headers, known.unique_id)


def serve(app: FastAPI) -> None:
    """Answer webhooks, before any other route is tried."""
    app.add_route(f"{router.prefix}/hooks/{{source}}", hook, methods=["POST"])
