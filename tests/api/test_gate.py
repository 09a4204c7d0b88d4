"""The gate: hosts, other sites, sizes, and the headers of every answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from doors import LOCAL, bearer, directory, rules
from fastapi import FastAPI, Request
from running_api import running

from api.app import create_app
from api.gate import SMALL_BODY_BYTES, Gate
from api.permissions import NEEDS
from api.routes.live import EVENTS_BYTES
from api.sign_in import FORM_BYTES
from kernel.access import Permission
from kernel.clock import Clock
from kernel.identity.directory import Directory
from kernel.process import Processes
from kernel.warehouse import Warehouse
from mining.view import Views

UPLOAD_BYTES = SMALL_BODY_BYTES + 1_000
HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
MORE = {
    ("GET", "/"): Permission.READ,
    ("GET", "/broken"): Permission.READ,
    ("POST", "/_dash-update-component"): Permission.READ,
}
"""What the application of these tests has besides the API."""


@pytest.fixture(scope="module")
def views(warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Views:
    return Views(warehouse, "gate", Processes(tmp_path_factory.mktemp("home"), "gate"))


@pytest.fixture(scope="module")
def people(clock: Clock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Directory]:
    with directory(tmp_path_factory.mktemp("people"), clock) as opened:
        yield opened


def application(views: Views, clock: Clock, people: Directory, folder: Path, *, open_house: bool) -> FastAPI:
    found = rules(people, open_house=open_house, needs=NEEDS | MORE, max_upload_bytes=UPLOAD_BYTES)
    app = create_app(views, clock, found, upload_folder=folder)

    @app.get("/")
    def page() -> str:
        return "a page"

    @app.post("/_dash-update-component")
    async def callback(request: Request) -> int:
        return len(await request.body())

    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError("the secret cause")

    return app


@pytest.fixture(scope="module")
def loopback(
    views: Views, clock: Clock, people: Directory, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """A service that lets this machine's people look around."""
    app = application(views, clock, people, tmp_path_factory.mktemp("uploads"), open_house=True)
    with running(app) as url, httpx.Client(base_url=url, trust_env=False) as client:
        yield client


@pytest.fixture(scope="module")
def guarded(
    views: Views, clock: Clock, people: Directory, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """A service that does not."""
    app = application(views, clock, people, tmp_path_factory.mktemp("uploads"), open_house=False)
    with running(app) as url, httpx.Client(base_url=url, trust_env=False) as client:
        yield client


def is_problem(answer: httpx.Response, status: int) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_needs_nothing(guarded: httpx.Client, path: str) -> None:
    assert guarded.get(path).status_code == 200


@pytest.mark.parametrize("host", ["elsewhere.example", "elsewhere.example:8050", "localhost.elsewhere.example", "["])
def test_another_host_name_is_refused(loopback: httpx.Client, host: str) -> None:
    is_problem(loopback.get("/healthz", headers={"host": host}), 421)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:8050", "[::1]:8050"])
def test_the_names_of_this_machine_are_not(loopback: httpx.Client, host: str) -> None:
    assert loopback.get("/healthz", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://elsewhere.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_a_callback_from_another_site_is_refused(loopback: httpx.Client, headers: dict[str, str]) -> None:
    is_problem(loopback.post("/_dash-update-component", headers=headers, content=b"{}"), 403)


def test_a_callback_of_our_own_page_passes(loopback: httpx.Client) -> None:
    own = str(loopback.base_url).rstrip("/")
    for headers in ({"origin": own}, {"sec-fetch-site": "same-origin"}, {}):
        assert loopback.post("/_dash-update-component", headers=headers, content=b"{}").json() == 2


def pieces(size: int) -> Iterator[bytes]:
    """A body whose length no header tells."""
    while size > 0:
        yield b"x" * min(size, 1 << 16)
        size -= 1 << 16


LIMITS = [
    ("/_dash-update-component", SMALL_BODY_BYTES),
    ('/api/v1/ingest?options={"process":"p"}', UPLOAD_BYTES),
    ("/api/v1/events", EVENTS_BYTES),
    ("/login", FORM_BYTES),
]


@pytest.mark.parametrize(("path", "most"), LIMITS)
def test_a_body_may_be_as_long_as_its_limit(guarded: httpx.Client, path: str, most: int) -> None:
    assert guarded.post(path, headers=bearer(LOCAL), content=b"x" * most).status_code != 413
    assert guarded.post(path, headers=bearer(LOCAL), content=pieces(most)).status_code != 413


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize(("path", "most"), LIMITS)
def test_a_longer_body_is_refused(
    views: Views, clock: Clock, people: Directory, tmp_path: Path, path: str, most: int, told: bool
) -> None:
    """Whether a header tells its length or not. Called without a network, where a refusal that comes before the end
    of the body may be lost with the connection."""
    app = application(views, clock, people, tmp_path, open_house=False)

    async def body() -> AsyncIterator[bytes]:
        for piece in pieces(most + 1):
            yield piece

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.post(path, headers=bearer(LOCAL), content=b"x" * (most + 1) if told else body())

    answer = asyncio.run(ask())
    is_problem(answer, 413)
    is_dressed(answer)
    assert list(tmp_path.iterdir()) == []


def test_the_length_of_a_body_must_be_a_number(people: Directory) -> None:
    for length in (b"-1", b"1e3", "²".encode("latin-1"), b""):
        sent: list[Any] = []

        async def inner(*_: object) -> None:
            raise AssertionError("let in")

        async def send(message: Any, sent: list[Any] = sent) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "scheme": "http",
            "method": "POST",
            "path": "/",
            "query_string": b"",
            "headers": [(b"host", b"localhost"), (b"content-length", length)],
        }
        asyncio.run(Gate(inner, rules(people))(scope, None, send))  # type: ignore[arg-type]
        assert sent[0]["status"] == 413


def test_an_error_that_nobody_foresaw_says_nothing(loopback: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "gembascope.api"):
        answer = loopback.get("/broken")
    is_problem(answer, 500)
    assert "secret cause" not in answer.text
    reference = answer.json()["detail"].rpartition(" ")[2]
    assert any(reference in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/", {}, 303),
        ("GET", "/", bearer(LOCAL), 200),
        ("GET", "/login", {}, 200),
        ("POST", "/login", {}, 403),
        ("POST", "/login", {"origin": "https://elsewhere.example"}, 403),
        ("PUT", "/login", {}, 405),
        ("GET", "/first-administrator", {}, 200),
        ("GET", "/healthz", {}, 200),
        ("GET", "/healthz", {"host": "elsewhere.example"}, 421),
        ("GET", "/api/v1/processes", {}, 401),
        ("GET", "/api/v1/processes", bearer(LOCAL), 200),
        ("GET", "/api/docs", bearer(LOCAL), 200),
        ("GET", "/api/v1/processes/none/map", bearer(LOCAL), 404),
        ("GET", "/api/v1/processes/none/map?since=x", bearer(LOCAL), 422),
        ("GET", "/nothing", bearer(LOCAL), 404),
        ("PUT", "/healthz", bearer(LOCAL), 405),
        ("POST", "/_dash-update-component", {"origin": "https://elsewhere.example"}, 401),
        ("GET", "/broken", bearer(LOCAL), 500),
    ],
)
def test_every_answer_is_dressed(
    guarded: httpx.Client, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    answer = guarded.request(method, path, headers=headers)
    assert answer.status_code == status
    is_dressed(answer)


def is_dressed(answer: httpx.Response) -> None:
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    policy = answer.headers["content-security-policy"]
    rules = dict(part.strip().partition(" ")[::2] for part in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert "unsafe" not in rules["script-src"]
    assert rules["frame-ancestors"] == "'none'"
    assert not any("http" in value or "*" in value for value in rules.values())
