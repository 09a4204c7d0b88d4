"""A cluster of Kafka: the one that its library has built in, on loopback."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from collecting import SECRETS
from confluent_kafka import Consumer, Producer, TopicPartition

from ingest.collectors.broker_settings import KafkaSettings
from ingest.collectors.kafka import KafkaCollector


class Cluster:
    def __init__(self) -> None:
        configuration = {"bootstrap.servers": "mock", "test.mock.num.brokers": 1}
        self.producer = Producer(configuration, logger=logging.getLogger("mock"))
        brokers = self.producer.list_topics(timeout=10).brokers.values()
        self.brokers = [f"{one.host}:{one.port}" for one in brokers]

    def produce(self, topic: str, bodies: Iterable[bytes]) -> None:
        for body in bodies:
            self.producer.produce(topic, body)
        assert self.producer.flush(10) == 0

    def publish(self, topic: str, numbers: range, **more: Any) -> None:
        for n in numbers:
            self.producer.produce(topic, f'{{"n": {n}}}'.encode(), partition=n % 4, **more)
        assert self.producer.flush(10) == 0

    def committed(self, topic: str) -> list[int]:
        configuration = {"bootstrap.servers": self.brokers[0], "group.id": topic}
        consumer = Consumer(configuration, logger=logging.getLogger("mock"))
        try:
            found = consumer.committed([TopicPartition(topic, n) for n in range(4)], 10)
        finally:
            consumer.close()
        return [one.offset for one in found]

    def settings(self, topic: str, **changes: Any) -> KafkaSettings:
        plain: dict[str, Any] = {"kind": "kafka", "brokers": self.brokers, "topics": [topic], "group": topic}
        return KafkaSettings.model_validate(plain | {"batch": 20, "linger_ms": 20, "session_timeout_s": 4} | changes)

    def collector(self, topic: str, **changes: Any) -> KafkaCollector:
        return KafkaCollector(self.settings(topic, **changes), SECRETS)
