"""Grants for some stores at the whole service: addresses, pages' callbacks, and what is remembered between people."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
import polars as pl
import pytest
from doors import LOCAL, UNSIGNED, bearer, directory, key
from logs import File, Told, frame, happened, object_frame, process

from api.permissions import NEEDS as API_NEEDS
from api.routes.events import FRAMES
from dashboards.cache import Reader
from gembascope.serving import build_app
from gembascope.workspace import LocalWorkspace
from kernel.access import ASKED_LATER, OPEN, PERMISSIONS, SIGNED, Grant, Permission, Principal, Role, acting_as, present
from kernel.clock import FixedClock
from kernel.errors import DefinitionError, NotAllowed, NotFound
from kernel.identity.directory import Directory
from kernel.process import write_process
from kernel.settings import load_settings
from kernel.warehouse import Warehouse
from mining.answers import ANSWERS
from mining.filters import EVERYTHING, CaseFilter
from mining.projection import refresh

KOELN = Grant(Role.ANALYST, "p", "Köln")
BONN = Grant(Role.ANALYST, "p", "Bonn")
STORES = {"k1": "Köln", "k2": "Köln", "k3": "Köln", "bonn-1": "Bonn", "bonn-2": "Bonn"}
PATHS = {"k1": "A B C", "k2": "A B", "k3": "A B C", "bonn-1": "A X C", "bonn-2": "A A A B C"}
DEFINITION = process(end=("C",), store="store", title="Returns")


@dataclass(frozen=True)
class Service:
    """One tenant's whole service."""

    app: Any
    people: Directory
    reader: Reader
    keys: dict[tuple[Grant, ...], str] = field(default_factory=dict)
    called: dict[tuple[str, tuple[Grant, ...]], Any] = field(default_factory=dict)

    def ask(self, path: str, *grants: Grant, method: str = "GET", **more: Any) -> httpx.Response:
        """Ask with a key that has these grants."""
        if grants not in self.keys:
            self.keys[grants] = key(self.people, *grants)
        return asyncio.run(self._ask(method, path, self.keys[grants], more))

    async def _ask(self, method: str, path: str, shown: str, more: dict[str, Any]) -> httpx.Response:
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, path, headers=bearer(shown), **more)

    def callback(self, name: str, values: dict[str, Any], *grants: Grant) -> Any:
        """What a callback of the pages answers; `values` by id and property, None where they say nothing."""
        listed = self.app.state.dash.callback_map[name]

        def filled(place: dict[str, Any]) -> Any:
            if place["id"].startswith("{"):
                return []
            return {**place, "value": values.get(f"{place['id']}.{place['property']}")}

        body = {
            "output": name,
            "outputs": _outputs(name),
            "inputs": [filled(place) for place in listed["inputs"]],
            "state": [filled(place) for place in listed["state"]],
            "changedPropIds": [f"{place['id']}.{place['property']}" for place in listed["inputs"]],
        }
        answer = self.ask("/_dash-update-component", *grants, method="POST", json=body)
        assert answer.status_code in (200, 204), answer.text
        return answer.json() if answer.content else None

    def of_page(self, name: str, values: dict[str, Any], *grants: Grant) -> Any:
        """As `callback`, which is not asked again what it is asked alike on another page."""
        listed = self.app.state.dash.callback_map[name]
        read = {f"{place['id']}.{place['property']}" for place in (*listed["inputs"], *listed["state"])}
        given = json.dumps([name, {place: value for place, value in values.items() if place in read}])
        if (given, grants) not in self.called:
            self.called[given, grants] = self.callback(name, values, *grants)
        return deepcopy(self.called[given, grants])


def _outputs(name: str) -> Any:
    if name.startswith(".."):
        return [_outputs(part) for part in name.strip(".").split("...")]
    identity, _, prop = name.rpartition(".")
    return {"id": identity, "property": prop}


@pytest.fixture(scope="module")
def services(
    warehouse: Warehouse, clock: FixedClock, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Service, Service]]:
    """The service of a log of two stores, and that of a log of one of them alone."""
    with ExitStack() as stack:
        yield (
            _service(warehouse, clock, "scopes-whole", set(PATHS), stack, tmp_path_factory),
            _service(warehouse, clock, "scopes-alone", {"k1", "k2", "k3"}, stack, tmp_path_factory),
        )


def _service(
    warehouse: Warehouse,
    clock: FixedClock,
    tenant: str,
    held: set[str],
    stack: ExitStack,
    folders: pytest.TempPathFactory,
) -> Service:
    rows = [
        happened(activity, f"{number * 60 + place * (number + 1)}m", name, source_event_id=f"{name} {place}")
        for number, (name, path) in enumerate(PATHS.items())
        for place, activity in enumerate(path.split())
        if name in held
    ]
    told = [Told(name, "store", store) for name, store in STORES.items() if name in held]
    told += [Told("bonn-1", "only bonn", "y")] if "bonn-1" in held else []
    File(warehouse, clock, tenant).step(frame(rows), object_frame(told))
    refresh(warehouse, clock, tenant, DEFINITION)
    settings = load_settings(home=folders.mktemp("home"), tenant=tenant, host="192.0.2.1", allowed_hosts=("localhost",))
    opened = LocalWorkspace(settings, clock, warehouse)
    write_process(opened.views.processes.folder, DEFINITION)
    write_process(opened.views.processes.folder, DEFINITION.model_copy(update={"id": "plain", "store": None}))
    people = stack.enter_context(directory(folders.mktemp("people"), clock, tenant))
    reader = Reader(opened.views)
    return Service(build_app(opened, settings, reader, people, local_token=LOCAL), people, reader)


def comparable(answer: httpx.Response) -> Any:
    if answer.headers["content-type"] == "application/json":
        return (answer.status_code, _without_ids(answer.json()))
    return (answer.status_code, answer.content if answer.status_code != 200 else len(answer.content) > 0)


def _without_ids(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_ids(held) for name, held in value.items() if name != "event_id"}
    return [_without_ids(held) for held in value] if isinstance(value, list) else value


ADDRESSES = [
    *(f"/api/v1/processes/p/{name}" for name in ANSWERS if name != "discover"),
    *(f"/api/v1/processes/p/{name}?activity=X" for name in ("log", "map", "events")),
    "/api/v1/processes/p/log?case_attr=only bonn=y",
    "/api/v1/processes/p/log?case_attr=store=Bonn",
    "/api/v1/processes/p/cases?order=case&limit=1",
    *(f"/api/v1/processes/p/cases/{name}" for name in (*PATHS, "nothing", "bonn")),
    "/api/v1/processes/p/export?kind=csv",
    "/api/v1/processes/p/export?kind=ocel-json&activity=X",
    *(f"/api/v1/processes/p/{name}" for name in FRAMES),
]


@pytest.mark.parametrize("path", ADDRESSES)
def test_an_address_answers_as_if_there_were_no_other_store(services: tuple[Service, Service], path: str) -> None:
    whole, alone = services
    found = whole.ask(path, KOELN)
    assert comparable(found) == comparable(alone.ask(path, Grant(Role.ANALYST)))
    assert "bonn" not in found.text.lower() or "bonn" in path
    if found.headers["content-type"] == "application/octet-stream":
        assert found.content == alone.ask(path, Grant(Role.ANALYST)).content


SEARCHES = ("?process=p", "?process=p&case=k1", "?process=p&case=bonn-1", "?process=p&case=nothing&activity=X")
VALUES: dict[str, Any] = {
    "filters-open.n_clicks": 1,
    "filters-apply.n_clicks": 1,
    "selected.data": {"kind": "activity", "activity": "B"},
    "map-key.data": [["?"], []],
    "grid.getRowsRequest": {"startRow": 0},
    "url.hash": "",
}


@pytest.mark.parametrize("search", SEARCHES)
def test_a_callback_answers_as_if_there_were_no_other_store(services: tuple[Service, Service], search: str) -> None:
    """Every callback that the service runs, through the real application: in its threads it is known who asks."""
    whole, alone = services
    asked = 0
    for name, listed in whole.app.state.dash.callback_map.items():
        if "callback" not in listed:  # the browser's own
            continue
        for path in ("/map", "/variants", "/cases", "/case"):
            values = VALUES | {"url.search": search, "url.pathname": path}
            found = whole.of_page(name, values, KOELN)
            expected = alone.of_page(name, values, Grant(Role.ANALYST))
            if name.startswith("..map-drawing.data"):
                found, expected = _without_version(found), _without_version(expected)
            if not name.startswith(("readiness", "..navigation", "..process")):
                assert found == expected, (name, path)
            if "bonn" not in search:
                assert "bonn" not in str(found).lower(), (name, path)
            asked += found is not None
    assert asked > 8


def _without_version(answer: Any) -> Any:
    if answer is not None and answer["response"].get("map-key", {}).get("data"):
        answer["response"]["map-key"]["data"][0][1] = "a version"
    return answer


def test_what_one_may_read_is_not_what_another_is_told(services: tuple[Service, Service]) -> None:
    """They ask the same in turn, each twice: once it is made, once it is remembered."""
    whole, _ = services
    everybody = {KOELN: "3", BONN: "2", Grant(Role.VIEWER): "5"}
    both = (Grant(Role.VIEWER, "p", "Köln"), Grant(Role.VIEWER, "p", "Bonn"))
    for _ in range(2):
        for grant, cases in everybody.items():
            for path in ("/cases", "/map"):
                head = whole.callback("head.children", {"url.search": "?process=p", "url.pathname": path}, grant)
                assert f"all {cases} cases" in str(head)
        head = whole.callback("head.children", {"url.search": "?process=p", "url.pathname": "/map"}, *both)
        assert "all 5 cases" in str(head)


def test_answers_made_beforehand_are_for_whoever_may_read_all(services: tuple[Service, Service]) -> None:
    reader = Reader(services[0].reader.views)
    assert present() is None
    reader.ask("p").summary()
    for stores, cases in ((("Köln",), 3), (("Bonn",), 2), (("Köln", "Bonn"), 5), (("",), 5), (("Essen",), 0)):
        grants = frozenset(Grant(Role.VIEWER, "p", store) for store in stores)
        with acting_as(Principal("scopes-whole", "user", "1", "ana", grants)):
            assert reader.ask("p").summary().cases == cases
            assert reader.ask("p").check() is None


@pytest.mark.parametrize(
    ("role", "scope"),
    [*((role, ("p", "Köln")) for role in Role), (Role.ANALYST, ("", "Köln")), (Role.ADMIN, ("", "Köln"))],
)
def test_each_role_with_one_store_at_every_address(
    services: tuple[Service, Service], role: Role, scope: tuple[str, str]
) -> None:
    whole, _ = services
    shown, grant = PERMISSIONS[role], Grant(role, *scope)
    for (method, template), need in API_NEEDS.items():
        path = template.replace("{case_id:path}", "k1").replace("/discover", "/log")
        path = path.replace("/export", "/export?kind=csv")
        if "{process}" in path:
            found = whole.ask(path.replace("{process}", "p"), grant, method=method)
            let_in = found.status_code not in (401, 403, 404)
            assert let_in is (need in shown), (path, found.text)
            absent = whole.ask(path.replace("{process}", "nothing"), grant, method=method)
            without = whole.ask(path.replace("{process}", "plain"), grant, method=method)
            assert (without.status_code, without.content) == (absent.status_code, absent.content)
            assert without.status_code == 404
        else:
            status = whole.ask(path, grant, method=method).status_code
            if need is SIGNED:
                assert status == UNSIGNED[template]
                continue
            asked_later = need in ASKED_LATER and need in shown  # of what one may not see, nothing is there
            assert (status not in (401, 403)) is (need is OPEN or asked_later), (path, status)
    listed = whole.ask("/api/v1/processes", grant).json()["processes"]
    assert [found["process"] for found in listed] == ["p"]


def test_whoever_reads_all_and_exports_one_store_is_told_so_much(services: tuple[Service, Service]) -> None:
    whole, alone = services
    grants = (Grant(Role.VIEWER), KOELN)
    assert whole.ask("/api/v1/processes/p/log", *grants).json()["cases"] == 5
    exported = whole.ask("/api/v1/processes/p/export?kind=csv", *grants)
    assert exported.content == alone.ask("/api/v1/processes/p/export?kind=csv", Grant(Role.ANALYST)).content
    for name in FRAMES:
        rows = pl.read_ipc_stream(whole.ask(f"/api/v1/processes/p/{name}", *grants).content)
        assert set(rows["case"]) == {"k1", "k2", "k3"}
    assert whole.ask("/api/v1/processes/p/log", Grant(Role.VIEWER)).json()["cases"] == 5
    assert whole.ask("/api/v1/processes/p/export?kind=csv", Grant(Role.VIEWER)).status_code == 403
    assert whole.ask("/api/v1/processes/plain/log", *grants).status_code == 200
    assert whole.ask("/api/v1/processes/plain/export?kind=csv", *grants).status_code == 403


def test_nobody_is_told_by_a_definition_that_is_wrong(services: tuple[Service, Service]) -> None:
    views = services[0].reader.views
    broken = views.processes.folder / "broken.yaml"
    broken.write_text("id: broken\nsecret: x\n", encoding="utf-8")
    try:
        assert not views.names_store("broken")
        with acting_as(Principal("scopes-whole", "user", "1", "ana", frozenset({Grant(Role.VIEWER, "", "Köln")}))):
            for name in ("broken", "nothing"):
                with pytest.raises(NotFound, match=f"no process '{name}'; none is loaded yet"):
                    views.view(name)
        with pytest.raises(DefinitionError):
            views.view("broken")
    finally:
        broken.unlink()


def test_a_view_of_what_may_not_be_done_is_refused(services: tuple[Service, Service]) -> None:
    views = services[0].reader.views
    with acting_as(Principal("scopes-whole", "user", "1", "ana", frozenset({Grant(Role.OPERATOR, "p", "Köln")}))):
        assert views.view("p", Permission.EXPORT).stores == frozenset({"Köln"})
        for permission in (Permission.LOAD, Permission.ACT, Permission.APPROVE, Permission.ADMINISTER):
            with pytest.raises(NotAllowed):
                views.view("p", permission)


def test_a_revoked_or_expired_key_of_one_store_is_let_in_nowhere(
    services: tuple[Service, Service], clock: FixedClock
) -> None:
    whole, _ = services
    made, shown = whole.people.keys.create("k", [KOELN], life=timedelta(days=1), by="test")
    path = "/api/v1/processes/p/log"
    assert asyncio.run(whole._ask("GET", path, shown, {})).json()["cases"] == 3
    clock.at += timedelta(days=1)
    try:
        assert asyncio.run(whole._ask("GET", path, shown, {})).status_code == 401
    finally:
        clock.at -= timedelta(days=1)
    whole.people.keys.revoke(made.key_id, by="test")
    assert asyncio.run(whole._ask("GET", path, shown, {})).status_code == 401


def test_the_selection_of_a_person_holds_besides_their_stores(services: tuple[Service, Service]) -> None:
    views = services[0].reader.views
    with acting_as(Principal("scopes-whole", "user", "1", "ana", frozenset({KOELN, BONN}))):
        view = views.view("p")
        held = view.parameters(CaseFilter(attributes=(("store", "Bonn"),)))
    assert held["attribute_values"] == [["Bonn"], ["Bonn", "Köln"]]
    assert views.view("p").parameters(EVERYTHING)["attribute_names"] == []
