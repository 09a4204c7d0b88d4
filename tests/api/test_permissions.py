"""Every role at every address: a matrix made from the application itself, and nothing that is not in the table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from doors import LOCAL, UNSIGNED, bearer, directory, key

from api.permissions import NEEDS as API_NEEDS
from api.permissions import Addresses
from dashboards.cache import Reader
from dashboards.permissions import NEEDS as PAGES_NEED
from dashboards.scenes import Claim, Scene
from gembascope.operations import operations
from gembascope.serving import build_app
from gembascope.sourcing import sourcing
from gembascope.taking_events import taking_events
from gembascope.workspace import LocalWorkspace
from kernel.access import OPEN, PERMISSIONS, SIGNED, Grant, Permission, Role
from kernel.clock import FixedClock
from kernel.identity.directory import Directory
from kernel.process import ProcessDefinition, write_process
from kernel.settings import load_settings
from kernel.warehouse import Warehouse

TENANT = "permissions"
NEEDS = API_NEEDS | PAGES_NEED
FILLED = {
    "process": "returns",
    "case_id": "1",
    "chain": "users",
    "package": "dash",
    "path": "x",
    "token": "x",
    "incident": "x",
    "run": "x",
    "rule": "x",
    "mute": "x",
    "message": "x",
    "source": "x",
    "entry": "x",
    "erasure": "x",
}


@pytest.fixture(scope="module")
def own_clock(clock: FixedClock) -> FixedClock:
    return FixedClock(clock.now())


@pytest.fixture(scope="module")
def people(own_clock: FixedClock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Directory]:
    with directory(tmp_path_factory.mktemp("people"), own_clock, TENANT) as opened:
        yield opened


@pytest.fixture(scope="module")
def app(
    warehouse: Warehouse, own_clock: FixedClock, people: Directory, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """The whole service, pages included, with three processes."""
    home = tmp_path_factory.mktemp("home")
    settings = load_settings(home=home, tenant=TENANT, host="192.0.2.1", allowed_hosts=("localhost",))
    opened = LocalWorkspace(settings, own_clock, warehouse)
    for name in ("returns", "orders", "invoices"):
        write_process(opened.views.processes.folder, ProcessDefinition(id=name, object_type=f"case:{name}"))
    known = operations(opened, people.state)
    scene = Scene("Scene", Claim.FOUND, "It was found.", "A rule found it.", "/map", "The map", ())
    reader = Reader(opened.views)
    with taking_events(opened, background=False) as live, sourcing(opened, live, people.state) as sourced:
        yield build_app(
            opened,
            settings,
            reader,
            people,
            local_token=LOCAL,
            live=live,
            source_work=sourced.work,
            sources=sourced.sources,
            working_on=known,
            scenes=[scene],
        )


def ask(app: Any, method: str, path: str, headers: dict[str, str]) -> httpx.Response:
    import asyncio

    async def asked() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
            return await client.request(method, path, headers=headers)

    return asyncio.run(asked())


def address(template: str) -> str:
    return re.sub(r"\{(\w+)(:path)?\}", lambda found: FILLED[found[1]], template)


def served(app: Any) -> set[tuple[str, str]]:
    """Every method and address that the application answers, mounts and included routers too."""
    found: set[tuple[str, str]] = set()
    for path, methods in app.openapi()["paths"].items():
        found |= {(method.upper(), path) for method in methods}
    for route in app.router.routes:
        methods = getattr(route, "methods", None)
        if methods is not None:
            found |= {(method, route.path) for method in methods if method != "HEAD"}
        elif hasattr(route, "path"):
            found.add(("GET", f"{route.path}/{{path:path}}"))
    return found


def test_the_table_has_every_address_that_is_served_and_no_other(app: Any) -> None:
    plain = {(method, re.sub(r"\{\w+(:path)?\}", "{}", path)) for method, path in NEEDS}
    assert {(method, re.sub(r"\{\w+(:path)?\}", "{}", path)) for method, path in served(app)} == plain


@pytest.mark.parametrize("role", list(Role))
def test_each_role_is_let_in_where_the_table_says(app: Any, people: Directory, role: Role) -> None:
    shown = bearer(key(people, role))
    for (method, path), need in NEEDS.items():
        answer = ask(app, method, address(path), shown)
        if need is SIGNED:  # whoever they are: what they send is not signed
            assert (answer.status_code, "www-authenticate" in answer.headers) == (UNSIGNED[path], False)
            continue
        allowed = need is OPEN or need in PERMISSIONS[role]
        assert (answer.status_code not in (401, 403)) is allowed, (method, path, answer.text)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        bearer("another"),
        bearer(""),
        {"Authorization": f"Basic {LOCAL}"},
        {"Authorization": LOCAL},
        {"cookie": "gembascope_session=another"},
    ],
    ids=str,
)
def test_whoever_shows_nothing_right_is_let_in_nowhere(app: Any, headers: dict[str, str]) -> None:
    for (method, path), need in NEEDS.items():
        answer = ask(app, method, address(path), headers)
        page = method == "GET" and not path.startswith(("/api", "/_", "/metrics")) and "Authorization" not in headers
        expected = UNSIGNED[path] if need is SIGNED else 303 if page else 401
        assert need is OPEN or answer.status_code == expected, (method, path)


def test_expired_and_revoked_keys_are_let_in_nowhere(app: Any, people: Directory, own_clock: FixedClock) -> None:
    revoked, _ = people.keys.create("r", [Grant(Role.ADMIN)], life=timedelta(days=9), by="test")
    shown = [key(people, Role.ADMIN)]
    people.keys.revoke(revoked.key_id, by="test")
    own_clock.at += timedelta(days=1)
    for text in shown:
        assert ask(app, "GET", "/api/v1/processes", bearer(text)).status_code == 401


def test_what_is_in_no_table_is_there_for_nobody(app: Any) -> None:
    for method, path in (
        ("GET", "/api/v1/nothing"),
        ("GET", "/nothing"),
        ("DELETE", "/api/v1/processes"),
        ("PUT", "/"),
    ):
        listed = Addresses(NEEDS).is_one(path)
        assert ask(app, method, path, bearer(LOCAL)).status_code == (405 if listed else 404)
        assert ask(app, method, path, {}).status_code in (303, 401)


def test_of_a_process_that_one_may_not_read_nothing_is_told(app: Any, people: Directory) -> None:
    shown = bearer(key(people, Grant(Role.ANALYST, "returns"), Grant(Role.ANALYST, "orders", "Köln")))
    assert [found["process"] for found in ask(app, "GET", "/api/v1/processes", shown).json()["processes"]] == [
        "returns"
    ]
    for (method, path), need in NEEDS.items():
        if "{process}" not in path or need not in PERMISSIONS[Role.ANALYST]:
            continue
        there = ask(app, method, address(path.replace("{process}", "invoices")), shown)
        absent = ask(app, method, address(path.replace("{process}", "nothing")), shown)
        assert there.status_code == absent.status_code == 404
        assert there.content == absent.content
    limited = ask(app, "GET", "/api/v1/processes/orders/log", shown)  # of one store only
    assert limited.status_code == 404
    assert "invoices" not in limited.text
    assert ask(app, "GET", "/api/v1/processes/returns/log", shown).status_code == 200


def test_a_websocket_needs_the_same(app: Any) -> None:
    import asyncio

    def closed(headers: list[tuple[bytes, bytes]]) -> Any:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        async def receive() -> Any:
            return {"type": "websocket.connect"}

        scope = {
            "type": "websocket",
            "scheme": "ws",
            "path": "/_dash-ws-callback",
            "query_string": b"",
            "headers": [(b"host", b"localhost"), *headers],
        }
        asyncio.run(app(scope, receive, send))
        return sent[0]

    assert closed([])["type"] == "websocket.close"
    assert closed([(b"authorization", b"Bearer " + LOCAL.encode()), (b"origin", b"http://elsewhere.example")])[
        "type"
    ].startswith("websocket.")


def test_an_address_that_was_forgotten_in_the_table_is_there_for_nobody(app: Any) -> None:
    async def forgotten() -> str:
        raise AssertionError("let in")

    for path in ("/forgotten", "/api/v1/forgotten"):
        app.add_api_route(path, forgotten)
        try:
            assert ask(app, "GET", path, bearer(LOCAL)).status_code == 404
        finally:
            app.router.routes.pop()


@pytest.mark.parametrize(
    ("method", "path", "found"),
    [
        ("HEAD", "/healthz", (OPEN, "")),
        ("GET", "/api/v1/processes/p/cases/a/b", (Permission.READ, "p")),
        ("GET", "/api/v1/processes/p/cases", (Permission.READ, "p")),
        ("GET", "/api/v1/processes/p/q/cases", None),
        ("POST", "/api/v1/processes", None),
        ("GET", "/API/v1/processes", None),
    ],
)
def test_an_address_is_matched_whole(method: str, path: str, found: Any) -> None:
    assert Addresses(NEEDS).need(method, path) == found


def test_loopback_is_told_from_every_other_address(tmp_path: Path) -> None:
    assert load_settings(home=tmp_path, host="localhost").on_loopback
    assert not load_settings(home=tmp_path, host="0.0.0.0").on_loopback
    assert load_settings(home=tmp_path).for_this_machine
    assert not load_settings(home=tmp_path, behind_tls=True).for_this_machine  # others come by whoever ends the TLS
    assert not load_settings(home=tmp_path, allowed_hosts=("ops.example",)).for_this_machine
    assert not load_settings(home=tmp_path, host="shop.example").on_loopback
