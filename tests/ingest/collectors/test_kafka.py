"""Kafka: offsets are committed after messages are on disk. On the mock cluster that the library has built in, whose
groups wait three seconds before they begin."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from collecting import SECRETS, collect, collect_in_process, text_of
from inlets import MemoryInlet, kept
from kafka_cluster import Cluster
from pydantic import ValidationError

from ingest.collectors.kafka import KafkaCollector
from ingest.sources.delivery import CollectorError
from kernel.errors import SpoolFull


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    made = Cluster()
    yield made
    made.producer.close()


def test_an_inlet_that_fails_commits_nothing_and_what_it_did_not_take_comes_again(cluster: Cluster) -> None:
    cluster.publish("failing", range(60), key=b"k", headers=[("X-Shop", b"north"), ("none", None)])
    collector, states = cluster.collector("failing"), []

    def fail(take: int) -> None:
        states.append(cluster.committed("failing"))
        if take == 2:
            raise SpoolFull("full")

    inlet = MemoryInlet(fail)
    assert collect(collector, inlet, 60) == ["SpoolFull"]
    assert sorted(inlet.bodies) == sorted(f'{{"n": {n}}}' for n in range(60))
    assert states[0] == [-1001] * 4
    # The first commit covers the first batch and nothing of the second.
    assert sum(offset for offset in states[1] if offset > 0) == len(inlet.batches[0])
    assert states[2] == states[1]
    first = next(one for one in inlet.taken if one.key == "failing/0/0")
    assert first.headers == {"x-shop": "north", "none": "", "key": "k"}
    assert cluster.committed("failing") == [15] * 4


def test_a_process_that_is_killed_loses_nothing(cluster: Cluster, tmp_path: Path) -> None:
    topic = "killed"
    cluster.publish(topic, range(60))
    path, settings = tmp_path / "kept", text_of(cluster.settings(topic).model_dump())
    collect_in_process(settings, path, 60, "after", at=2)
    first, second = (len(batch["deliveries"]) for batch in kept(path))
    assert sum(offset for offset in cluster.committed(topic) if offset > 0) == first, "what it was killed after"
    collect_in_process(settings, path, 60)
    batches = [[one["key"] for one in batch["deliveries"]] for batch in kept(path)]
    keys = [key for batch in batches for key in batch]
    assert set(keys) == {f"{topic}/{n % 4}/{n // 4}" for n in range(60)}
    assert len(keys) - 60 <= second  # it ends when all is there, and may not have come to what it would get again


def test_partitions_that_another_member_gets_are_lost_to_nobody(cluster: Cluster) -> None:
    """Two members of a group; the second comes while the first is at work, and the group divides the partitions."""
    cluster.publish("shared", range(80))
    stopping, both = Event(), threading.Lock()
    seen: set[str] = set()

    def told(inlet: MemoryInlet) -> None:
        with both:
            seen.update(one.key for one in inlet.taken)
            if len(seen) == 120:
                stopping.set()

    def run(inlet: MemoryInlet) -> None:
        collector = cluster.collector("shared", batch=10)
        while not stopping.is_set():
            collector.run(inlet, stopping)

    class Telling(MemoryInlet):
        def take(self, deliveries: Any, place: str | None = None) -> Any:
            found = super().take(deliveries, place)
            told(self)
            return found

    inlets = [Telling(), Telling()]
    first = threading.Thread(target=run, args=(inlets[0],))
    first.start()
    while not seen:
        first.join(0.05)
    second = threading.Thread(target=run, args=(inlets[1],))
    second.start()
    first.join(3.5)
    cluster.publish("shared", range(80, 120))
    for thread in (first, second):
        thread.join(40)
    stopping.set()
    assert seen == {f"shared/{n % 4}/{n // 4}" for n in range(120)}
    assert inlets[1].taken


def test_what_goes_wrong_says_so_and_settings_are_what_they_may_be(cluster: Cluster) -> None:
    with pytest.raises(CollectorError, match="_ALL_BROKERS_DOWN"):
        cluster.collector("none", brokers=["127.0.0.1:1"]).run(MemoryInlet(), Event())
    for wrong in ({"topics": ["^any"]}, {"brokers": ["a:1,b"]}, {"plugin.library.paths": "x"}):
        with pytest.raises(ValidationError):
            cluster.settings("none", **wrong)
    sasl = {"mechanism": "SCRAM-SHA-512", "user": "u", "password": "env:GUEST"}
    found = KafkaCollector(cluster.settings("none", sasl=sasl, tls={}), SECRETS)._configuration()
    assert (found["security.protocol"], found["enable.auto.commit"]) == ("sasl_ssl", False)


def test_the_latest_is_what_it_was_when_the_group_began(cluster: Cluster) -> None:
    """Also when the first batch is not taken, and a message comes before it is tried again."""
    cluster.publish("latest", range(8))
    collector = cluster.collector("latest", start="latest")
    begun: list[list[int]] = []

    def fail(take: int) -> None:
        if take == 1:
            begun.append(cluster.committed("latest"))
            cluster.publish("latest", range(12, 16))
            raise SpoolFull("full")

    inlet, sent = MemoryInlet(fail), Event()

    def send() -> None:
        while min(cluster.committed("latest")) < 0:
            sent.wait(0.1)
        cluster.publish("latest", range(8, 12))
        sent.set()

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    assert collect(collector, inlet, 8) == ["SpoolFull"]
    sender.join(10)
    assert begun == [[2] * 4]
    assert sorted(inlet.bodies) == sorted(f'{{"n": {n}}}' for n in range(8, 16))
