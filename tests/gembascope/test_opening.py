"""A service whose pages are still being made answers programs, and lets who wants a page wait for it."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future

import httpx
import pytest
from fastapi import FastAPI

from gembascope.opening import Opening, made_beside


def application(*paths: str) -> FastAPI:
    app = FastAPI(title=paths[-1])
    for path in paths:
        app.add_api_route(path, lambda: app.title)
    return app


async def ask(opening: Opening, path: str) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(opening), base_url="http://here") as client:
        return await client.get(path)


def test_programs_are_answered_before_the_pages_are_made() -> None:
    made: Future[FastAPI] = Future()
    opening = Opening(application("/api/v1/events"), made)

    async def visits() -> None:
        assert (await ask(opening, "/api/v1/events")).json() == "/api/v1/events"
        page, unknown = (asyncio.create_task(ask(opening, path)) for path in ("/map", "/nowhere"))
        assert (await asyncio.wait([page, unknown], timeout=0.05))[0] == set()
        made.set_result(application("/api/v1/events", "/map"))
        assert (await page).json() == "/map"
        assert (await unknown).status_code == 404
        assert (await ask(opening, "/api/v1/events")).json() == "/map", "the whole answers everything from then on"

    asyncio.run(visits())


def test_pages_that_cannot_be_made_are_told_of() -> None:
    def fail() -> FastAPI:
        raise RuntimeError("no pages")

    with pytest.raises(RuntimeError, match="no pages"), made_beside(fail) as made:
        assert made.exception(timeout=5) is not None
