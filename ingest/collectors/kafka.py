"""Messages out of topics of Kafka, as one member of a consumer group; offsets are committed once messages are on disk.

Nothing is committed by itself. Partitions that are taken away while a batch is gathered take their part of it with
them: whoever has them now begins at what was committed. A commit that fails because the group changed loses nothing
either: the same messages come again, here or there.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from threading import Event
from typing import Any

from confluent_kafka import OFFSET_INVALID, Consumer, KafkaError, KafkaException, Message, TopicPartition

from ingest.collectors.broker_settings import KafkaSettings
from ingest.collectors.headers import MOST_HEADERS, header_name, header_text
from ingest.collectors.notes import Notes, log
from ingest.sources.delivery import CollectorError, Delivery, Inlet
from kernel.secrets import Secrets

_ASK_S = 10.0
_STEP = 100
"""Messages asked for at once, so that a batch of large ones ends soon after its bytes are full."""
_MOVED = {
    KafkaError.ILLEGAL_GENERATION,
    KafkaError.UNKNOWN_MEMBER_ID,
    KafkaError.REBALANCE_IN_PROGRESS,
    KafkaError._ASSIGNMENT_LOST,
    KafkaError._NO_OFFSET,
}
"""The group changed while the batch was taken."""


class KafkaCollector:
    """Collects as one member of the group. Several processes may do so at once: the group divides the partitions."""

    alone = False

    def __init__(self, settings: KafkaSettings, secrets: Secrets) -> None:
        self.settings, self.notes = settings, Notes()
        self._secrets = secrets
        self._pending: list[Message[Any, Any]] = []
        self._failure: KafkaError | None = None

    def run(self, inlet: Inlet, stopping: Event) -> None:
        """Collect until `stopping` is set; see `Collector.run`. The library reconnects by itself, with pauses drawn by
        chance; what it calls fatal, or that nobody answers for a minute, is raised."""
        self.notes.source = inlet.source
        self._pending, self._failure = [], None
        try:
            consumer: Any = Consumer(self._configuration(), logger=log)
        except KafkaException as error:
            raise self._error(error.args[0]) from None
        try:
            consumer.subscribe(
                list(self.settings.topics), on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked
            )
            while not stopping.is_set():
                self._gather(consumer, stopping)
                if self._failure is not None:
                    raise self._error(self._failure)
                if batch := self._pending:
                    inlet.take([self._delivery(message) for message in batch])
                    self._pending = []
                    self._commit(consumer, batch)
        except KafkaException as error:
            raise self._error(error.args[0]) from None
        finally:
            self._pending = []
            consumer.close()

    def _configuration(self) -> dict[str, Any]:
        settings, secrets = self.settings, self._secrets
        found: dict[str, Any] = {
            "bootstrap.servers": ",".join(settings.brokers),
            "client.id": "gembascope",
            "group.id": settings.group,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",  # never "latest": what retention took would hide what came meanwhile
            "isolation.level": "read_committed",
            "session.timeout.ms": int(settings.session_timeout_s * 1000),
            "heartbeat.interval.ms": int(settings.session_timeout_s * 1000 / 10),
            "max.poll.interval.ms": int(settings.max_poll_interval_s * 1000),
            "queued.max.messages.kbytes": 16 << 10,
            "queued.min.messages": settings.batch,
            "reconnect.backoff.ms": 1_000,
            "reconnect.backoff.max.ms": 60_000,
            "error_cb": self._told,
        }
        tls, sasl = settings.tls, settings.sasl
        found["security.protocol"] = ("sasl_" if sasl else "") + ("ssl" if tls else "plaintext")
        if tls is not None:
            files = {"ca": tls.ca_file, "certificate": tls.certificate_file, "key": tls.key_file}
            found |= {f"ssl.{name}.location": str(path) for name, path in files.items() if path is not None}
            found["ssl.endpoint.identification.algorithm"] = "https"
            if tls.key_password is not None:
                found["ssl.key.password"] = secrets.get(tls.key_password)
        if sasl is not None:
            found |= {"sasl.mechanism": sasl.mechanism, "sasl.username": sasl.user}
            found["sasl.password"] = secrets.get(sasl.password)
        return found

    def _gather(self, consumer: Any, stopping: Event) -> None:
        """Fill `_pending`: wait a little for a first message, then for others until the batch is full or time is over.
        The callbacks below run within, and may take some of it out again."""
        settings = self.settings
        self._keep(consumer.consume(1, 0.2))
        until = time.monotonic() + settings.linger_ms / 1000
        while self._pending and not stopping.is_set() and self._failure is None:
            left = settings.batch - len(self._pending)
            left_s = until - time.monotonic()
            if left <= 0 or left_s <= 0 or sum(map(len, self._pending)) >= settings.batch_bytes:
                return
            self._keep(consumer.consume(min(left, _STEP), left_s))

    def _keep(self, messages: Iterable[Message[Any, Any]]) -> None:
        for message in messages:
            error = message.error()
            if error is None:
                self._pending.append(message)
            elif error.code() != KafkaError._PARTITION_EOF:
                raise KafkaException(error)

    def _assigned(self, consumer: Any, partitions: list[TopicPartition]) -> None:
        if self.settings.start == "latest":
            self._begin(consumer, sorted({one.topic for one in partitions}))
        for one in _committed(consumer, partitions):
            if one.offset >= 0:
                self._look_for_a_gap(consumer, one)
        for one in partitions:
            one.offset = OFFSET_INVALID  # what is committed, else the earliest
        consumer.assign(partitions)

    def _begin(self, consumer: Any, topics: list[str]) -> None:
        """Commit the ends of all partitions of a topic of which the group committed none, whoever they are assigned to.
        Only so what comes from now on is read, also after a failure before the first batch is taken. A partition that
        is added to a topic later begins with its earliest message."""
        for topic in topics:
            found = consumer.list_topics(topic, _ASK_S).topics[topic]
            if found.error is not None:
                raise KafkaException(found.error)
            partitions = [TopicPartition(topic, number) for number in found.partitions]
            # Before it is seen that nobody has begun: who begins at this moment too reads what came before that.
            ends = [consumer.get_watermark_offsets(one, _ASK_S)[1] for one in partitions]
            if any(one.offset >= 0 for one in _committed(consumer, partitions)):
                continue
            offsets = [TopicPartition(topic, one.partition, end) for one, end in zip(partitions, ends, strict=True)]
            for one in consumer.commit(offsets=offsets, asynchronous=False):
                if one.error is not None:
                    raise KafkaException(one.error)

    def _look_for_a_gap(self, consumer: Any, committed: TopicPartition) -> None:
        first, _ = consumer.get_watermark_offsets(committed, _ASK_S)
        where = f"{committed.topic}/{committed.partition}"
        if first > committed.offset:
            what = f"offsets {committed.offset} to {first - 1} of {where} were removed by Kafka before they were read"
            self.notes.set(f"gap of {where}", what)

    def _revoked(self, _: Any, partitions: list[TopicPartition]) -> None:
        gone = {(one.topic, one.partition) for one in partitions}
        self._pending = [one for one in self._pending if (one.topic(), one.partition()) not in gone]

    def _commit(self, consumer: Any, batch: list[Message[Any, Any]]) -> None:
        last: dict[tuple[str, int], int] = {}
        for message in batch:
            last[str(message.topic()), int(message.partition() or 0)] = int(message.offset() or 0) + 1
        offsets = [TopicPartition(topic, partition, offset) for (topic, partition), offset in last.items()]
        try:
            errors = [
                one.error for one in consumer.commit(offsets=offsets, asynchronous=False) if one.error is not None
            ]
        except KafkaException as error:
            errors = [error.args[0]]
        for one in errors:
            if one.code() not in _MOVED:
                raise KafkaException(one)
            log.info("source %s: the group changed; some messages come again", self.notes.source)

    def _told(self, error: KafkaError) -> None:
        if error.fatal() or error.code() in (KafkaError._ALL_BROKERS_DOWN, KafkaError._AUTHENTICATION):
            self._failure = error

    def _delivery(self, message: Message[Any, Any]) -> Delivery:
        headers = {
            header_name(name): header_text(value) for name, value in list(message.headers() or [])[:MOST_HEADERS]
        }
        key = message.key()
        if key is not None:
            headers["key"] = header_text(key)
        # A tombstone has no value: what it says is in its key.
        body = message.value() or b""
        if message.value() is None:
            headers["tombstone"] = "true"
        return Delivery(body, f"{message.topic()}/{message.partition()}/{message.offset()}", headers)

    def _error(self, error: KafkaError) -> CollectorError:
        return CollectorError(f"Kafka at {', '.join(self.settings.brokers)}: {error.name()}: {error.str()[:300]}")


def _committed(consumer: Any, partitions: list[TopicPartition]) -> list[TopicPartition]:
    """What the group committed of each; a negative offset where it never did."""
    found: list[TopicPartition] = consumer.committed(partitions, _ASK_S)
    for one in found:
        if one.error is not None:
            raise KafkaException(one.error)
    return found
