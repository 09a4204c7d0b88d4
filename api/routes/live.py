"""Events at run time: sent as JSON, answered when they are on disk; and what became of the events of each source."""

from __future__ import annotations

from typing import Annotated, Any

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, FastAPI, Query, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from api.bodies import encoding_of, plain
from api.errors import OF_THE_GATE, problems
from ingest import event_form
from ingest.event_array import LINES
from ingest.live import LiveIngest, Receipt
from kernel.errors import InputError, StateUnavailable
from mining.answers import Document

EVENTS_PATH = "/api/v1/events"
EVENTS_BYTES = 16 << 20
"""Most bytes of one request, as sent and unpacked."""
LINES_TYPES = frozenset({"application/x-ndjson", "application/jsonl"})
AT_ONCE = 16
"""Requests that are decoded side by side; those that are committed together are among them."""

ONE_A_LINE = "An Event in each line, at most 10,000; a line that is none is quarantined and stops no other."

router = APIRouter(prefix="/api/v1", tags=["loading"])
_decoding = CapacityLimiter(AT_ONCE)

ACCEPTED: dict[str, Any] = {
    "type": "object",
    "properties": {
        "receipt": {"type": "string", "description": "Of this request; '' when it held nothing."},
        "received": {"type": "integer", "description": "accepted + quarantined"},
        "accepted": {"type": "integer", "description": "On disk; those that were sent before are counted once loaded."},
        "quarantined": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "index": {"type": "integer", "description": "From 0."},
                    "id": {"type": "string"},
                    "reason": {"type": "string"},
                },
            },
        },
    },
}


@router.post(
    "/events",
    status_code=202,
    summary="Send events: a JSON array of at most 10,000, or one, or one a line (application/x-ndjson).",
    description="Packed by gzip or zstd where Content-Encoding says so.",
    responses={
        202: {
            "description": "On disk, and soon in the warehouse. Sending the same again adds nothing.",
            "content": {"application/json": {"schema": ACCEPTED}},
        },
        **problems(
            {
                **OF_THE_GATE,
                413: f"More than {EVENTS_BYTES:,} bytes, as sent or unpacked.",
                415: "Encoded as anything but gzip or zstd.",
                422: "No array of events, or not packed as it says. Nothing was kept.",
                503: "Too many events wait already; send these again after Retry-After.",
            }
        ),
    },
)
async def send_events(
    request: Request, source: Annotated[str, Query(description="Source of the events that name none.")] = ""
) -> JSONResponse:
    encoding = encoding_of(request.headers)
    lines = request.headers.get("content-type", "").partition(";")[0].strip().lower() in LINES_TYPES
    body = await request.body()
    live = _live(request)

    def accepted() -> Receipt:
        try:
            found = plain(body, encoding, EVENTS_BYTES)
        except ValueError as error:
            raise InputError(str(error)) from None
        if lines:
            return live.accept(LINES + found, source)
        if found.lstrip().startswith(LINES):
            raise InputError("the body is not a JSON array: it begins with a control character")
        return live.accept(found, source)

    return JSONResponse(receipt_document(await to_thread.run_sync(accepted, limiter=_decoding)), 202)


def receipt_document(receipt: Receipt) -> Document:
    """What the sender is told."""
    return {
        "receipt": receipt.receipt,
        "received": receipt.received,
        "accepted": receipt.accepted,
        "quarantined": [{"index": one.index, "id": one.id, "reason": one.reason} for one in receipt.refused],
    }


@router.get("/ingest/status", summary="What became of the events that were sent, by source.")
async def ingest_status(request: Request) -> Document:
    """received = stored + duplicate + quarantined + refused + in_spool, at any moment. `lag_s`: seconds since the last
    event of the source happened. The source '' holds what named none."""
    live = _live(request)
    return {"sources": await run_in_threadpool(live.status)}


def _live(request: Request) -> LiveIngest:
    live: LiveIngest | None = request.app.state.live
    if live is None:
        raise StateUnavailable("this service takes no events at run time")
    return live


def document(app: FastAPI) -> None:
    """Put the form of events into the description of the API: it is msgspec's, which decodes them."""
    describe = app.openapi

    def described() -> dict[str, Any]:
        known = app.openapi_schema is not None
        found = describe()
        if not known:
            form = event_form.schema()
            found.setdefault("components", {}).setdefault("schemas", {}).update(form["parts"])
            found["paths"][EVENTS_PATH]["post"]["requestBody"] = {
                "required": True,
                "content": {
                    "application/json": {"schema": form["schema"]},
                    **{kind: {"schema": {"type": "string", "description": ONE_A_LINE}} for kind in sorted(LINES_TYPES)},
                },
            }
        return found

    app.openapi = described  # type: ignore[method-assign]  # FastAPI's own way to extend it
