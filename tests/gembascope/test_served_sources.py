"""A served home with sources of several kinds: a shop that sends signed webhooks, a queue, a database and a folder, all
collected by one service, which is killed on the way; every event is there once."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pika
import pytest
import sqlalchemy
import yaml
from collecting import needs
from packs import RULES
from running_service import asked, serving
from signed_webhooks import SECRETS, signed
from sqlalchemy.dialects import postgresql

from gembascope.service import find_service

NAME = f"gembascope-test-{uuid4().hex[:12]}"
AT = "2026-03-02T10:16:00Z"
PLAIN = {
    "id": "plain",
    "version": 1,
    "title": "Any system whose messages are events almost as they are",
    "rules": [
        {
            "name": "events",
            "events": [
                {
                    "id": "body.id",
                    "activity": "body.activity",
                    "occurred_at": "body.at",
                    "objects": [{"type": {"is": "order"}, "id": "body.order"}],
                }
            ],
        }
    ],
}
WAIT_S = 60.0


def message(number: int, activity: str) -> dict[str, Any]:
    return {"id": f"{activity}-{number}", "activity": activity, "at": AT, "order": f"O-{number}"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    found = tmp_path / "home"
    folder = found / "tenants" / "local"
    definitions: dict[str, dict[str, Any]] = {
        "mappings/shop": RULES,
        "mappings/plain": PLAIN,
        "sources/shop": {
            "pack": "plain",
            "collect": {"kind": "webhook", "style": "standard", "secrets": ["env:SHOP_SECRET"]},
        },
        "sources/queue": {
            "pack": "plain",
            "collect": {
                "kind": "rabbitmq", "host": "127.0.0.1", "password": "env:QUEUE_PASSWORD", "queue": NAME,
                "linger_ms": 50,
            },
        },
        "sources/orders-db": {
            "pack": "plain",
            "collect": {
                "kind": "sql", "dialect": "postgresql", "host": "127.0.0.1", "port": 5432, "user": "postgres",
                "database": "postgres", "table": NAME.replace("-", "_"),
                "watermark": {"column": "changed_at", "type": "timestamp"}, "key": ["id"], "poll_s": 0.5,
            },
        },
        "sources/exports": {
            "pack": "plain",
            "collect": {"kind": "folder", "path": str(found / "inbox"), "pattern": "*.jsonl",
                        "stable_s": 0.2, "poll_s": 0.2},
        },
        "sources/elsewhere": {
            "pack": "plain",
            "collect": {"kind": "rabbitmq", "host": "192.0.2.1", "password": "env:QUEUE_PASSWORD", "queue": "q"},
        },
    }  # fmt: skip
    for path, content in definitions.items():
        file = folder / f"{path}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(yaml.safe_dump({"id": file.stem, **content}))
    (found / "inbox").mkdir()
    return found


@pytest.fixture
def queue() -> Iterator[Any]:
    needs(5672, "RabbitMQ")
    connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1"))
    channel = connection.channel()
    channel.queue_declare(NAME, durable=True)
    yield channel
    channel.queue_delete(NAME)
    connection.close()


@pytest.fixture
def table() -> Iterator[sqlalchemy.Engine]:
    needs(5432, "PostgreSQL")
    engine = sqlalchemy.create_engine("postgresql+psycopg://postgres@127.0.0.1/postgres")
    name = NAME.replace("-", "_")
    with engine.begin() as connection:
        connection.exec_driver_sql(
            f'CREATE TABLE "{name}" (id text PRIMARY KEY, activity text, at text, "order" text, '
            "changed_at timestamptz DEFAULT now())"
        )
    yield engine
    with engine.begin() as connection:
        connection.exec_driver_sql(f'DROP TABLE "{name}"')
    engine.dispose()


class Senders:
    """What each system says of some orders."""

    def __init__(self, home: Path, url: str, queue: Any, engine: sqlalchemy.Engine) -> None:
        self._home, self._url, self._queue, self._engine = home, url, queue, engine

    def say(self, numbers: range) -> None:
        for number in numbers:
            body = json.dumps(message(number, "placed")).encode()
            headers = signed("standard", SECRETS["standard"], body, datetime.now(timezone.utc), f"m-{number}")
            sent = httpx.post(f"{self._url}/api/v1/hooks/shop", content=body, headers=dict(headers), trust_env=False)
            assert sent.status_code == 202, sent.text
            self._queue.basic_publish("", NAME, json.dumps(message(number, "paid")).encode())
        columns = (sqlalchemy.column(name) for name in ("id", "activity", "at", "order"))
        rows = [message(number, "posted") for number in numbers]
        new = postgresql.insert(sqlalchemy.table(NAME.replace("-", "_"), *columns)).on_conflict_do_nothing()
        with self._engine.begin() as connection:
            connection.execute(new, rows)
        lines = "".join(json.dumps(message(number, "shipped")) + "\n" for number in numbers)
        (self._home / "inbox" / f"{numbers.start}.jsonl").write_text(lines)


def until(home: Path, reached: Callable[[dict[str, dict[str, Any]]], bool]) -> dict[str, dict[str, Any]]:
    """How all sources are, once that is reached or was waited for too long."""
    deadline, service = time.monotonic() + WAIT_S, find_service(home)
    assert service is not None
    shown = {"Authorization": f"Bearer {service.token}"}
    while True:
        answer = httpx.get(f"{service.url}/api/v1/sources", headers=shown, trust_env=False, timeout=30).json()
        found = {one["source"]: one for one in answer["sources"]}
        assert all(one["missing"] == 0 for one in found.values())
        if reached(found) or time.monotonic() > deadline:
            return found
        time.sleep(0.3)


def metrics(home: Path) -> str:
    service = find_service(home)
    assert service is not None
    shown = {"Authorization": f"Bearer {service.token}"}
    return httpx.get(f"{service.url}/metrics", headers=shown, trust_env=False).text


def test_every_kind_of_source_is_collected_once_whatever_happens(
    home: Path, queue: Any, table: sqlalchemy.Engine
) -> None:
    known = {"SHOP_SECRET": SECRETS["standard"], "QUEUE_PASSWORD": "guest"}
    known["GEMBASCOPE_EGRESS_HOSTS"] = '["127.0.0.1:5672", "127.0.0.1:5432"]'
    names = ("shop", "queue", "orders-db", "exports")
    with serving(home, **known) as (url, process):
        Senders(home, url, queue, table).say(range(20))
        found = until(home, lambda now: all(now[name]["stored"] == 20 for name in names))
        assert {name: found[name]["stored"] for name in names} == dict.fromkeys(names, 20)
        assert found["elsewhere"]["standing"] == "waiting"
        assert "192.0.2.1:5672 is not listed in GEMBASCOPE_EGRESS_HOSTS" in found["elsewhere"]["why"]
        assert 'gembascope_events_stored_total{source="queue"} 20.0' in metrics(home)
        assert 'gembascope_events_missing{source="shop"} 0.0' in metrics(home)
        assert 'gembascope_collector_waiting{source="elsewhere"} 1.0' in metrics(home)
        forged = httpx.post(f"{url}/api/v1/hooks/shop", content=b"{}", trust_env=False)
        unknown = httpx.post(f"{url}/api/v1/hooks/nobody", content=b"{}", trust_env=False)
        assert (forged.status_code, unknown.status_code) == (401, 401)
        Senders(home, url, queue, table).say(range(20, 40))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    queue.basic_publish("", NAME, b"{poison")
    with serving(home, **known) as (url, _):
        Senders(home, url, queue, table).say(range(30, 60))  # ten of them once more
        found = until(home, lambda now: all(now[name]["stored"] == 60 for name in names))
        counted = {name: (found[name]["stored"], found[name]["quarantined"]) for name in names}
        assert counted == {"shop": (60, 0), "queue": (60, 1), "orders-db": (60, 0), "exports": (60, 0)}
        (entry,) = asked(home, "quarantine", "list", "--source", "queue")["entries"]
        assert entry["raw"] == "{poison"
