"""NATS JetStream: nothing is acknowledged before it is on disk, and nothing is lost, whatever happens in between."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from threading import Event
from typing import Any
from uuid import uuid4

import nats
import pytest
from collecting import SECRETS, collect, collect_in_process, needs, text_of
from cut_proxy import cutting
from inlets import MemoryInlet, failing_at_random, kept

from ingest.collectors.broker_settings import NatsSettings
from ingest.collectors.nats import NatsCollector
from ingest.sources.delivery import CollectorError

PORT = 4222


class Stream:
    def __init__(self) -> None:
        self.name = f"gembascope_{uuid4().hex}"

    def ask(self, work: Callable[[Any], Coroutine[Any, Any, Any]]) -> Any:
        async def connected() -> Any:
            connection = await nats.connect(f"nats://127.0.0.1:{PORT}", allow_reconnect=False)
            try:
                return await work(connection.jetstream())
            finally:
                await connection.close()

        return asyncio.run(connected())

    def publish(self, numbers: range, headers: dict[str, str] | None = None) -> None:
        async def work(stream: Any) -> None:
            for n in numbers:
                await stream.publish(f"{self.name}.new", f'{{"n": {n}}}'.encode(), headers=headers)

        self.ask(work)

    def unacknowledged(self) -> int:
        async def work(stream: Any) -> int:
            found = await stream.consumer_info(self.name, "gemba")
            return int(found.num_ack_pending + found.num_pending)

        return int(self.ask(work))

    def settings(self, **changes: Any) -> NatsSettings:
        plain: dict[str, Any] = {"kind": "nats", "host": "127.0.0.1", "stream": self.name, "durable": "gemba"}
        return NatsSettings.model_validate(plain | {"batch": 20, "linger_ms": 20, "ack_wait_s": 1} | changes)

    def collector(self, **changes: Any) -> NatsCollector:
        return NatsCollector(self.settings(**changes), SECRETS, patience_s=0)


@pytest.fixture
def stream() -> Iterator[Stream]:
    needs(PORT, "NATS")
    made = Stream()
    made.ask(lambda stream: stream.add_stream(name=made.name, subjects=[f"{made.name}.*"]))
    try:
        yield made
    finally:
        made.ask(lambda stream: stream.delete_stream(made.name))


def test_a_message_comes_with_its_key_and_headers_and_a_note_tells_what_may_be_lost(stream: Stream) -> None:
    stream.publish(range(1), {"X-Shop": "north"})
    inlet, collector = MemoryInlet(), stream.collector()
    collect(collector, inlet, 1)
    delivery = inlet.taken[0]
    assert (delivery.body, delivery.key, delivery.unique_id) == (b'{"n": 0}', f"{stream.name}/1", "")
    assert delivery.headers["x-shop"] == "north"
    assert delivery.headers["subject"] == f"{stream.name}.new"
    assert "sync_interval: always" in collector.notes.all()[0]


def test_an_inlet_that_fails_at_random_loses_nothing(stream: Stream) -> None:
    stream.publish(range(100))
    inlet = MemoryInlet(failing_at_random(3, most=2))
    assert collect(stream.collector(), inlet, 100) == ["SpoolFull"] * 2
    assert sorted(inlet.bodies) == sorted(f'{{"n": {n}}}' for n in range(100))
    assert stream.unacknowledged() == 0


@pytest.mark.parametrize("kill", ["before", "after"])
def test_a_process_that_is_killed_loses_nothing(stream: Stream, kill: str, tmp_path: Path) -> None:
    stream.publish(range(60))
    path, settings = tmp_path / "kept", text_of(stream.settings().model_dump())
    collect_in_process(settings, path, 60, kill, at=2)
    collect_in_process(settings, path, 60)
    batches = [[one["key"] for one in batch["deliveries"]] for batch in kept(path)]
    keys = [key for batch in batches for key in batch]
    assert set(keys) == {f"{stream.name}/{n}" for n in range(1, 61)}
    # What was taken and not acknowledged came again, or will.
    assert len(keys) - 60 + stream.unacknowledged() == (len(batches[1]) if kill == "after" else 0)


def test_a_connection_that_is_cut_before_an_acknowledgement_gives_a_redelivery(stream: Stream) -> None:
    stream.publish(range(40))
    inlet = MemoryInlet()
    with cutting(PORT, b"PUB $JS.ACK") as cutter:
        errors = collect(stream.collector(port=cutter.port), inlet, 40)
        assert cutter.cuts == 1
        assert errors[0] == "CollectorError"
        while stream.unacknowledged():
            stopping = Event()
            inlet.until = len({one.key for one in inlet.taken}), stopping
            stream.collector().run(inlet, stopping)
    assert len(inlet.taken) == 40 + len(inlet.batches[0])


def test_nothing_goes_to_another_while_the_inlet_takes_longer_than_the_server_waits(stream: Stream) -> None:
    """Another process collects by the same consumer: it would get what is not acknowledged within a second."""
    stream.publish(range(3))
    stopping, other = Event(), MemoryInlet()
    second = threading.Thread(target=stream.collector().run, args=(other, stopping))

    def slow(_: int) -> None:
        second.start()
        time.sleep(2.5)

    inlet = MemoryInlet(slow)
    assert collect(stream.collector(), inlet, 3) == []
    stopping.set()
    second.join()
    assert (len(inlet.taken), len(other.taken)) == (3, 0)


def test_what_goes_wrong_says_so(stream: Stream) -> None:
    with pytest.raises(CollectorError, match="has no stream"):
        stream.collector(stream="gembascope_not_there").run(MemoryInlet(), Event())
    with pytest.raises(CollectorError, match="has no consumer"):
        stream.collector(declare=False).run(MemoryInlet(), Event())
    with pytest.raises(CollectorError, match=r"does not answer|cannot be reached"):
        stream.collector(port=1).run(MemoryInlet(), Event())
