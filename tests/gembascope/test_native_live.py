"""What the systems of the simulated retailer hand out, sent live through the collectors that such systems have: signed
webhooks, CloudEvents, OTLP, queues, streams, topics, polled tables and watched folders. It gives the warehouse of the
OCEL export of these days."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import nats
import pika
import pytest
import yaml
from collecting import needs
from doors import LOCAL, bearer, directory
from kafka_cluster import Cluster
from native_cloudevents import SENDING, requests
from native_deliveries import PACKS, of_system
from native_packs import of_data, of_rows
from native_tables import TABLES as POLLED
from native_tables import Tables, tables
from running_api import running
from same_warehouse import TABLES, content, loaded, same, simulated
from signed_webhooks import SECRETS, signed

from dashboards.cache import Reader
from gembascope.serving import build_app
from gembascope.sourcing import Sourcing, sourcing
from gembascope.taking_events import taking_events
from gembascope.workspace import LocalWorkspace
from ingest.live import LiveIngest
from kernel.clock import FixedClock, SystemClock
from kernel.settings import load_settings
from kernel.warehouse import Warehouse
from simulator.faults.scenario import Scenario

NAME = f"native-{uuid4().hex[:10]}"
SHOP_HEADERS = ("x-shop-topic", "x-shop-event-id", "x-shop-triggered-at", "received-at")
QUEUED = ("ridge-express", "market-bazaar")
TOPIC = "pricing"
STREAMED = ("meadow-post", "harbor-parcel")
WAIT_S = 60.0


def collect(system: str, inbox: Path, cluster: Cluster, polled: Tables) -> dict[str, Any]:
    """How a system of the retailer is collected."""
    if system == "shop":
        return {"kind": "webhook", "style": "standard", "secrets": ["env:SHOP_SECRET"], "headers": list(SHOP_HEADERS)}
    if system == "payments":
        return {"kind": "webhook", "style": "stripe", "secrets": ["env:PAYMENTS_SECRET"]}
    if system == "bus":
        return {"kind": "otlp"}
    if system == SENDING:
        return {"kind": "cloudevents"}
    if system in POLLED:
        return polled.collect(system)
    if system in QUEUED:
        queue = {"queue": f"{NAME}-{system}", "declare": True, "linger_ms": 20}
        return {"kind": "rabbitmq", "host": "127.0.0.1", "password": "env:QUEUE_PASSWORD", **queue}
    if system in STREAMED:
        stream = {"stream": f"{NAME}-{system}", "durable": "gembascope"}
        return {"kind": "nats", "host": "127.0.0.1", **stream}
    if system == TOPIC:
        return {"kind": "kafka", "brokers": cluster.brokers, "topics": [TOPIC], "group": NAME, "linger_ms": 20}
    per = "line" if system in ("n8n", "temporal") else "file"
    return {"kind": "folder", "path": str(inbox / system), "per": per, "stable_s": 0.1, "poll_s": 0.1}


class Retailer:
    """The systems, each telling all that it told in these days."""

    def __init__(self, native: Path, inbox: Path, url: str, cluster: Cluster, polled: Tables) -> None:
        self._native, self._inbox, self._url, self._cluster, self._polled = native, inbox, url, cluster, polled
        self.systems = sorted(path.name for path in native.iterdir())

    def tell(self) -> None:
        for system in self.systems:
            if system in ("shop", "payments"):
                self._send_webhooks(system)
            elif system == "bus":
                self._export()
            elif system == SENDING:
                self._send_cloudevents(system)
            elif system in POLLED:
                self._polled.add(system, self._native / system)
            elif system in QUEUED:
                self._publish(system)
            elif system == TOPIC:
                self._cluster.produce(TOPIC, [one.body for one in of_system(self._native / system)])
            elif system not in STREAMED:
                self._put(system)

    def _send_webhooks(self, system: str) -> None:
        style = "standard" if system == "shop" else "stripe"
        with httpx.Client(base_url=self._url, trust_env=False) as client:
            for number, one in enumerate(of_system(self._native / system)):
                told = signed(style, SECRETS[style], one.body, datetime.now(timezone.utc), f"m-{number}")
                headers = dict(told) | dict(one.headers)
                answer = client.post(f"/api/v1/hooks/{system}", content=one.body, headers=headers)
                assert (answer.status_code, answer.json()["quarantined"]) == (202, 0), answer.text

    def _export(self) -> None:
        headers = bearer(LOCAL) | {"content-type": "application/json"}
        with httpx.Client(base_url=self._url, trust_env=False, headers=headers) as client:
            for path in sorted((self._native / "bus").rglob("*.jsonl")):
                for request in path.read_bytes().splitlines():
                    answer = client.post("/otlp/bus/v1/traces", content=request)
                    assert (answer.status_code, answer.json()) == (200, {})

    def _send_cloudevents(self, system: str) -> None:
        with httpx.Client(base_url=self._url, trust_env=False, headers=bearer(LOCAL)) as client:
            for one in requests(self._native / system):
                answer = client.post(f"/api/v1/sources/{system}/cloudevents", content=one.body, headers=one.headers)
                assert (answer.status_code, answer.json()["accepted"]) == (202, one.events), answer.text

    def _publish(self, system: str) -> None:
        connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1"))
        channel = connection.channel()
        channel.queue_declare(f"{NAME}-{system}", durable=True)
        for one in of_system(self._native / system):
            channel.basic_publish("", f"{NAME}-{system}", one.body)
        connection.close()

    def _put(self, system: str) -> None:
        folder = self._native / system
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            name = "-".join(path.relative_to(folder).parts)
            shutil.copy(path, self._inbox / system / f".{name}.part")
            (self._inbox / system / f".{name}.part").rename(self._inbox / system / name)


async def stream(native: Path, system: str) -> None:
    """Into a stream of JetStream that is there before its collector."""
    connection = await nats.connect("nats://127.0.0.1:4222")
    jetstream = connection.jetstream()
    await jetstream.add_stream(name=f"{NAME}-{system}", subjects=[f"{NAME}.{system}"])
    for one in of_system(native / system):
        await jetstream.publish(f"{NAME}.{system}", one.body)
    await connection.close()


async def remove_streams() -> None:
    connection = await nats.connect("nats://127.0.0.1:4222")
    for system in STREAMED:
        await connection.jetstream().delete_stream(f"{NAME}-{system}")
    await connection.close()


@pytest.fixture
def brokers() -> Iterator[None]:
    import asyncio

    needs(5672, "RabbitMQ")
    needs(4222, "NATS")
    yield
    connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1"))
    for system in QUEUED:
        connection.channel().queue_delete(f"{NAME}-{system}")
    connection.close()
    asyncio.run(remove_streams())


def define(folder: Path, systems: list[str], how: Callable[[str], dict[str, Any]]) -> None:
    """The sources of a tenant, and packs of its own for those whose records come in another way than is shipped."""
    for kind in ("sources", "mappings"):
        (folder / kind).mkdir(parents=True)
    for system in systems:
        pack = PACKS.get(system, "sim-plain")
        definition = {"id": system, "pack": pack, "collect": how(system)}
        (folder / "sources" / f"{system}.yaml").write_text(yaml.safe_dump(definition))
        if system in POLLED or system == SENDING:
            own = of_rows(pack) if system in POLLED else of_data(pack)
            (folder / "mappings" / f"{pack}.yaml").write_text(yaml.safe_dump(own))


@contextmanager
def served(
    warehouse: Warehouse,
    clock: FixedClock,
    tenant: str,
    home: Path,
    systems: list[str],
    cluster: Cluster,
    polled: Tables,
) -> Iterator[tuple[str, LiveIngest, Sourcing]]:
    """A service that collects from all systems."""
    reached = ("127.0.0.1:5672", "127.0.0.1:4222", *cluster.brokers, *polled.reached)
    settings = load_settings(home=home, tenant=tenant, egress_hosts=reached)
    define(home / "tenants" / tenant, systems, lambda system: collect(system, home / "inbox", cluster, polled))
    for system in systems:
        (home / "inbox" / system).mkdir(parents=True)
    opened = LocalWorkspace(settings, SystemClock(), warehouse)
    with (
        directory(home / "people", clock, tenant) as people,
        taking_events(opened, background=False) as live,
        sourcing(opened, live, people.state, fetch=True) as sourced,
    ):
        app = build_app(
            opened, settings, Reader(opened.views), people, local_token=LOCAL, live=live, sources=sourced.sources
        )
        with running(app) as url:
            yield url, live, sourced


def settled(live: LiveIngest, sourced: Sourcing, events: int) -> Mapping[str, tuple[int, int]]:
    """Load until so many events are stored, or it was waited too long; what each source has stored and quarantined."""
    deadline = time.monotonic() + WAIT_S
    while True:
        live.drain()
        accounts = {one.source: one for one in live.spool.accounts(sourced.sources.tenant)}
        assert all(one.missing == 0 for one in accounts.values())
        if sum(one.stored for one in accounts.values()) >= events or time.monotonic() > deadline:
            return {name: (one.stored, one.quarantined) for name, one in accounts.items()}
        threading.Event().wait(0.2)


def test_all_systems_collected_live_give_the_warehouse_of_their_export(
    warehouse: Warehouse, clock: FixedClock, tenant: str, tmp_path: Path, brokers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    import asyncio

    monkeypatch.setenv("SHOP_SECRET", SECRETS["standard"])
    monkeypatch.setenv("PAYMENTS_SECRET", SECRETS["stripe"])
    monkeypatch.setenv("QUEUE_PASSWORD", "guest")
    world = simulated(tmp_path / "out", Scenario(id="nothing"), 2, 10)
    native, home = world.folder / "native", tmp_path / "home"
    systems = sorted(path.name for path in native.iterdir())
    for system in STREAMED:
        asyncio.run(stream(native, system))
    cluster = Cluster()
    with (
        tables(native) as polled,
        served(warehouse, clock, tenant, home, systems, cluster, polled) as (
            url,
            live,
            sourced,
        ),
    ):
        Retailer(native, home / "inbox", url, cluster, polled).tell()
        found = settled(live, sourced, world.told)
        standing = {one.source: (one.standing, one.why) for one in sourced.work.desk.health()}
        assert all(bad == 0 for _, bad in found.values()), found
        assert sum(stored for stored, _ in found.values()) == world.told, (found, standing)
        assert sourced.work.desk.unconserved() == []
    ocel = loaded(warehouse, clock, f"{tenant}-ocel", world.folder / "ocel2" / "log.json")
    assert len(ocel["events"]) == world.told
    same(content(warehouse, tenant), ocel)
    assert set(TABLES) == set(ocel)
    assert json.dumps(sorted(found)) == json.dumps(systems)
