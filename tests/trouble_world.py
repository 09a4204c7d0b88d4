"""Stuck refunds at a service in this process: the demo's returns, its shop and its engine, on a clock that stands."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from doors import CHEAP, LOCAL

from api.visitors import COOKIE, CSRF_COOKIE, CSRF_HEADER, csrf_token
from dashboards.cache import Reader
from gembascope.background import Background
from gembascope.demo.history import END, ORDER_TO_CASH, Retailer, load_retailer, load_returns
from gembascope.demo.world import TAKEN, DemoWorld
from gembascope.operations import Operations, operations
from gembascope.serving import build_app
from gembascope.taking_events import taking_events
from gembascope.workspace import LocalWorkspace
from ingest.live import LiveIngest
from kernel.access import Grant
from kernel.clock import FixedClock
from kernel.identity.directory import Directory
from kernel.settings import load_settings
from kernel.warehouse import Warehouse
from orchestration_hooks.worker import Worker
from simulator.return_to_refund import ReturnsLog, return_to_refund

ADDRESS = "http://localhost"
Place = dict[str, Any]


@dataclass(frozen=True)
class Door:
    """Who asks, and what they show: a session with its CSRF token unless `csrf` is false, a key, or nothing."""

    session: str | None = None
    key: str | None = None
    csrf: bool = True
    origin: str | None = None

    def headers(self) -> dict[str, str]:
        found = {"origin": self.origin} if self.origin is not None else {}
        if self.key is not None:
            found["authorization"] = f"Bearer {self.key}"
        if self.session is not None:
            token = csrf_token(self.session)
            found["cookie"] = f"{COOKIE}={self.session}; {CSRF_COOKIE}={token}"
            if self.csrf:
                found[CSRF_HEADER] = token
        return found


@dataclass(frozen=True)
class Trouble:
    """The service, what works behind it, and the world around it."""

    app: Any
    people: Directory
    known: Operations
    live: LiveIngest
    background: Background
    world: DemoWorld
    clock: FixedClock
    made: ReturnsLog
    folder: Path

    def person(self, name: str, *grants: Grant) -> Door:
        """Somebody with these grants, signed in."""
        user, _ = self.people.users.add(name, grants, by="test")
        return Door(self.people.sessions.open(user.user_id))

    def goes_on(self, by: timedelta = timedelta(minutes=1)) -> None:
        """Time passes: the shop tells, what came is loaded, trouble is looked for, and runs move."""
        self.clock.at += by
        self.world.tell(self.live)
        self.live.drain()
        self.background.turn(self.clock.at.timestamp())
        Worker(self.known.engine, name="test").run_due()

    def incident(self) -> str:
        """The incident of the step that did not happen."""
        [found] = [line for line in self.known.desk.lasting() if line.incident.kind.value == "missing_event"]
        return found.incident.id

    def taken(self) -> int:
        """How many triggers the engine took."""
        with closing(sqlite3.connect(self.folder / TAKEN)) as kept:
            return int(kept.execute("SELECT count(*) FROM triggers").fetchone()[0])

    def press(self, door: Door, output: str, pressed: Place, given: dict[str, Any]) -> httpx.Response:
        """A button is pressed on a page, as the browser tells it: `pressed` is its id and property, `given` what other
        places of the callback hold."""
        name = next(found for found in self.app.state.dash.callback_map if output in found)
        listed = self.app.state.dash.callback_map[name]

        def filled(place: Place) -> Any:
            if place["id"].startswith("{"):
                mine = isinstance(pressed["id"], dict) and json.loads(place["id"])["type"] == pressed["id"]["type"]
                return [{**pressed, "value": 1}] if mine else []
            if place["id"] == pressed["id"]:
                return {**place, "value": 1}
            return {**place, "value": given.get(f"{place['id']}.{place['property']}")}

        identity = pressed["id"]
        shown = identity if isinstance(identity, str) else json.dumps(identity, sort_keys=True, separators=(",", ":"))
        parts = [part.rpartition(".") for part in name.strip(".").split("...")]
        body = {
            "output": name,
            "outputs": [{"id": part[0], "property": part[2]} for part in parts],
            "inputs": [filled(place) for place in listed["inputs"]],
            "state": [filled(place) for place in listed["state"]],
            "changedPropIds": [f"{shown}.{pressed['property']}"],
        }
        return asyncio.run(self._post(door, body))

    async def _post(self, door: Door, body: dict[str, Any]) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=ADDRESS) as client:
            return await client.post("/_dash-update-component", json=body, headers=door.headers())


@contextmanager
def trouble(warehouse: Warehouse, home: Path, tenant: str) -> Iterator[Trouble]:
    """A small log of returns of which some refunds are stuck, loaded and served; the engine listens. Each time it is a
    tenant of its own: what rules found of one is in the warehouse, which tests share, and its incidents are not."""
    tenant = f"{tenant}-{uuid4().hex[:8]}"
    with ExitStack() as stack:
        clock = FixedClock(END)
        settings = load_settings(home=home, tenant=tenant)
        made = return_to_refund(end=END, per_day=5)
        world = DemoWorld(settings, clock, made.plan)
        stack.enter_context(world.listening())
        settings = settings.model_copy(update={"egress_hosts": (world.host,)})
        opened = LocalWorkspace(settings, clock, warehouse)
        few = Retailer(orders_per_day=4, days=4, days_to_come=0)
        load_retailer(opened, settings, few, processes=[ORDER_TO_CASH])
        load_returns(opened, settings, made)
        world.define()
        people = stack.enter_context(Directory(settings, clock, CHEAP))
        known = operations(opened, people.state, address=ADDRESS, machine_clock=clock)
        background = Background(known)
        live = stack.enter_context(taking_events(opened, background=False, on_loaded=[background.noticed]))
        app = build_app(opened, settings, Reader(opened.views), people, local_token=LOCAL, live=live, working_on=known)
        folder = home / "tenants" / tenant
        yield Trouble(app, people, known, live, background, world, clock, made, folder)
