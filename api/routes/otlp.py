"""Where OpenTelemetry's SDKs and collectors export to: OTLP over HTTP, its errors as google.rpc.Status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from api.bodies import TooLarge, encoding_of, plain
from api.errors import OF_THE_GATE, PROBLEM, problems, retry_after, status_of
from api.sources_door import admitted
from ingest.otlp.answers import MEDIA_TYPES, Code, export_response, status
from ingest.otlp.unfolding import OtlpEncoding, OverLimit, Signal, deliveries
from ingest.raw_headers import media_type
from ingest.sources.delivery import Outcome
from kernel.errors import GembascopeError, InputError

OTLP_BYTES = 16 << 20
"""Most bytes of one request, as sent and unpacked."""
AT_ONCE = 8
SHOWN_REASONS = 3

router = APIRouter(prefix="/otlp/{source}/v1", tags=["loading"])
_taking = CapacityLimiter(AT_ONCE)

CODES: Mapping[int, Code] = {
    400: Code.INVALID_ARGUMENT,
    404: Code.NOT_FOUND,
    413: Code.RESOURCE_EXHAUSTED,
    415: Code.INVALID_ARGUMENT,
    429: Code.RESOURCE_EXHAUSTED,
    503: Code.UNAVAILABLE,
}


def _documented(signal: Signal) -> dict[str, Any]:
    """How an address is described."""
    of_resources = "resourceSpans" if signal == "traces" else "resourceLogs"
    binary = {"schema": {"type": "string", "format": "binary"}}
    said = {
        "type": "object",
        "properties": {of_resources: {"type": "array", "items": {"type": "object"}}},
    }
    answered = {"type": "object", "properties": {"partialSuccess": {"type": "object"}}}
    failed = {
        "type": "object",
        "properties": {"code": {"type": "integer"}, "message": {"type": "string"}},
    }
    errors = {
        "application/json": {"schema": failed},
        "application/x-protobuf": binary,
        "application/problem+json": {"schema": PROBLEM},  # of the gate
    }
    told = {
        400: "No export request, or not packed as it says. Do not send it again.",
        404: "There is no such source.",
        413: "More than a request may have; send it in several.",
        415: "Neither protobuf nor JSON, or encoded as anything but gzip or zstd.",
        429: "More than the source may send; send it again after Retry-After.",
        503: "Nothing was kept; send it again after Retry-After.",
    }
    return {
        "response_class": Response,
        "responses": {
            200: {
                "description": "On disk. Records that were quarantined are counted as rejected, with why.",
                "content": {"application/json": {"schema": answered}, "application/x-protobuf": binary},
            },
            **problems(OF_THE_GATE),
            **{number: {"description": text, "content": errors} for number, text in told.items()},
        },
        "openapi_extra": {
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": said}, "application/x-protobuf": binary},
            }
        },
    }


@router.post(
    "/traces",
    summary="Export traces by OTLP; the base address of an exporter is …/otlp/SOURCE.",
    **_documented("traces"),
)
async def traces(source: str, request: Request) -> Response:
    return await _exported("traces", source, request)


@router.post(
    "/logs", summary="Export logs by OTLP; the base address of an exporter is …/otlp/SOURCE.", **_documented("logs")
)
async def logs(source: str, request: Request) -> Response:
    return await _exported("logs", source, request)


async def _exported(signal: Signal, source: str, request: Request) -> Response:
    kind, _ = media_type(request.scope["headers"])
    encoding = MEDIA_TYPES.get(kind)
    if encoding is None:
        return _failed("json", 415, "expected application/x-protobuf or application/json")
    try:
        packed = encoding_of(request.headers)
        body = await request.body()

        def taken() -> tuple[int, Outcome]:
            inlet = admitted(request, source, "otlp")
            try:
                content = plain(body, packed, OTLP_BYTES)
            except ValueError as error:
                raise InputError(str(error)) from None
            found = deliveries(signal, encoding, content)
            return len(found), inlet.take(found) if found else Outcome()

        count, outcome = await to_thread.run_sync(taken, limiter=_taking)
    except TooLarge:
        return _failed(encoding, 413, f"a request may be {OTLP_BYTES} bytes here, as sent and unpacked")
    except OverLimit as error:
        return _failed(encoding, 413, str(error))
    except HTTPException as error:
        return _failed(encoding, error.status_code, str(error.detail))
    except GembascopeError as error:
        found = status_of(error)
        return _failed(encoding, 400 if found == 422 else found, str(error), retry_after(error))
    # A record that is several events is rejected once.
    rejected = min(outcome.quarantined, count)
    content = export_response(signal, encoding, rejected, "; ".join(outcome.reasons[:SHOWN_REASONS]))
    return Response(content, 200, media_type=_media_type(encoding))


def _failed(encoding: OtlpEncoding, number: int, message: str, retry_after_s: int | None = None) -> Response:
    content = status(encoding, CODES.get(number, Code.UNKNOWN), message)
    headers = {"Retry-After": str(retry_after_s)} if retry_after_s is not None else None
    return Response(content, number, headers, media_type=_media_type(encoding))


def _media_type(encoding: OtlpEncoding) -> str:
    return next(kind for kind, name in MEDIA_TYPES.items() if name == encoding)
