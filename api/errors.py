"""The one table from errors to HTTP, as problem documents (RFC 9457)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from ingest.sources.delivery import CollectorError, SourceStopped
from kernel.errors import (
    AccessError,
    AuditBroken,
    BudgetExceeded,
    DefinitionError,
    EgressError,
    GembascopeError,
    InputError,
    NotFound,
    OutOfDate,
    SettingsError,
    SignInRefused,
    SpoolFull,
    StateConflict,
    StateError,
    StateUnavailable,
    TooManyRequests,
    WarehouseError,
    WarehouseUnavailable,
)

STATUS: dict[type[GembascopeError], int] = {
    GembascopeError: 500,
    SettingsError: 500,
    DefinitionError: 422,
    InputError: 422,
    NotFound: 404,
    OutOfDate: 409,
    AccessError: 403,
    SignInRefused: 401,
    TooManyRequests: 429,
    AuditBroken: 500,
    StateError: 502,
    StateUnavailable: 503,
    SpoolFull: 503,
    SourceStopped: 503,
    CollectorError: 503,
    StateConflict: 409,
    EgressError: 502,
    WarehouseError: 502,
    WarehouseUnavailable: 503,
    BudgetExceeded: 503,
}
"""Status per error; the nearest ancestor decides."""

PROBLEM: dict[str, Any] = {
    "type": "object",
    "properties": {
        "type": {"type": "string", "description": "urn:gembascope:problem:REASON"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "retryable": {"type": "boolean"},
    },
    "required": ["type", "status", "detail"],
}

log = logging.getLogger("gembascope.api")


def problems(told: Mapping[int, str]) -> dict[int | str, dict[str, Any]]:
    """How problem documents of an address are described: what each status means."""
    content = {"application/problem+json": {"schema": PROBLEM}}
    return {status: {"description": text, "content": content} for status, text in told.items()}


OF_THE_GATE: Mapping[int, str] = {
    401: "Nobody who is known.",
    403: "Known, and may not send here.",
    429: "Too many; send it again after Retry-After.",
}
"""What whoever needs a permission may be told of anything that is sent."""


def status_of(error: GembascopeError) -> int:
    return next(STATUS[cls] for cls in type(error).__mro__ if cls in STATUS)


def problem(status: int, reason: str, detail: str, **more: Any) -> JSONResponse:
    """A problem document: `type` names the reason, `detail` is the sentence for the person."""
    body = {"type": f"urn:gembascope:problem:{reason}", "status": status, "detail": detail, **more}
    return JSONResponse(body, status, media_type="application/problem+json")


def answer(error: GembascopeError) -> JSONResponse:
    """The problem document of an expected failure."""
    found = problem(status_of(error), error.reason, str(error), retryable=error.retryable)
    wait_s = retry_after(error)
    if wait_s is not None:
        found.headers["Retry-After"] = str(wait_s)
    return found


def retry_after(error: GembascopeError) -> int | None:
    """Seconds after which the same may be asked again; None when that is of no use."""
    if not error.retryable:
        return None
    return error.after_s if isinstance(error, TooManyRequests) else 1


def install(app: FastAPI) -> None:
    """Answer every error of the app as a problem document."""

    @app.exception_handler(GembascopeError)
    def expected(_: Request, error: GembascopeError) -> JSONResponse:
        return answer(error)

    @app.exception_handler(RequestValidationError)
    def malformed(_: Request, error: RequestValidationError) -> JSONResponse:
        problems = [f"{'.'.join(map(str, e['loc'][1:]))}: {e['msg']}" for e in error.errors()]
        return problem(422, "input", "; ".join(problems))

    @app.exception_handler(HTTPException)
    def refused(_: Request, error: HTTPException) -> JSONResponse:
        return problem(error.status_code, "http", str(error.detail))


def unexpected(path: str, error: Exception) -> JSONResponse:
    """The answer for an error that nobody foresaw; the log has the rest. The gate gives it, so that it is dressed like
    every other answer."""
    reference = uuid4().hex[:12]
    log.error("unexpected error %s on %s", reference, path, exc_info=error)
    return problem(500, "internal", f"something went wrong on our side; the log has it under {reference}")
