"""A small service for the browser tests: `python serve_pages.py HOME` prints its port and serves until it is stopped.

The home gets a simulated order-to-cash log and a log of hostile names, loaded from CSV as a user would; a home that
already holds definitions is served as it is. The outer layer sends the content security policy of the service.
"""

from __future__ import annotations

import socket
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import polars as pl
import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboards.app import mount
from dashboards.cache import Reader
from ingest.load import Load, LoadRequest
from ingest.mapping import Mapping
from kernel.clock import SystemClock
from kernel.process import CaseAttribute, ProcessDefinition, Processes, read_process, write_process
from kernel.schema import migrate
from kernel.settings import load_settings
from kernel.warehouse import Warehouse
from mining.projection import refresh
from mining.view import Views
from simulator.order_to_cash import order_to_cash

TENANT = "local"
END = datetime(2026, 3, 1, tzinfo=timezone.utc)
ATTRIBUTES = ("channel", "region", "carrier", "customer_segment", "payment_method")
TARGETS = """targets:
- source: Label printed
  target: Carrier handover
  within: 1d
"""
EVIL = '<script>window.broken=1</script><img src=x onerror="window.broken=1">'
LONG = "long" * 2_600
POLICY = (
    "default-src 'none'; script-src 'self' {hashes}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)


class Policed:
    """The outer layer: adds the content security policy to every answer."""

    def __init__(self, app: ASGIApp, hashes: list[str]) -> None:
        self._app, self._policy = app, POLICY.format(hashes=" ".join(hashes)).encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (b"content-security-policy", self._policy)]
            await send(message)

        await self._app(scope, receive, dressed if scope["type"] == "http" else send)


def orders(home: Path) -> tuple[Path, ProcessDefinition]:
    """The simulated log as CSV, and a definition that knows its ends and targets."""
    made = order_to_cash(orders=400, days=30, seed=7, end=END)
    path = home / "orders.csv"
    made.events.write_csv(path)
    definition = ProcessDefinition(
        id="order-to-cash",
        title="Order to cash",
        object_type="case:order-to-cash",
        order=tuple(made.truth["order"]),
        end=tuple(made.truth["ends"]),
        case_attributes=tuple(CaseAttribute(name=name) for name in ATTRIBUTES),
    )
    return path, definition


def hostile(home: Path) -> tuple[Path, ProcessDefinition]:
    """Names that a page must show as text: markup, ten thousand characters, line breaks, direction marks."""
    names = [EVIL, LONG, "two\nlines\tand a tab", "\u202egnp.exe", "=cmd()", "plain"]
    rows = [
        {
            "case_id": f"{case}{EVIL}" if case else LONG,
            "activity": label,
            "timestamp": f"2026-01-0{1 + place}T0{case}:00:00Z",
            "actor": EVIL,
            "outcome": "ok",
            "note": EVIL,
        }
        for case in range(4)
        for place, label in enumerate(names)
    ]
    path = home / "hostile.csv"
    pl.DataFrame(rows).write_csv(path)
    attributes = (CaseAttribute(name="note"),)
    return path, ProcessDefinition(
        id="zz-hostile", title=EVIL, object_type="case:zz-hostile", case_attributes=attributes
    )


def pallets(home: Path) -> tuple[Path, ProcessDefinition]:
    """A case that is too long for one page."""
    path = home / "pallets.csv"
    first = datetime(2026, 1, 1, tzinfo=timezone.utc)
    steps = [(f"Scan {number}", first + timedelta(minutes=number)) for number in range(1, 1201)]
    rows = [{"case_id": "P", "activity": name, "timestamp": at.isoformat()} for name, at in steps]
    pl.DataFrame(rows).write_csv(path)
    return path, ProcessDefinition(id="zz-pallets", object_type="case:zz-pallets")


def fill(warehouse: Warehouse, home: Path) -> None:
    folder = Processes(home, TENANT).folder
    for path, definition in (orders(home), hostile(home), pallets(home)):
        written = write_process(folder, definition)
        if definition.id == "order-to-cash":
            written.write_text(written.read_text(encoding="utf-8") + TARGETS, encoding="utf-8")
        definition = read_process(written)
        mapping = Mapping(timezone="UTC", case="order_id" if definition.id == "order-to-cash" else "case_id")
        request = LoadRequest(path, definition.id, TENANT, mapping=mapping, accept_guess=True)
        Load(warehouse, SystemClock(), request).run()
        refresh(warehouse, SystemClock(), TENANT, definition)


def main(home: Path) -> None:
    home.mkdir(parents=True, exist_ok=True)
    settings = load_settings(home=home)
    with Warehouse(settings) as warehouse:
        migrate(warehouse, SystemClock())
        processes = Processes(home, TENANT)
        if "--empty" not in sys.argv and not processes.folder.is_dir():
            fill(warehouse, home)
        app = FastAPI(docs_url="/api/docs", openapi_url="/api/openapi.json")

        @app.get("/healthz")
        def healthz() -> dict[str, str]:
            return {"status": "ok"}

        mount(app, Reader(Views(warehouse, TENANT, processes)))
        listening = socket.create_server(("127.0.0.1", 0))
        print(listening.getsockname()[1], flush=True)
        served = uvicorn.Server(uvicorn.Config(Policed(app, app.state.csp_script_hashes), log_level="warning"))
        served.run(sockets=[listening])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
