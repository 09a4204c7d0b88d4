"""The FastAPI application of one tenant's home."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import HTMLResponse, JSONResponse

from api import errors
from api.docs import docs_page
from api.gate import Gate, GateRules
from api.hook_verifiers import HookVerifiers
from api.rates import SourceRates
from api.routes import (
    audit,
    callbacks,
    cloudevents,
    erasures,
    events,
    export,
    hooks,
    incidents,
    ingest,
    known_sources,
    live,
    messages,
    metrics,
    mutes,
    otlp,
    processes,
    quarantine,
    rules,
    runs,
)
from api.source_work import SourceWork
from api.sources_door import SourcesDoor
from ingest.live import LiveIngest
from kernel.audit.reading import AuditReader
from kernel.clock import Clock, SystemClock
from kernel.errors import GembascopeError
from kernel.warehouse import Query
from mining.view import Views
from orchestration_hooks.callbacks import Callbacks
from orchestration_hooks.desk import Desk

ALIVE = Query("alive", "SELECT 1")
PARTS = (
    hooks,
    processes,
    events,
    ingest,
    live,
    quarantine,
    erasures,
    metrics,
    known_sources,
    export,
    audit,
    incidents,
    runs,
    mutes,
    messages,
    rules,
    callbacks,
    cloudevents,
    otlp,
)
"""What has routes, in the order in which these are tried."""


def create_app(
    views: Views,
    clock: Clock,
    door: GateRules,
    *,
    upload_folder: Path,
    pseudonym_key: str | None = None,
    instance: str = "",
    live_ingest: LiveIngest | None = None,
    audited: AuditReader | None = None,
    desk: Desk | None = None,
    taking: Callbacks | None = None,
    source_work: Callable[[], SourceWork] | None = None,
    sources: SourcesDoor | None = None,
    machine_clock: Clock | None = None,
) -> FastAPI:
    """The API over an open warehouse. Pages are mounted on it by `dashboards.app.mount`; close the warehouse after it.

    `live_ingest` takes events at run time, `audited` reads the audit of the tenant, `desk` knows trouble and remedies,
    `taking` takes what external engines send back, `source_work` knows sources and the quarantine, `sources` who sends
    webhooks, CloudEvents and OTLP: without one of them there is nothing at its addresses. `instance` tells this service
    from others at `/healthz`, so that a command finds the one of its home. `machine_clock` is that of who signs
    webhooks, whatever that of business says.
    """
    app = FastAPI(
        title="Gembascope",
        summary="Process intelligence for retail operations.",
        version="1",
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    upload_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    app.state.views, app.state.clock = views, clock
    app.state.callbacks = taking
    app.state.upload_folder, app.state.pseudonym_key = upload_folder, pseudonym_key
    app.state.live = live_ingest
    app.state.machine_clock = machine_clock or SystemClock()
    app.state.sources, app.state.source_rates = sources, SourceRates(app.state.machine_clock)
    app.state.hook_verifiers = HookVerifiers(sources, app.state.machine_clock)
    app.state.hooks = None  # belongs to the event loop that it is first used in
    app.state.audited, app.state.desk = audited, desk
    app.state.source_work = source_work
    app.state.loads = set()  # of tasks: the event loop itself does not keep them alive
    errors.install(app)
    hooks.serve(app)  # first: routes are tried in this order, and these are many
    for part in PARTS:
        # Not included: that would work every route out anew, at a tenth of a second for each application.
        app.router.routes.extend(part.router.routes)

    live.document(app)

    @app.get("/api/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return HTMLResponse(docs_page(app))

    @app.get("/healthz", tags=["service"], summary="The process answers.")
    def healthz() -> dict[str, str]:
        return {"status": "ok", "instance": instance}

    @app.get("/readyz", tags=["service"], summary="The warehouse answers too.")
    def readyz() -> JSONResponse:
        try:
            views.warehouse.query(ALIVE)
        except GembascopeError as error:
            return JSONResponse({"status": "unavailable", "reason": error.reason}, 503)
        return JSONResponse({"status": "ready"})

    app.add_middleware(Gate, rules=door)
    return app
