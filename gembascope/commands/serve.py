"""`gembascope serve`: the pages and the API."""

from __future__ import annotations

from typing import Annotated

import typer

from gembascope.commands.options import Home, Tenant, console
from gembascope.serving import serve
from kernel.clock import SystemClock
from kernel.settings import load_settings

app = typer.Typer()

Host = Annotated[str | None, typer.Option("--host", help="Address to listen on; GEMBASCOPE_HOST by default.")]
Port = Annotated[int | None, typer.Option("--port", help="Port; 0 takes a free one; GEMBASCOPE_PORT by default.")]


@app.command("serve")
def serve_(host: Host = None, port: Port = None, home: Home = None, tenant: Tenant = None) -> None:
    """Serve the pages and the API."""
    settings = load_settings(home=home, tenant=tenant, host=host, port=port)
    serve(settings, SystemClock(), ready=_ready)


def _ready(url: str, first_admin: str | None) -> None:
    out = console()
    out.print(f"Serving on {url} (Ctrl-C stops it)")
    if first_admin is not None:
        out.print("Nobody administers it yet. This link makes the first administrator, once:")
        out.print(first_admin, soft_wrap=True)
