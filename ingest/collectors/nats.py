"""Messages out of a stream of NATS JetStream, by a durable pull consumer; each is acknowledged once it is on disk.

While the inlet takes a batch, the server is told that work goes on, so nothing is sent again meanwhile. When the
inlet does not take it, nothing is acknowledged and the connection is closed: the server sends it again after the
consumer's `ack_wait`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timezone
from threading import Event
from typing import Any

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import AuthorizationError, Error
from nats.js.api import AckPolicy, ConsumerConfig, ConsumerInfo, DeliverPolicy, StorageType, StreamInfo
from nats.js.errors import NotFoundError

from ingest.collectors.broker_settings import NatsSettings
from ingest.collectors.handing import PATIENCE_S, hand_over
from ingest.collectors.headers import MOST_HEADERS, header_name, header_text
from ingest.collectors.notes import Notes
from ingest.sources.delivery import CollectorError, Delivery, Inlet
from kernel.secrets import Secrets

_POLL_S = 0.5


class NatsCollector:
    """Collects by one durable consumer. Several processes may do so at once: the server divides the messages."""

    alone = False

    def __init__(self, settings: NatsSettings, secrets: Secrets, *, patience_s: float = PATIENCE_S) -> None:
        self.settings, self.notes = settings, Notes()
        self._secrets, self._patience_s = secrets, patience_s

    def run(self, inlet: Inlet, stopping: Event) -> None:
        """Collect until `stopping` is set; see `Collector.run`. Reconnecting is up to the caller, as is its pause."""
        self.notes.source = inlet.source
        with self._translated(), ThreadPoolExecutor(1, f"take-{inlet.source}") as taking:
            asyncio.run(self._run(inlet, stopping, taking))

    async def _run(self, inlet: Inlet, stopping: Event, taking: ThreadPoolExecutor) -> None:
        gone = asyncio.Event()
        connection = await self._connected(gone)
        try:
            stream = connection.jetstream(timeout=10)
            info = await stream.stream_info(self.settings.stream)
            consumer = await self._consumer(stream)
            self._look(info, consumer)
            pulled = await stream.pull_subscribe_bind(durable=self.settings.durable, stream=self.settings.stream)
            while not stopping.is_set():
                batch = await self._fetched(connection, pulled)
                if batch:
                    await self._taken(inlet, batch, stopping, taking, consumer.config.ack_wait or 30.0)
                    for message in batch:
                        await message.ack()
                    await self._flushed(connection, gone)
        finally:
            await connection.close()

    async def _flushed(self, connection: Client, gone: asyncio.Event) -> None:
        """The server has all that we said. Waiting for that alone would not notice a connection that is cut."""
        waiting = {asyncio.ensure_future(connection.flush(10)), asyncio.ensure_future(gone.wait())}
        done, rest = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in rest:
            task.cancel()
        for task in done:
            task.result()
        self._check(connection)

    def _check(self, connection: Client) -> None:
        if not connection.is_connected:
            raise CollectorError(f"NATS at {self.settings.reaches[0]} cut the connection")

    async def _connected(self, gone: asyncio.Event) -> Client:
        async def closed() -> None:
            gone.set()

        settings, secrets = self.settings, self._secrets
        credentials: dict[str, Any] = {}
        if settings.user is not None:
            credentials["user"] = settings.user
        for name, reference in (("password", settings.password), ("token", settings.token)):
            if reference is not None:
                credentials[name] = secrets.get(reference)
        if settings.nkey_seed is not None:
            credentials["nkeys_seed_str"] = secrets.get(settings.nkey_seed)
        tls = None if settings.tls is None else settings.tls.context()
        return await nats.connect(
            f"{'nats' if tls is None else 'tls'}://{settings.reaches[0]}",
            name="gembascope",
            tls=tls,
            tls_hostname=None if tls is None else settings.host,
            allow_reconnect=False,
            max_reconnect_attempts=1,  # of the first connection, which the setting above does not stop
            reconnect_time_wait=0.1,
            closed_cb=closed,
            connect_timeout=10,
            ping_interval=10,
            max_outstanding_pings=2,
            error_cb=_quiet,
            **credentials,
        )

    async def _consumer(self, stream: Any) -> ConsumerInfo:
        """The durable consumer, made where it is not there and may be."""
        settings = self.settings
        try:
            found: ConsumerInfo = await stream.consumer_info(settings.stream, settings.durable)
        except NotFoundError:
            if not settings.declare:
                raise CollectorError(f"stream {settings.stream!r} has no consumer {settings.durable!r}") from None
            wanted = ConsumerConfig(
                durable_name=settings.durable,
                ack_policy=AckPolicy.EXPLICIT,
                deliver_policy=DeliverPolicy.ALL,
                ack_wait=settings.ack_wait_s,
                max_deliver=settings.max_deliver,
                filter_subject=settings.subject,
                max_ack_pending=max(1_000, 2 * settings.batch),
            )
            found = await stream.add_consumer(settings.stream, wanted)
        if found.config.ack_policy != AckPolicy.EXPLICIT or found.config.deliver_subject:
            raise CollectorError(f"consumer {settings.durable!r} is no pull consumer with explicit acknowledgement")
        return found

    def _look(self, stream: StreamInfo, consumer: ConsumerInfo) -> None:
        """Note what may cost messages before they come to us."""
        name = self.settings.stream
        if stream.config.storage == StorageType.MEMORY:
            self.notes.set(
                "storage", f"stream {name!r} is kept in memory: what was not read is lost when NATS restarts"
            )
        else:
            self.notes.set(
                "storage",
                f"stream {name!r}: unless its server is set to sync_interval: always, which cannot be seen from here, "
                "NATS confirms messages up to two minutes before they are on disk; a power cut loses those",
            )
        most = consumer.config.max_deliver
        if most is not None and most > 0:
            self.notes.set("deliver", f"consumer {self.settings.durable!r} gives a message up after {most} deliveries")
        done = consumer.ack_floor.stream_seq if consumer.ack_floor is not None else 0
        if done and stream.state.first_seq > done + 1 and consumer.num_pending:
            self.notes.set(
                "gap", f"stream {name!r} begins at {stream.state.first_seq}; {done + 1} and after may be removed unread"
            )

    async def _fetched(self, connection: Client, pulled: Any) -> list[Msg]:
        """What is there; nothing after half a second in which nothing came."""
        settings = self.settings
        found: list[Msg] = []
        with suppress(TimeoutError):  # nothing came, or nothing more
            found += await pulled.fetch(1, timeout=_POLL_S)
            if settings.batch > 1:
                found += await pulled.fetch(settings.batch - 1, timeout=settings.linger_ms / 1000)
        self._check(connection)
        return found

    async def _taken(
        self, inlet: Inlet, batch: list[Msg], stopping: Event, taking: ThreadPoolExecutor, ack_wait_s: float
    ) -> None:
        """Hand the batch over in another thread, and say meanwhile that it is in work; raise what the inlet raised."""
        deliveries = [_delivery(message) for message in batch]
        work = asyncio.get_running_loop().run_in_executor(
            taking, lambda: hand_over(inlet, deliveries, stopping, self.notes, patience_s=self._patience_s)
        )
        while True:
            done, _ = await asyncio.wait([work], timeout=ack_wait_s / 3)
            if done:
                return work.result()
            for message in batch:
                await message.in_progress()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """The library's errors as ours."""
        where = f"NATS at {self.settings.reaches[0]}"
        try:
            yield
        except NotFoundError:
            raise CollectorError(f"{where} has no stream {self.settings.stream!r}") from None
        except AuthorizationError:
            raise CollectorError(f"{where} refused our credentials") from None
        except Error as error:
            raise CollectorError(f"{where} does not answer, or refused ({type(error).__name__})") from None
        except OSError as error:
            raise CollectorError(f"{where} cannot be reached: {error.strerror or type(error).__name__}") from None


async def _quiet(_: Exception) -> None:
    """The library tells of errors that are raised elsewhere too; its own way is to print them."""


def _delivery(message: Msg) -> Delivery:
    metadata = message.metadata
    headers = {
        header_name(name): header_text(value) for name, value in list((message.headers or {}).items())[:MOST_HEADERS]
    }
    headers["subject"] = header_text(message.subject)
    headers["timestamp"] = metadata.timestamp.astimezone(timezone.utc).isoformat()
    return Delivery(message.data, f"{metadata.stream}/{metadata.sequence.stream}", headers)
