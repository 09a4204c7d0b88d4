"""Where CloudEvents are sent, in whichever mode."""

from __future__ import annotations

from typing import Any

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from api.bodies import encoding_of, plain
from api.errors import OF_THE_GATE, problems
from api.routes.live import EVENTS_BYTES
from api.sources_door import COUNTS, admitted, counts
from ingest.cloudevents import BATCH, STRUCTURED, deliveries, mode
from ingest.sources.delivery import Outcome
from kernel.errors import InputError

AT_ONCE = 16

router = APIRouter(prefix="/api/v1", tags=["loading"])
_taking = CapacityLimiter(AT_ONCE)

EVENT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "specversion": {"type": "string", "enum": ["1.0"]},
        **{name: {"type": "string", "minLength": 1} for name in ("id", "source", "type")},
        **{name: {"type": "string"} for name in ("subject", "time", "datacontenttype", "dataschema", "data_base64")},
        "data": {},
    },
    "required": ["specversion", "id", "source", "type"],
}
ANSWER: dict[str, Any] = {
    **COUNTS,
    "properties": {
        **COUNTS["properties"],
        "reasons": {"type": "array", "items": {"type": "string"}, "description": "Why, in their order; 20 at most."},
    },
    "required": [*COUNTS["required"], "reasons"],
}


@router.post(
    "/sources/{source}/cloudevents",
    status_code=202,
    response_class=JSONResponse,
    summary="Send CloudEvents 1.0: structured, a batch, or binary.",
    description="Structured and batch are told by Content-Type, binary by the headers ce-*. Packed by gzip or zstd "
    "where Content-Encoding says so. An event that is none is quarantined and stops no other.",
    responses={
        202: {"description": "On disk.", "content": {"application/json": {"schema": ANSWER}}},
        **problems(
            {
                **OF_THE_GATE,
                404: "There is no such source.",
                413: f"More than {EVENTS_BYTES:,} bytes, as sent or unpacked.",
                415: "No CloudEvents in JSON, or encoded as anything but gzip or zstd.",
                422: "No event and no array of them, or not packed as it says. Nothing was kept.",
                503: "Nothing was kept; send it again after Retry-After.",
            }
        ),
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                STRUCTURED: {"schema": EVENT},
                BATCH: {"schema": {"type": "array", "items": EVENT, "maxItems": 10_000}},
            },
        }
    },
)
async def cloudevents(source: str, request: Request) -> JSONResponse:
    encoding = encoding_of(request.headers)
    headers = request.scope["headers"]
    how = mode(headers)
    if how is None:
        raise HTTPException(415, f"expected {STRUCTURED}, {BATCH} or headers that begin with ce-")
    body = await request.body()

    def taken() -> Outcome:
        inlet = admitted(request, source, "cloudevents")
        try:
            content = plain(body, encoding, EVENTS_BYTES)
        except ValueError as error:
            raise InputError(str(error)) from None
        found = deliveries(headers, content, how)
        return inlet.take(found) if found else Outcome()

    outcome = await to_thread.run_sync(taken, limiter=_taking)
    return JSONResponse({**counts(outcome), "reasons": list(outcome.reasons)}, 202)
