"""A ClickHouse server of the tests' own, and clients of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from clickhouse_client import PASSWORD, connected
from clickhouse_server import Server, running_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("engine"), PASSWORD) as server:
        client = connected(server, database="default")
        client.command("CREATE DATABASE gembascope ENGINE = Atomic")
        client.close()
        yield server


@pytest.fixture
def client(server: Server) -> Iterator[Any]:
    client = connected(server)
    yield client
    client.close()


@pytest.fixture
def events(client: Any) -> str:
    """An empty table that counts every insert."""
    client.command("DROP TABLE IF EXISTS events SYNC")
    client.command("CREATE TABLE events (case_id String, position UInt32) ENGINE = MergeTree ORDER BY position")
    return "events"


@pytest.fixture
def remembering(client: Any, events: str) -> str:
    """The same, but it remembers the tokens of its inserts (and drops equal blocks that have none)."""
    client.command("ALTER TABLE events MODIFY SETTING non_replicated_deduplication_window = 100")
    return events
