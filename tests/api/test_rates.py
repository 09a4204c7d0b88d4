"""How often one may ask: buckets with a moved clock, their memory, and the gate in front of everything."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import httpx
import pytest
from doors import GOOD, LOCAL, bearer, directory, key, person, rules
from hypothesis import given, settings
from hypothesis import strategies as st

from api.app import create_app
from api.rates import Buckets, Rates
from api.sign_in import SIGN_IN_PATHS
from kernel.access import Grant, Principal, Role
from kernel.clock import FixedClock
from kernel.errors import TooManyRequests
from kernel.identity.directory import Directory
from kernel.process import Processes
from kernel.settings import Settings
from kernel.warehouse import Warehouse
from mining.view import Views

START = datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc)
STEPS = st.lists(st.tuples(st.sampled_from(("a", "b")), st.floats(0, 90)), max_size=60)


@settings(max_examples=60, deadline=None)
@given(per_minute=st.integers(1, 20), steps=STEPS)
def test_no_more_are_let_in_than_a_bucket_gives(per_minute: int, steps: list[tuple[str, float]]) -> None:
    """In any stretch of time at most what it holds and what flows in; and whoever waits as long as they are told
    is let in."""
    clock = FixedClock(START)
    buckets = Buckets(clock, per_minute)
    let_in: dict[str, list[datetime]] = {"a": [], "b": []}
    for name, wait_s in steps:
        clock.at += timedelta(seconds=wait_s)
        told_s = buckets.take(name)
        if told_s:
            clock.at += timedelta(seconds=told_s + 1e-5)
            assert buckets.take(name) == 0
        let_in[name].append(clock.now())
    for times in let_in.values():
        for first, begin in enumerate(times):
            for count, end in enumerate(times[first:], start=1):
                assert count <= per_minute + (end - begin).total_seconds() * per_minute / 60 + 1e-3


def test_one_who_asks_too_often_holds_back_nobody_else() -> None:
    buckets = Buckets(FixedClock(START), 2)
    assert [buckets.take("a") for _ in range(3)] == [0, 0, 30]
    assert buckets.take("b") == 0


def test_a_clock_that_is_set_back_fills_no_bucket() -> None:
    clock = FixedClock(START)
    buckets = Buckets(clock, 1)
    assert buckets.take("a") == 0
    clock.at -= timedelta(hours=1)
    assert buckets.take("a") == 60
    clock.at += timedelta(seconds=60)
    assert buckets.take("a") == 0


def test_a_million_addresses_take_no_more_memory_than_the_most() -> None:
    buckets = Buckets(FixedClock(START), 1, most=100)
    buckets.take("first")
    for number in range(10_000):
        buckets.take(str(number))
        assert buckets.take(str(number)) > 0  # a newcomer is counted however many there are
        assert buckets.take("first") > 0  # used all the time, so it is not the one forgotten
    assert len(buckets) == 100


def test_commands_of_this_machine_are_not_counted() -> None:
    clock = FixedClock(START)
    rates = Rates(Buckets(clock, 1), Buckets(clock, 1), Buckets(clock, 1))
    local = Principal("t", "local", "local", "a command", frozenset({Grant(Role.ADMIN)}))
    visitor = Principal("t", "anonymous", "anonymous", "a visitor", frozenset())
    for _ in range(5):
        rates.request(local, "::1")
    for address in ("192.0.2.1", "192.0.2.2"):  # visitors to an open house are told by their addresses
        rates.request(visitor, address)
    with pytest.raises(TooManyRequests, match="the next is answered in 60 s"):
        rates.request(visitor, "192.0.2.2")


# At the gate ---------------------------------------------------------------------------------------------------------


@dataclass
class Door:
    app: Any
    people: Directory
    clock: FixedClock

    def ask(self, method: str, path: str, address: str = "192.0.2.1", **more: Any) -> httpx.Response:
        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, client=(address, 1))
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                return await client.request(method, path, **more)

        return asyncio.run(asked())


@pytest.fixture
def door(warehouse: Warehouse, tmp_path: Path) -> Iterator[Door]:
    """Three forms, five requests and two strangers per minute."""
    clock = FixedClock(START)
    with directory(tmp_path, clock, "rates") as people:
        rates = Rates(Buckets(clock, 3), Buckets(clock, 5), Buckets(clock, 2))
        views = Views(warehouse, "rates", Processes(tmp_path, "rates"))
        found = rules(people, open_house=False, rates=rates)
        yield Door(create_app(views, clock, found, upload_folder=tmp_path / "uploads"), people, clock)


def refused(answer: httpx.Response, after_s: int) -> None:
    assert answer.status_code == 429, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == str(after_s)
    assert answer.json()["type"] == "urn:gembascope:problem:too_many_requests"
    assert answer.headers["x-content-type-options"] == "nosniff"  # dressed like every other answer


def test_a_key_is_counted_wherever_it_comes_from(door: Door) -> None:
    one, other = key(door.people, Role.VIEWER), key(door.people, Role.VIEWER)
    for number in range(5):
        assert door.ask("GET", "/api/v1/processes", f"192.0.2.{number}", headers=bearer(one)).status_code == 200
    refused(door.ask("GET", "/api/v1/processes", "192.0.2.9", headers=bearer(one)), 12)
    refused(door.ask("POST", "/api/v1/ingest", headers=bearer(one)), 12)
    assert door.ask("GET", "/api/v1/processes", headers=bearer(other)).status_code == 200
    for _ in range(20):
        assert door.ask("GET", "/api/v1/processes", headers=bearer(LOCAL)).status_code == 200
    door.clock.at += timedelta(seconds=12)
    assert door.ask("GET", "/api/v1/processes", headers=bearer(one)).status_code == 200


def test_strangers_are_counted_by_address_and_hold_back_nobody_who_is_known(door: Door) -> None:
    known = bearer(key(door.people, Role.VIEWER))
    assert door.ask("GET", "/api/v1/processes", headers=bearer("a guess")).status_code == 401
    assert door.ask("GET", "/api/v1/processes").status_code == 401
    refused(door.ask("GET", "/api/v1/processes", headers=bearer("another guess")), 30)
    refused(door.ask("GET", "/nothing"), 30)
    assert door.ask("GET", "/api/v1/processes", headers=known).status_code == 200
    assert door.ask("GET", "/api/v1/processes", "192.0.2.2").status_code == 401
    for _ in range(5):
        assert door.ask("GET", "/healthz").status_code == 200  # which a command asks before it does anything


def test_one_network_of_ipv6_is_one_address(door: Door) -> None:
    for address in ("2001:db8::1", "2001:db8::2"):
        assert door.ask("GET", "/nothing", address).status_code == 303
    refused(door.ask("GET", "/nothing", "2001:db8::ffff:3"), 30)
    assert door.ask("GET", "/nothing", "2001:db8:0:1::1").status_code == 303
    for address in ("::ffff:192.0.2.1", "::ffff:192.0.2.2", "::ffff:192.0.2.3"):
        assert door.ask("GET", "/nothing", address).status_code == 303


@pytest.mark.parametrize("path", SIGN_IN_PATHS)
def test_forms_are_counted_by_address_even_when_they_are_right(door: Door, path: str) -> None:
    person(door.people, "ana", Role.VIEWER)
    form = {"name": "ana", "password": GOOD}
    own = {"origin": "http://localhost"}
    for _ in range(3):
        assert door.ask("POST", "/login", data=form, headers=own).status_code == 303
        assert door.ask("GET", path).status_code == 200  # to look at a form is free
    refused(door.ask("POST", path, data=form, headers=own), 20)
    assert door.ask("POST", "/login", "192.0.2.2", data=form, headers=own).status_code == 303
    door.clock.at += timedelta(seconds=20)
    assert door.ask("POST", "/login", data=form, headers=own).status_code == 303


def test_a_refused_websocket_is_closed(door: Door) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    scope = {"type": "websocket", "scheme": "ws", "path": "/_dash-ws-callback", "query_string": b"", "client": None}
    for _ in range(4):
        asyncio.run(door.app(scope | {"headers": [(b"host", b"localhost")]}, receive, send))
    assert [message["type"] for message in sent] == ["websocket.close"] * 4


def test_the_numbers_are_settings() -> None:
    for name in ("sign_ins_per_minute", "requests_per_minute", "strangers_per_minute"):
        assert Settings.model_fields[name].description
