"""Dash on a FastAPI server, with the faults of Dash 4.4.1's own backend cured.

1. Its callbacks that are plain functions run on the event loop, so one slow query would stop the whole API. Here
   they run in the thread pool.
2. Its middleware goes around everything that the server had before, so it would read a request's body before the
   gate has decided who may send one. Here it goes inside.
3. Its page route answers every unknown address with a page, `/api/typo` too. Here each page has a route of its own
   and everything else stays with the server, which answers a person with a page too.
4. Its answers to callbacks have no content type, and a body that is no callback ends in a traceback.
5. It packs the scripts of the component libraries anew for every visitor, or not at all. Here once.
"""

from __future__ import annotations

import gzip
import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any

import dash.backends
from dash import fingerprint
from dash.backends import _fastapi
from dash.backends._fastapi import DashMiddleware, FastAPIDashServer
from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

_requests: Any = _fastapi  # its functions have no types
_fingerprint: Any = fingerprint

PACKED_AT_LEAST = 1_000
"""Bytes from which packing a script pays."""


class PagesServer(FastAPIDashServer):
    """The backend of the pages; see the module for what differs and why."""

    websocket_capability = False
    """No callback streams, so the browser need not open a socket for it."""

    def __init__(self, server: Any) -> None:
        super().__init__(server)
        self._packed: dict[tuple[str, str], bytes] = {}

    def setup_backend(self, dash_app: Any) -> None:
        inner = Middleware(
            DashMiddleware,
            dash_app=dash_app,
            dash_server=self,
            before_request_funcs=self._before_request_funcs,
            after_request_func=None,
        )
        self.server.user_middleware.append(inner)

    def setup_index(self, dash_app: Any) -> None:
        """Nothing: `add_page` gives each page its route."""

    def _setup_catchall(self) -> None:
        """Nothing, for the same reason."""

    def add_page(self, dash_app: Any, path: str) -> None:
        """Answer `path` with the page that starts the application in the browser."""

        async def page(request: Request) -> Response:
            return _started(dash_app, request)

        self.server.add_api_route(path, page, methods=["GET"], include_in_schema=False)

    def add_not_found(self, dash_app: Any) -> None:
        """Answer a person at an unknown address with a page that says so; programs get what the server says."""
        handlers = self.server.exception_handlers
        usual: Any = handlers.get(HTTPException)

        async def not_found(request: Request, error: Exception) -> Response:
            person = request.method == "GET" and "text/html" in request.headers.get("accept", "")
            if person and not request.url.path.startswith("/api/"):
                return _started(dash_app, request, 404)
            answer = usual(request, error)
            refused: Response = await answer if inspect.isawaitable(answer) else answer
            return refused

        self.server.add_exception_handler(404, not_found)

    def serve_callback(self, dash_app: Any) -> Callable[[Request], Any]:
        async def dispatch(request: Request) -> Response:
            body = request.state.json_body
            wanted = body.get("output") if isinstance(body, dict) else None
            if not isinstance(wanted, str) or wanted not in dash_app.callback_map:
                return JSONResponse({"error": "this is no callback of these pages"}, 400)
            context = dash_app._initialize_context(body)
            function = dash_app._prepare_callback(context, body)
            arguments = dash_app._inputs_to_vals(context.inputs_list + context.states_list)
            run = dash_app._execute_callback(function, arguments, context.outputs_list, context)
            variables = copy_context()
            data = await run_in_threadpool(variables.run, run)
            if inspect.iscoroutine(data):
                data = await data
            response: Response = context.dash_response.set_response(data=data)
            response.headers["content-type"] = "application/json"
            return response

        return dispatch

    def setup_component_suites(self, dash_app: Any) -> Any:
        def serve(request: Request, package_name: str, fingerprinted_path: str) -> Response:
            return self.serve_component_suites(dash_app, package_name, fingerprinted_path, request)

        dash_app._add_url("_dash-component-suites/{package_name}/{fingerprinted_path:path}", serve)

    def pack(self, dash_app: Any) -> None:
        """Pack what every page loads, before the first visitor waits for it."""
        request = Request({"type": "http", "method": "GET", "path": "/", "headers": [(b"accept-encoding", b"gzip")]})
        page = bytes(_started(dash_app, request).body).decode()
        for package, path in re.findall(r'src="/_dash-component-suites/([^/"]+)/([^"]+)"', page):
            self.serve_component_suites(dash_app, package, path, request)

    def serve_component_suites(
        self, dash_app: Any, package_name: str, fingerprinted_path: str, request: Request
    ) -> Response:
        """A file of a component library, packed the first time it is asked for. Only registered files are served, so
        the packed ones are few."""
        found: Response = super().serve_component_suites(dash_app, package_name, fingerprinted_path, request)
        content = bytes(found.body)
        if "gzip" not in request.headers.get("accept-encoding", "") or len(content) < PACKED_AT_LEAST:
            return found
        key = (package_name, _fingerprint.check_fingerprint(fingerprinted_path)[0])
        if key not in self._packed:
            self._packed[key] = gzip.compress(content, 6)
        kept = {
            name: value for name, value in found.headers.items() if name in ("content-type", "cache-control", "etag")
        }
        return Response(self._packed[key], headers=kept | {"content-encoding": "gzip", "vary": "accept-encoding"})


def _started(dash_app: Any, request: Request, status: int = 200) -> Response:
    """The page that starts the application in the browser."""
    token = _requests.set_current_request(request)
    try:
        return Response(dash_app.index(), status, media_type="text/html", headers={"cache-control": "no-cache"})
    finally:
        _requests.reset_current_request(token)


@contextmanager
def our_backend() -> Iterator[None]:
    """While it lasts, a Dash on a FastAPI server gets `PagesServer`: Dash takes a class by name only, no argument."""
    listed = dash.backends._backend_imports
    stock = listed["fastapi"]
    listed["fastapi"] = (__name__, PagesServer.__name__)
    try:
        yield
    finally:
        listed["fastapi"] = stock
