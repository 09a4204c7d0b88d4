"""RabbitMQ: nothing is acknowledged before it is on disk, and nothing is lost, whatever happens in between."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any
from uuid import uuid4

import pika
import pytest
from collecting import SECRETS, collect, collect_in_process, needs, text_of
from cut_proxy import cutting
from inlets import MemoryInlet, failing_at_random, kept

from ingest.collectors.broker_settings import RabbitMqSettings
from ingest.collectors.rabbitmq import RabbitMqCollector
from ingest.collectors.supervisor import Supervisor
from ingest.sources.delivery import CollectorError, SourceStopped
from kernel.clock import SystemClock
from kernel.errors import SpoolFull

PORT = 5672
ACKNOWLEDGEMENT = b"\x00\x3c\x00\x50"  # basic.ack
MESSAGES = 200


class Queue:
    def __init__(self, channel: Any, name: str) -> None:
        self.channel, self.name = channel, name

    def publish(self, numbers: range, **more: Any) -> None:
        for n in numbers:
            properties = pika.BasicProperties(message_id=f"m{n}", delivery_mode=2, **more)
            self.channel.basic_publish("", self.name, f'{{"n": {n}}}'.encode(), properties)

    def waiting(self) -> int:
        return int(self.channel.queue_declare(self.name, passive=True).method.message_count)

    def settings(self, **changes: Any) -> RabbitMqSettings:
        plain: dict[str, Any] = {"kind": "rabbitmq", "host": "127.0.0.1", "password": "env:GUEST", "queue": self.name}
        return RabbitMqSettings.model_validate(plain | {"batch": 20, "prefetch": 40, "linger_ms": 30} | changes)

    def collector(self, **changes: Any) -> RabbitMqCollector:
        return RabbitMqCollector(self.settings(**changes), SECRETS, patience_s=0)


@contextmanager
def declared(**arguments: Any) -> Iterator[Queue]:
    needs(PORT, "RabbitMQ")
    name = f"gembascope_{uuid4().hex}"
    with pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", PORT)) as connection:
        channel = connection.channel()
        channel.queue_declare(name, durable=True, arguments=arguments)
        channel.confirm_delivery()
        try:
            yield Queue(channel, name)
        finally:
            channel.queue_delete(name)


@pytest.fixture
def queue() -> Iterator[Queue]:
    with declared() as found:
        yield found


def test_a_message_comes_with_its_key_and_headers(queue: Queue) -> None:
    queue.publish(range(1), content_type="application/json", headers={"X-Shop": "north", "tries": 3, "raw": b"\xff"})
    inlet = MemoryInlet()
    collect(queue.collector(), inlet, 1)
    delivery = inlet.taken[0]
    assert (delivery.body, delivery.key, delivery.unique_id) == (b'{"n": 0}', f"{queue.name}/m0", "")
    assert delivery.headers == {
        "content_type": "application/json",
        "message_id": "m0",
        "routing_key": queue.name,
        "x-shop": "north",
        "tries": "3",
        "raw": "/w==",
    }


def test_an_inlet_that_fails_at_random_loses_nothing_and_gets_it_again_only_when_it_failed(queue: Queue) -> None:
    queue.publish(range(MESSAGES))
    inlet = MemoryInlet(failing_at_random(3))
    errors = collect(queue.collector(), inlet, MESSAGES)
    assert "SpoolFull" in errors
    assert sorted(inlet.bodies) == sorted(f'{{"n": {n}}}' for n in range(MESSAGES))
    assert queue.waiting() == 0


def test_what_the_inlet_does_not_take_is_in_the_queue_as_before(queue: Queue) -> None:
    queue.publish(range(30))

    def full(_: int) -> None:
        raise SpoolFull("full")

    with pytest.raises(SpoolFull):
        queue.collector().run(MemoryInlet(full), Event())
    while queue.waiting() < 30:  # the broker notices a moment later that the connection is closed
        queue.channel.connection.process_data_events(0.01)
    inlet = MemoryInlet()
    collect(queue.collector(), inlet, 30)
    assert inlet.bodies == [f'{{"n": {n}}}' for n in range(30)]


@pytest.mark.parametrize("kill", ["before", "after"])
def test_a_process_that_is_killed_loses_nothing(queue: Queue, kill: str, tmp_path: Path) -> None:
    queue.publish(range(100))
    path, settings = tmp_path / "kept", text_of(queue.settings().model_dump())
    collect_in_process(settings, path, 100, kill, at=3)
    collect_in_process(settings, path, 100)
    batches = [[one["key"] for one in batch["deliveries"]] for batch in kept(path)]
    keys = [key for batch in batches for key in batch]
    assert set(keys) == {f"{queue.name}/m{n}" for n in range(100)}
    # Redelivered is at most what was taken and not yet acknowledged when it was killed: one batch.
    assert len(keys) - 100 == (len(batches[2]) if kill == "after" else 0)
    assert queue.waiting() == 0


def test_a_connection_that_is_cut_before_an_acknowledgement_gives_a_redelivery(queue: Queue) -> None:
    queue.publish(range(60))
    inlet = MemoryInlet()
    with cutting(PORT, ACKNOWLEDGEMENT, at=2) as cutter:
        # No more is on its way than one batch: all cannot have come before the end of the connection is noticed.
        errors = collect(queue.collector(port=cutter.port, prefetch=20), inlet, 60)
        assert cutter.cuts == 1
    assert errors == ["CollectorError"]
    # The second batch comes again, and what else was taken before the end of the connection was noticed.
    times = Counter(one.key for one in inlet.taken)
    assert {times[one.key] for one in inlet.batches[0]} == {1}
    assert {times[one.key] for one in inlet.batches[1]} == {2}
    assert max(times.values()) == 2
    assert queue.waiting() == 0


def test_heartbeats_go_on_while_the_inlet_takes_its_time(queue: Queue) -> None:
    """The broker closes a connection after two heartbeats that did not come."""
    queue.publish(range(3))
    inlet = MemoryInlet(lambda take: time.sleep(3.5 if take == 1 else 0))
    assert collect(queue.collector(heartbeat_s=1), inlet, 3) == []
    assert len(inlet.taken) == 3


def test_a_queue_is_made_only_where_that_is_asked_for(queue: Queue) -> None:
    with pytest.raises(CollectorError, match="404"):
        queue.collector(queue="gembascope_not_there").run(MemoryInlet(), Event())
    other = f"{queue.name}_made"
    stopping = Event()
    stopping.set()
    queue.collector(queue=other, declare=True).run(MemoryInlet(), stopping)
    assert queue.channel.queue_delete(other).method.message_count == 0


def test_what_goes_wrong_says_so_and_holds_no_secret(queue: Queue) -> None:
    with pytest.raises(CollectorError, match="refused user 'nobody'") as refused:
        queue.collector(user="nobody").run(MemoryInlet(), Event())
    assert "guest" not in str(refused.value)
    with pytest.raises(CollectorError, match=r"does not answer|cannot be reached"):
        queue.collector(port=1).run(MemoryInlet(), Event())


def test_a_queue_that_is_deleted_is_told(queue: Queue) -> None:
    queue.publish(range(1))

    def gone(_: int) -> None:
        queue.channel.queue_delete(queue.name)

    with pytest.raises(CollectorError, match="deleted"):
        queue.collector().run(MemoryInlet(gone), Event())
    queue.channel.queue_declare(queue.name, durable=True)


def test_a_queue_that_counts_deliveries_loses_nothing_while_its_source_is_stopped() -> None:
    """Quorum queues throw away what came back too often. A stopped source is asked about again and again, and its queue
    is left alone."""
    with declared(**{"x-queue-type": "quorum", "x-delivery-limit": 3}) as queue:
        queue.publish(range(10))
        stopped, asked = [True], [0]

        def closed() -> str:
            asked[0] += 1
            if asked[0] == 1:  # it is stopped while the collector runs
                return ""
            if asked[0] == 12:
                stopped[0] = False
            return "it was stopped" if stopped[0] else ""

        def refusing(_: int) -> None:
            if stopped[0]:
                raise SourceStopped("it was stopped")

        inlet, there = MemoryInlet(refusing), Event()
        inlet.until, inlet.closed = (10, there), closed  # type: ignore[method-assign]
        supervisor = Supervisor([(inlet, queue.collector())], SystemClock(), waiting=lambda event, _: event.wait(0.05))
        supervisor.start()
        try:
            assert there.wait(20)
        finally:
            assert supervisor.stop() == []
        assert sorted(inlet.bodies) == sorted(f'{{"n": {n}}}' for n in range(10))
        assert inlet.takes - len(inlet.batches) == 1, "it went back once"
