"""Messages out of a queue of RabbitMQ, acknowledged once they are on disk.

What comes is gathered until a batch is full or its time is over, handed to the inlet, and then acknowledged with one
multiple acknowledgement. While the inlet takes it, which may last, this thread goes on to serve the connection, so
heartbeats are answered. When the inlet does not take it nothing is acknowledged and the connection is closed: the
broker then puts all of it back where it was, in order. A negative acknowledgement would do that too, but the
same messages would come back at once, over and over; closed, the pause of whoever runs this is a pause for the
broker as well.
"""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from threading import Event
from typing import Any

import pika
from pika.exceptions import AMQPConnectionError, AMQPError, ChannelClosedByBroker
from pika.exceptions import ProbableAuthenticationError as RefusedCredentials

from ingest.collectors.broker_settings import RabbitMqSettings
from ingest.collectors.handing import PATIENCE_S, hand_over
from ingest.collectors.headers import MOST_HEADERS, header_name, header_text
from ingest.collectors.notes import Notes
from ingest.sources.delivery import CollectorError, Delivery, Inlet
from kernel.secrets import Secrets

_POLL_S = 0.2
"""How soon it is noticed that this should stop, seconds."""


class RabbitMqCollector:
    """Collects from one queue. Several processes may do so at once: the broker divides the messages among them."""

    alone = False

    def __init__(self, settings: RabbitMqSettings, secrets: Secrets, *, patience_s: float = PATIENCE_S) -> None:
        self.settings, self.notes = settings, Notes()
        self._secrets, self._patience_s = secrets, patience_s

    def run(self, inlet: Inlet, stopping: Event) -> None:
        """Collect until `stopping` is set; see `Collector.run`. Reconnecting is up to the caller, as is its pause."""
        self.notes.source = inlet.source
        with self._translated(), ThreadPoolExecutor(1, f"take-{inlet.source}") as taking:
            connection = pika.BlockingConnection(self._parameters())
            try:
                self._consume(connection, inlet, stopping, taking)
            finally:
                # What is unacknowledged goes back. If the broker is gone by now, what is raised already says so.
                with suppress(AMQPError):
                    if connection.is_open:
                        connection.close()

    def _parameters(self) -> Any:
        settings = self.settings
        tls = None if settings.tls is None else pika.SSLOptions(settings.tls.context(), settings.host)
        return pika.ConnectionParameters(
            host=settings.host,
            port=settings.port,
            virtual_host=settings.virtual_host,
            credentials=pika.PlainCredentials(
                settings.user, self._secrets.get(settings.password), erase_on_connect=True
            ),
            ssl_options=tls,
            heartbeat=settings.heartbeat_s,
            socket_timeout=10,
            stack_timeout=20,
            blocked_connection_timeout=60,
            client_properties={"connection_name": "gembascope"},
        )

    def _consume(self, connection: Any, inlet: Inlet, stopping: Event, taking: ThreadPoolExecutor) -> None:
        settings = self.settings
        channel = connection.channel()
        channel.queue_declare(settings.queue, passive=not settings.declare, durable=True)
        channel.basic_qos(prefetch_count=settings.prefetch)
        arrived: deque[tuple[int, Delivery]] = deque()
        cancelled: list[object] = []
        channel.add_on_cancel_callback(cancelled.append)
        channel.basic_consume(settings.queue, lambda _, *message: arrived.append(self._delivery(*message)))
        while not stopping.is_set():
            connection.process_data_events(_POLL_S)
            if arrived:
                self._gather(connection, arrived, stopping)
                batch = self._batch(arrived)
                self._take(connection, taking.submit(self._hand_over, inlet, [one for _, one in batch], stopping))
                # Of this channel all up to the last were taken, in the order in which they came.
                channel.basic_ack(batch[-1][0], multiple=True)
            if cancelled:
                raise CollectorError(f"queue {settings.queue!r} was deleted, or its node went, while it was consumed")

    def _gather(self, connection: Any, arrived: deque[tuple[int, Delivery]], stopping: Event) -> None:
        until = time.monotonic() + self.settings.linger_ms / 1000
        while len(arrived) < self.settings.batch and not stopping.is_set():
            left_s = until - time.monotonic()
            if left_s <= 0:
                return
            connection.process_data_events(min(left_s, _POLL_S))

    def _batch(self, arrived: deque[tuple[int, Delivery]]) -> list[tuple[int, Delivery]]:
        """What is handed over next: at least one message, however large."""
        batch = [arrived.popleft()]
        size = len(batch[0][1].body)
        while arrived and len(batch) < self.settings.batch:
            size += len(arrived[0][1].body)
            if size > self.settings.batch_bytes:
                break
            batch.append(arrived.popleft())
        return batch

    def _hand_over(self, inlet: Inlet, batch: list[Delivery], stopping: Event) -> None:
        hand_over(inlet, batch, stopping, self.notes, patience_s=self._patience_s)

    @staticmethod
    def _take(connection: Any, taken: Future[None]) -> None:
        """Serve the connection until the batch is taken; raise what the inlet raised."""

        def wake(_: Future[None]) -> None:
            with suppress(AMQPConnectionError):  # it is over: the loop below finds out by itself
                connection.add_callback_threadsafe(lambda: None)

        taken.add_done_callback(wake)
        while not taken.done():
            connection.process_data_events(_POLL_S)
        taken.result()

    def _delivery(self, method: Any, properties: Any, body: bytes) -> tuple[int, Delivery]:
        headers = {
            header_name(name): header_text(value)
            for name, value in list((properties.headers or {}).items())[:MOST_HEADERS]
        }
        own = {
            "content_type": properties.content_type,
            "message_id": properties.message_id,
            "routing_key": method.routing_key,
        }
        headers |= {name: header_text(value) for name, value in own.items() if value}
        # A delivery's number is another one when it comes again, so what has no id is known by what it says.
        name = properties.message_id or hashlib.blake2b(body, digest_size=12).hexdigest()
        return method.delivery_tag, Delivery(body, f"{self.settings.queue}/{header_text(name)}", headers)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """The library's errors as ours. Its texts may hold what a broker says, and never a credential."""
        where = f"RabbitMQ at {self.settings.reaches[0]}"
        try:
            yield
        except RefusedCredentials:
            raise CollectorError(f"{where} refused user {self.settings.user!r}") from None
        except ChannelClosedByBroker as error:
            raise CollectorError(f"{where} closed the channel: {error.reply_code} {error.reply_text[:300]}") from None
        except AMQPError as error:
            raise CollectorError(f"{where} does not answer, or cut the connection ({type(error).__name__})") from None
        except OSError as error:
            raise CollectorError(f"{where} cannot be reached: {error.strerror or type(error).__name__}") from None
