"""Sending events over HTTP: who may, how much, in what form, and what is answered."""

from __future__ import annotations

import asyncio
import gzip
import json
import tracemalloc
import zlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest
from doors import LOCAL, bearer, directory, key, rules
from sent_events import body, event, numbered

from api.app import create_app
from api.bodies import TooLarge, unpacked
from api.routes.live import EVENTS_BYTES, EVENTS_PATH
from ingest.live import LiveIngest
from ingest.spool import Spool
from kernel.access import Grant, Role
from kernel.clock import FixedClock
from kernel.identity.directory import Directory
from kernel.process import Processes
from kernel.settings import load_settings
from kernel.warehouse import Warehouse
from mining.view import Views

BEARER = bearer(LOCAL)
GZIP = {"Content-Encoding": "gzip"}


@pytest.fixture
def own_clock(clock: FixedClock) -> FixedClock:
    return FixedClock(clock.now())


@pytest.fixture
def people(own_clock: FixedClock, tmp_path: Path, tenant: str) -> Iterator[Directory]:
    with directory(tmp_path / "people", own_clock, tenant) as opened:
        yield opened


@pytest.fixture
def live(warehouse: Warehouse, own_clock: FixedClock, tmp_path: Path, tenant: str) -> Iterator[LiveIngest]:
    with Spool(load_settings(home=tmp_path, spool_events=20_000), own_clock) as spool:
        yield LiveIngest(warehouse, own_clock, spool, tenant, alone=True)


@pytest.fixture
def app(
    warehouse: Warehouse, own_clock: FixedClock, people: Directory, live: LiveIngest, tmp_path: Path, tenant: str
) -> Any:
    views = Views(warehouse, tenant, Processes(tmp_path, tenant))
    folder = tmp_path / "uploads"
    return create_app(views, own_clock, rules(people, open_house=False), upload_folder=folder, live_ingest=live)


def send(app: Any, content: Any, headers: dict[str, str] = BEARER, query: str = "?source=shop") -> httpx.Response:
    return ask(app, "POST", f"{EVENTS_PATH}{query}", headers, content)


def ask(app: Any, method: str, path: str, headers: dict[str, str], content: Any = None) -> httpx.Response:
    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, path, headers=headers, content=content)

    return asyncio.run(asked())


def status(app: Any) -> list[dict[str, Any]]:
    answer = ask(app, "GET", "/api/v1/ingest/status", BEARER)
    assert answer.status_code == 200
    found: list[dict[str, Any]] = answer.json()["sources"]
    return found


def problem(answer: httpx.Response, code: int, reason: str) -> str:
    assert (answer.status_code, answer.headers["content-type"]) == (code, "application/problem+json")
    assert answer.json()["type"] == f"urn:gembascope:problem:{reason}"
    return str(answer.json()["detail"])


def test_good_events_are_accepted_and_bad_ones_named(app: Any, live: LiveIngest) -> None:
    answer = send(app, body(event(1), event(2, value="NaN"), event(3, source="erp"), {}))
    assert answer.status_code == 202
    found = answer.json()
    assert len(found.pop("receipt")) == 32
    assert found == {
        "received": 4,
        "accepted": 2,
        "quarantined": [
            {"index": 1, "id": "e2", "reason": "value: NaN and infinities are no amounts"},
            {"index": 3, "id": "", "reason": "Object missing required field `id`"},
        ],
    }
    assert [(row["source"], row["received"], row["in_spool"]) for row in status(app)] == [("erp", 1, 1), ("shop", 3, 1)]
    live.drain()
    assert [(row["source"], row["stored"], row["quarantined"]) for row in status(app)] == [
        ("erp", 1, 0),
        ("shop", 1, 2),
    ]
    assert list(status(app)[0]) == [
        *("source", "received", "stored", "duplicate", "quarantined", "refused", "in_spool"),
        *("last_occurred_at", "last_seen_at", "lag_s"),
    ]


def test_one_event_and_none(app: Any) -> None:
    assert send(app, json.dumps(event(1)).encode()).json()["accepted"] == 1
    assert send(app, b"[]").json() == {"receipt": "", "received": 0, "accepted": 0, "quarantined": []}


@pytest.mark.parametrize("content", [b"", b"nothing", b'{"a"', b"[1", b"\xff"])
def test_what_is_no_array_is_answered_so_and_not_kept(app: Any, content: bytes) -> None:
    problem(send(app, content), 422, "input")
    assert status(app) == []


def test_gzip_is_unpacked_all_members_of_it(app: Any) -> None:
    half, rest = numbered(range(40))[:700], numbered(range(40))[700:]
    answer = send(app, gzip.compress(half) + gzip.compress(rest), BEARER | GZIP)
    assert answer.json()["accepted"] == 40


@pytest.mark.parametrize("content", [b"[]", gzip.compress(b"[]", mtime=0)[:-3], gzip.compress(b"[]", mtime=0) + b"x"])
def test_what_is_no_whole_gzip_is_refused(app: Any, content: bytes) -> None:
    assert "gzip" in problem(send(app, content, BEARER | GZIP), 422, "input")


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", ""])
def test_another_encoding_is_refused(app: Any, encoding: str) -> None:
    problem(send(app, b"[]", BEARER | {"Content-Encoding": encoding}), 415, "http")


def test_a_body_is_bounded_as_sent_and_unpacked(app: Any) -> None:
    assert send(app, b" " * (EVENTS_BYTES - 2) + b"[]").status_code == 202
    assert send(app, gzip.compress(b" " * (EVENTS_BYTES - 2) + b"[]"), BEARER | GZIP).status_code == 202
    assert send(app, b" " * (EVENTS_BYTES - 1) + b"[]").status_code == 413
    assert send(app, gzip.compress(b" " * (EVENTS_BYTES + 1)), BEARER | GZIP).status_code == 413


def test_a_bomb_is_not_unpacked_beyond_the_limit() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(64)) + packer.flush()
    assert len(bomb) < 1 << 17
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            unpacked(bomb, 1 << 16)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
    with pytest.raises(TooLarge):
        unpacked(gzip.compress(bytes(40_000)) * 2, 1 << 16)
    assert unpacked(gzip.compress(bytes(1 << 16)), 1 << 16) == bytes(1 << 16)


def test_zstd_and_lines_in_any_combination(app: Any) -> None:
    zstd, lines = {"Content-Encoding": "zstd"}, {"Content-Type": "application/x-ndjson; charset=utf-8"}
    packed = pa.Codec("zstd").compress(numbered(range(40)), asbytes=True)
    assert send(app, packed, BEARER | zstd).json()["accepted"] == 40
    assert "no zstd" in problem(send(app, packed[:-3], BEARER | zstd), 422, "input")
    bomb = pa.Codec("zstd").compress(bytes(EVENTS_BYTES + 1), asbytes=True)
    assert send(app, bomb, BEARER | zstd).status_code == 413
    body_of_lines = b"\n".join([json.dumps(event(50)).encode(), b"nothing", b"", json.dumps(event(51)).encode()])
    packed_lines = pa.Codec("zstd").compress(body_of_lines, asbytes=True)
    for content, headers in ((body_of_lines, lines), (packed_lines, lines | zstd)):
        found = send(app, content, BEARER | headers).json()
        assert (found["received"], found["accepted"]) == (3, 2)
        assert [one["index"] for one in found["quarantined"]] == [1]
    assert send(app, b"", BEARER | lines).json()["received"] == 0
    assert send(app, json.dumps(event(52)).encode(), BEARER | {"Content-Type": "application/jsonl"}).status_code == 202
    for marked in (b"\x1e{}", b" \n\x1e{}"):  # what marks lines inside marks none from outside
        problem(send(app, marked), 422, "input")


def test_a_full_spool_puts_senders_off(app: Any, live: LiveIngest) -> None:
    for start in (0, 10_000):
        assert send(app, numbered(range(start, start + 10_000), objects=[])).status_code == 202
    answer = send(app, numbered([20_000]))
    problem(answer, 503, "spool_full")
    assert answer.headers["retry-after"] == "1"
    assert answer.json()["retryable"] is True
    assert [(row["received"], row["refused"], row["in_spool"]) for row in status(app)] == [(20_001, 1, 20_000)]


def test_who_may_send(app: Any, people: Directory, own_clock: FixedClock) -> None:
    """Whoever may load, everywhere. What is sent may touch any process, so a grant for one is not enough."""
    content = numbered([1])
    assert send(app, content, {}).status_code == 401
    assert send(app, content, bearer("gbs_wrong")).status_code == 401
    for role in (Role.VIEWER, Role.ANALYST, Role.APPROVER):
        problem(send(app, content, bearer(key(people, role))), 403, "not_allowed")
    for grant in (
        Grant(Role.OPERATOR, "returns"),
        Grant(Role.OPERATOR, "returns", "Köln"),
        Grant(Role.ADMIN, "", "Köln"),
    ):
        shown = bearer(key(people, grant))
        problem(send(app, content, shown), 403, "not_allowed")
        problem(ask(app, "GET", "/api/v1/ingest/status", shown), 403, "not_allowed")
    assert status(app) == []
    shown = bearer(key(people, Role.OPERATOR, days=1))
    assert send(app, content, shown).status_code == 202
    own_clock.at += timedelta(days=1)
    assert send(app, content, shown).status_code == 401
    assert [row["received"] for row in status(app)] == [1]


def test_a_service_without_a_spool_says_so(
    warehouse: Warehouse, own_clock: FixedClock, people: Directory, tmp_path: Path, tenant: str
) -> None:
    views = Views(warehouse, tenant, Processes(tmp_path, tenant))
    app = create_app(views, own_clock, rules(people, open_house=False), upload_folder=tmp_path / "uploads")
    assert problem(send(app, b"[]"), 503, "state_unavailable") == "this service takes no events at run time"


def test_the_form_of_events_is_described(app: Any) -> None:
    for _ in range(2):
        described = ask(app, "GET", "/api/openapi.json", BEARER).json()
        form = described["paths"][EVENTS_PATH]["post"]["requestBody"]["content"]["application/json"]["schema"]
        assert form == {"type": "array", "items": {"$ref": "#/components/schemas/Event"}, "maxItems": 10_000}
        assert {"Event", "ObjectRef", "Link", "Named"} <= set(described["components"]["schemas"])
