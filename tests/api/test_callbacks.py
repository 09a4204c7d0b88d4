"""Callbacks over HTTP: no key opens them, a signature does; and they come rarely and are small."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from doors import LOCAL, bearer, directory, rules
from fastapi import FastAPI
from outside import ENVIRONMENT, KEY, webhook

from api.app import create_app
from api.gate import SIGNED_BODY_BYTES
from api.rates import Buckets, Rates
from kernel.clock import FixedClock
from kernel.identity.directory import Directory
from kernel.process import Processes
from kernel.secrets import Secrets
from kernel.signatures import signed_headers
from kernel.warehouse import Warehouse
from mining.view import Views
from orchestration_hooks.callbacks import Callbacks, Tokens, Waiting
from orchestration_hooks.connections import Connections

BODY = b'{"schema": "gembascope.callback/v1", "status": "succeeded"}'
TOKENS = Tokens(b"pepper")


@pytest.fixture
def people(clock: FixedClock, tmp_path: Path) -> Iterator[Directory]:
    with directory(tmp_path / "people", clock) as opened:
        yield opened


@pytest.fixture
def signals() -> list[tuple[Any, ...]]:
    return []


@pytest.fixture
def app(
    warehouse: Warehouse, clock: FixedClock, people: Directory, tmp_path: Path, signals: list[tuple[Any, ...]]
) -> FastAPI:
    webhook(tmp_path, "n8n", "https://n8n.example/webhook")
    taking = Callbacks(
        people.state,
        "local",
        TOKENS,
        Connections(tmp_path, "local"),
        Secrets(tmp_path, ENVIRONMENT),
        clock,
        lambda *given: signals.append(given),
    )
    views = Views(warehouse, "callbacks", Processes(tmp_path, "callbacks"))
    rates = Rates(*(Buckets(clock, per_minute) for per_minute in (20, 3_000, 50)))
    found = rules(people, open_house=False, rates=rates)
    return create_app(views, clock, found, upload_folder=tmp_path / "uploads", taking=taking)


def post(app: FastAPI, path: str, headers: Mapping[str, str], body: bytes = BODY, times: int = 1) -> httpx.Response:
    async def asked() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
            for _ in range(times):
                answer = await client.post(path, headers=dict(headers), content=body)
            return answer

    return asyncio.run(asked())


def test_a_signature_opens_what_no_key_does(app: FastAPI, clock: FixedClock, signals: list[tuple[Any, ...]]) -> None:
    waiting = Waiting("local", "run1", "resend", 2, "n8n", clock.now() + timedelta(hours=1))
    path = f"/api/v1/callbacks/{TOKENS.make(waiting)}"
    right = signed_headers([KEY], "m1", BODY, clock.now())
    assert post(app, path, {}).status_code == 401
    assert post(app, path, bearer(LOCAL)).status_code == 401
    assert post(app, path, right, BODY + b" ").status_code == 401
    assert signals == []
    assert (post(app, path, right).status_code, len(signals)) == (204, 1)
    assert signals[0][:4] == ("run1", "resend", 2, "n8n:m1")
    again = post(app, path, right)
    assert (again.status_code, again.json()["type"]) == (409, "urn:gembascope:problem:state_conflict")
    foreign = f"/api/v1/callbacks/{TOKENS.make(Waiting('other', 'run1', 's', 1, 'n8n', waiting.expires_at))}"
    answers = {post(app, one, right).content for one in (foreign, "/api/v1/callbacks/x", f"{path}A")}
    assert len(answers) == 1  # of another tenant and not there are the same
    wrong = post(app, path, signed_headers([KEY], "m2", b"{}", clock.now()), b"{}")
    assert (wrong.status_code, wrong.json()["detail"][:37]) == (422, "the body is no gembascope.callback/v1")
    assert len(signals) == 1


def test_only_post_goes_there_and_only_to_it(app: FastAPI) -> None:
    async def statuses() -> list[int]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
            asked = [("GET", "x"), ("PUT", "x"), ("POST", "x/y"), ("POST", ""), ("POST", "x/../../processes")]
            return [(await client.request(method, f"/api/v1/callbacks/{rest}")).status_code for method, rest in asked]

    assert asyncio.run(statuses()) == [401] * 5


def test_what_is_large_is_refused_before_it_is_read(app: FastAPI) -> None:
    assert post(app, "/api/v1/callbacks/x", {}, b"x" * (SIGNED_BODY_BYTES + 1)).status_code == 413


def test_who_comes_too_often_waits(app: FastAPI) -> None:
    answer = post(app, "/api/v1/callbacks/x", {}, times=60)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "2")
