"""Webhooks over HTTP: what is taken, what is answered, and that nobody learns which sources there are."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from doors import LOCAL, bearer, directory, rules
from fastapi import FastAPI
from running_api import running
from signed_webhooks import OTHER_SECRET, SECRETS, signed
from source_doors import Door

from api.app import create_app
from api.gate import HOOK_BYTES
from api.hook_verifiers import HELD, MOST, HookVerifiers
from api.rates import Buckets, Rates
from ingest.sources.delivery import SourceStopped
from ingest.webhooks import verifying
from ingest.webhooks.settings import WebhookSettings
from ingest.webhooks.verifying import Verifier
from kernel.clock import FixedClock
from kernel.errors import SpoolFull, StateUnavailable
from kernel.identity.directory import Directory
from kernel.process import Processes
from kernel.warehouse import Warehouse
from mining.view import Views

BODY = b'{"id":"evt_1","order":"A-1"}'


def settings(style: str, *names: str) -> WebhookSettings:
    return WebhookSettings.model_validate({"kind": "webhook", "style": style, "secrets": names})


@pytest.fixture
def own_clock(clock: FixedClock) -> FixedClock:
    return FixedClock(clock.now())


@pytest.fixture
def people(own_clock: FixedClock, tmp_path: Path) -> Iterator[Directory]:
    with directory(tmp_path / "people", own_clock) as opened:
        yield opened


@pytest.fixture
def door(tmp_path: Path) -> Door:
    known: dict[tuple[str, str], object] = {
        (style, "webhook"): settings(style, f"env:{style.upper()}") for style in SECRETS
    }
    known["rotating", "webhook"] = settings("standard", "env:STANDARD", "env:OTHER")
    known["secretless", "webhook"] = settings("github", "env:NOT_THERE")
    known["pipe", "cloudevents"] = object()
    environ = {style.upper(): secret for style, secret in SECRETS.items()} | {"OTHER": OTHER_SECRET}
    return Door(tmp_path, known, environ)


@pytest.fixture
def app(warehouse: Warehouse, own_clock: FixedClock, people: Directory, door: Door, tmp_path: Path) -> FastAPI:
    views = Views(warehouse, "hooks", Processes(tmp_path, "hooks"))
    rates = Rates(*(Buckets(own_clock, per_minute) for per_minute in (20, 3_000, 50)))
    found = rules(people, open_house=False, rates=rates)
    return create_app(
        views, own_clock, found, upload_folder=tmp_path / "uploads", sources=door, machine_clock=own_clock
    )


def post(
    app: FastAPI, source: str, headers: Any, body: bytes = BODY, times: int = 1, prefix: str = "/api/v1/hooks"
) -> httpx.Response:
    async def asked() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
            for _ in range(times):
                answer = await client.post(f"{prefix}/{source}", headers=headers, content=body)
            return answer

    return asyncio.run(asked())


@pytest.mark.parametrize("style", list(SECRETS))
def test_what_is_signed_is_taken_once(app: FastAPI, door: Door, own_clock: FixedClock, style: str) -> None:
    headers = [*signed(style, SECRETS[style], BODY, own_clock.now()), ("Authorization", "Bearer x")]
    answer = post(app, style, headers)
    assert answer.status_code == 202
    assert answer.json() == {"received": 1, "accepted": 1, "quarantined": 0, "repeated": 0}
    (taken,) = door.at(style).taken
    assert (taken.body, taken.unique_id) == (BODY, "evt_1" if style == "stripe" else "msg_1")
    assert taken.key == f"hooks/{taken.unique_id}"
    assert "authorization" not in taken.headers
    again = post(app, style, headers)
    assert (again.status_code, again.json()["repeated"]) == (202, 1)
    assert len(door.at(style).taken) == 1


def test_over_a_real_socket_with_headers_as_a_sender_writes_them(
    app: FastAPI, door: Door, own_clock: FixedClock
) -> None:
    with running(app) as url, httpx.Client(base_url=url, trust_env=False) as client:
        headers = {
            name.title(): value for name, value in signed("github", SECRETS["github"], BODY, own_clock.now(), "d-1")
        }
        assert (
            client.post("/api/v1/hooks/github", headers=headers, content=iter([BODY[:5], BODY[5:]])).status_code == 202
        )
        doubled = [*headers.items(), ("X-Hub-Signature-256", headers["X-Hub-Signature-256"])]
        assert client.post("/api/v1/hooks/github", headers=doubled, content=BODY).status_code == 401
    assert door.at("github").taken[0].headers["x-github-event"] == "issues"


def test_nobody_learns_which_sources_there_are(
    app: FastAPI, own_clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not by status, body or headers, and not by what is reckoned."""
    reckoned: list[int] = []
    real = verifying.hmac.digest

    def counted(key: bytes, content: bytes, how: Any) -> bytes:
        reckoned.append(len(content))
        return real(key, content, how)

    monkeypatch.setattr("ingest.webhooks.verifying.hmac.digest", counted)
    answers, work = set(), []
    headers = signed("standard", OTHER_SECRET, BODY, own_clock.now())
    for source in ("standard", "github", "none", "pipe", "secretless", "%2e%2e", "x" * 300):
        reckoned.clear()
        answer = post(app, source, headers)
        shown = {name: value for name, value in answer.headers.items() if name != "date"}
        answers.add((answer.status_code, answer.content, tuple(shown.items())))
        work.append(len(reckoned))
    assert len(answers) == 1
    assert next(iter(answers))[0] == 401
    assert work == [2] * 7
    app.state.sources = None
    app.state.hook_verifiers = HookVerifiers(None, own_clock)
    absent = post(app, "standard", signed("standard", SECRETS["standard"], BODY, own_clock.now()))
    assert (absent.status_code, absent.content) == next(iter(answers))[:2]


def test_a_source_that_is_switched_off_is_none_at_once(
    app: FastAPI, door: Door, own_clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = signed("github", SECRETS["github"], BODY, own_clock.now())
    assert post(app, "github", headers).status_code == 202
    inlet = door.inlet
    monkeypatch.setattr(door, "inlet", lambda source, kind: inlet("none", kind))  # between the signature and the inlet
    between = post(app, "github", headers)
    del door.known["github", "webhook"]
    after = post(app, "github", headers)
    assert (between.status_code, between.content) == (after.status_code, after.content)
    assert after.status_code == 401


def test_secrets_take_turns(app: FastAPI, door: Door, own_clock: FixedClock) -> None:
    old, new = (signed("standard", one, BODY, own_clock.now()) for one in (SECRETS["standard"], OTHER_SECRET))
    assert [post(app, "rotating", one).status_code for one in (old, new)] == [202, 202]
    door.known["rotating", "webhook"] = settings("standard", "env:OTHER")  # at once: the definition is another
    assert [post(app, "rotating", one).status_code for one in (old, new)] == [401, 202]
    door.environ = {"OTHER": SECRETS["standard"]}  # soon: the secret is read again
    own_clock.at += HELD
    assert [post(app, "rotating", one).status_code for one in (old, new)] == [202, 401]


def test_a_secret_that_is_not_there_is_told_to_who_runs_this(
    app: FastAPI, own_clock: FixedClock, caplog: pytest.LogCaptureFixture
) -> None:
    headers = signed("github", SECRETS["github"], BODY, own_clock.now())
    assert {post(app, "secretless", headers).status_code for _ in range(3)} == {401}
    told = [record.getMessage() for record in caplog.records if record.name == "gembascope.hooks"]
    assert told == [
        "webhooks of source secretless cannot be verified and are refused: the secret env:NOT_THERE is not set"
    ]


@pytest.mark.parametrize("error", [SpoolFull("full"), StateUnavailable("away"), SourceStopped("stopped")])
def test_what_cannot_be_kept_now_is_to_be_sent_again(
    app: FastAPI, door: Door, own_clock: FixedClock, error: Any
) -> None:
    headers = signed("github", SECRETS["github"], BODY, own_clock.now())
    door.at("github").failing = error
    answer = post(app, "github", headers)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["type"] == f"urn:gembascope:problem:{error.reason}"
    door.at("github").failing = None
    assert post(app, "github", headers).json()["accepted"] == 1


def test_a_source_has_a_limit_of_its_own(app: FastAPI, door: Door, own_clock: FixedClock) -> None:
    door.limits["github"] = 3
    headers = signed("github", SECRETS["github"], BODY, own_clock.now())
    assert post(app, "github", headers, times=3).status_code == 202
    answer = post(app, "github", headers)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "20")
    assert post(app, "github", []).status_code == 401  # what is not signed is told nothing of it, and takes nothing
    assert post(app, "stripe", signed("stripe", SECRETS["stripe"], BODY, own_clock.now())).status_code == 202
    own_clock.at += timedelta(seconds=20)
    fresh = signed("github", SECRETS["github"], BODY, own_clock.now())
    assert post(app, "github", fresh).status_code == 202


def test_who_signs_is_no_stranger_and_who_does_not_waits(app: FastAPI, own_clock: FixedClock) -> None:
    headers = signed("github", SECRETS["github"], BODY, own_clock.now())
    assert post(app, "github", headers, times=120).status_code == 202  # of 50 that strangers may
    assert post(app, "github", [], times=50).status_code == 401
    assert post(app, "github", []).status_code == 429
    assert post(app, "none", []).status_code == 429


def test_what_is_large_is_refused_and_what_is_wide_is_not(app: FastAPI, door: Door, own_clock: FixedClock) -> None:
    for length, status in ((HOOK_BYTES, 202), (HOOK_BYTES + 1, 413)):
        body = b"x" * length
        headers = signed("github", SECRETS["github"], body, own_clock.now(), str(length))
        assert post(app, "github", headers, body).status_code == status
    assert len(door.at("github").taken[0].body) == HOOK_BYTES


def test_only_post_goes_there_and_only_to_a_source(app: FastAPI) -> None:
    async def statuses() -> list[int]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
            asked = [("GET", "github"), ("PUT", "github"), ("POST", "github/x"), ("POST", "")]
            return [(await client.request(method, f"/api/v1/hooks/{rest}")).status_code for method, rest in asked]

    assert asyncio.run(statuses()) == [401] * 4


def test_the_session_of_a_person_changes_nothing(app: FastAPI, own_clock: FixedClock) -> None:
    assert post(app, "github", bearer(LOCAL)).status_code == 401


def test_verifiers_that_are_kept_are_bounded_and_made_for_their_settings(door: Door, own_clock: FixedClock) -> None:
    verifiers = HookVerifiers(door, own_clock)
    plain = settings("github", "env:GITHUB")
    for number in range(MOST + 10):
        door.known[f"s{number}", "webhook"] = plain
        assert isinstance(verifiers.of(f"s{number}"), Verifier)
    assert len(verifiers._held) <= MOST
    assert verifiers.of("github") is verifiers.of("github")
    door.known["github", "webhook"] = "no settings"
    with pytest.raises(TypeError):
        verifiers.of("github")


def test_requests_that_wait_together_are_taken_together(
    app: FastAPI, door: Door, own_clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that they share a commit: what comes while others are worked on is the next batch."""
    waiting, sizes = threading.Event(), list[int]()
    inlet = door.at("github")
    real = inlet.take_each

    def take_each(deliveries: Any) -> Any:
        sizes.append(len(deliveries))
        waiting.wait(timeout=30)
        return real(deliveries)

    monkeypatch.setattr(inlet, "take_each", take_each)

    async def asked() -> list[int]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
            sent = [
                client.post(
                    "/api/v1/hooks/github",
                    headers=signed("github", SECRETS["github"], BODY, own_clock.now(), f"d-{number}"),
                    content=BODY,
                )
                for number in range(8)
            ]
            answers = asyncio.gather(*sent)
            hooks = None
            while hooks is None or len(hooks._waiting) < 7:  # one is worked on by itself
                await asyncio.sleep(0.01)
                hooks = app.state.hooks
            waiting.set()
            return [answer.status_code for answer in await answers]

    assert asyncio.run(asked()) == [202] * 8
    assert sizes == [1, 7]
