"""The service answers programs before its pages are made: Dash takes a second to import, and who sends events after a
restart need not wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from fastapi import FastAPI
from starlette.routing import Match
from starlette.types import Receive, Scope, Send


class Opening:
    """An ASGI application: `api` answers at its own addresses until `whole` is there, which answers everything from
    then on. Whoever asks for a page before waits for it."""

    def __init__(self, api: FastAPI, whole: Future[FastAPI]) -> None:
        self._api, self._whole = api, whole

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (await self._app(scope))(scope, receive, send)

    async def _app(self, scope: Scope) -> FastAPI:
        if self._whole.done():
            return self._whole.result()
        if scope["type"] == "lifespan" or any(route.matches(scope)[0] is not Match.NONE for route in self._api.routes):
            return self._api
        return await asyncio.wrap_future(self._whole)


@contextmanager
def made_beside(make: Callable[[], FastAPI]) -> Iterator[Future[FastAPI]]:
    """The application, made in a thread meanwhile; what went wrong with it is raised at the end of the block."""
    with ThreadPoolExecutor(1, "pages") as pool:
        whole = pool.submit(make)
        yield whole
    whole.result()
