"""The server around the pages: what it answers, to whom, and where."""

from __future__ import annotations

import asyncio
import re
import threading
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from dashboards.app import csp_hashes, mount
from dashboards.cache import Reader
from dashboards.pages import head
from mining.view import Views


class Closed:
    """A gate that lets nobody in and reads nothing."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (b"x-open", b"yes") not in scope["headers"]:
            await PlainTextResponse("closed", 401)(scope, receive, send)
            return
        await self._app(scope, receive, send)


class Client:
    """Requests to an app without a socket; each runs on an event loop of its own."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            headers = {"x-open": "yes"} | more.pop("headers", {})
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://pages.test") as opened:
                return await opened.request(method, path, headers=headers, **more)

        return asyncio.run(ask())

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.request("GET", path, **more)

    def post(self, path: str, **more: Any) -> httpx.Response:
        return self.request("POST", path, **more)


@pytest.fixture(scope="module")
def client(views: Views) -> Client:
    app = FastAPI()

    @app.get("/api/v1/there")
    def there() -> dict[str, str]:
        return {"status": "ok"}

    app.add_middleware(Closed)
    mount(app, Reader(views), title="Trial")
    return Client(app)


@pytest.mark.parametrize("path", ["/", "/map", "/variants", "/cases", "/case?case=x"])
def test_a_page_starts_the_application(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "/assets/app.js" in answer.text
    assert "<title>Trial</title>" in answer.text


@pytest.mark.parametrize("path", ["/api/typo", "/api/v1/typo", "/nothing", "/mapp"])
def test_an_unknown_address_stays_with_the_api(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/json"


def test_a_person_at_an_unknown_address_gets_a_page(client: Client) -> None:
    browser = {"accept": "text/html,application/xhtml+xml"}
    answer = client.get("/nothing", headers=browser)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert "/assets/app.js" in answer.text
    api = client.get("/api/v1/typo", headers=browser)
    assert (api.status_code, api.headers["content-type"]) == (404, "application/json")


def test_the_api_is_still_there(client: Client) -> None:
    assert client.get("/api/v1/there").json() == {"status": "ok"}


@pytest.mark.parametrize("path", ["/_dash-update-component", "/", "/_dash-layout"])
def test_the_gate_stands_before_the_pages(client: Client, path: str) -> None:
    """Whom the gate refuses, nobody listens to: not a byte of the body is read."""
    answers: list[Any] = []
    read_by: list[str] = []

    async def receive() -> Any:
        read_by.append(path)
        return {"type": "http.request", "body": b"{}"}

    async def send(message: Any) -> None:
        answers.append(message)

    scope = {
        "type": "http",
        "method": "POST" if "update" in path else "GET",
        "path": path,
        "query_string": b"",
        "headers": [(b"content-type", b"application/json"), (b"host", b"pages.test")],
    }
    asyncio.run(client.app(scope, receive, send))
    assert answers[0]["status"] == 401
    assert read_by == []


@pytest.mark.parametrize("body", ["{", "[]", "{}", '{"output": "x.y"}', '{"output": []}', "null"])
def test_a_body_that_is_no_callback_is_refused(client: Client, body: str) -> None:
    answer = client.post("/_dash-update-component", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert client.post("/_dash-update-component", content=body).status_code == 400


def call_head(client: Client, search: str) -> Any:
    body = {
        "output": "head.children",
        "outputs": {"id": "head", "property": "children"},
        "inputs": [{"id": "url", "property": "search", "value": search}],
        "changedPropIds": [],
        "state": [{"id": "url", "property": "pathname", "value": "/map"}],
    }
    return client.post("/_dash-update-component", json=body)


def test_a_callback_answers_json_off_the_event_loop(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[str] = []
    real = head.head_of

    def watched(*given_values: Any) -> Any:
        threads.append(threading.current_thread().name)
        return real(*given_values)

    monkeypatch.setattr(head, "head_of", watched)
    answer = call_head(client, "?process=small")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert "Where does work wait?" in answer.text
    assert all("AnyIO worker thread" in name for name in threads)
    assert threads


def test_component_scripts_are_packed_once_and_kept_by_the_browser(client: Client) -> None:
    page = client.get("/").text
    address = next(part for part in page.split('"') if "dash_mantine_components.v" in part)
    answer = client.get(address, headers={"accept-encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert "max-age=31536000" in answer.headers["cache-control"]
    plain = client.get(address, headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.content == answer.content


def test_inline_scripts_have_hashes(client: Client) -> None:
    hashes = csp_hashes(client.app)
    assert hashes == client.app.state.csp_script_hashes
    assert hashes
    assert all(one.startswith("'sha256-") for one in hashes)


def test_the_frame_loads_nothing_from_elsewhere(client: Client) -> None:
    named = re.findall(r"""(?:src|href)=["']?([^"'> ]+)""", client.get("/").text)
    assert named
    assert all(address.startswith("/") and not address.startswith("//") for address in named)
