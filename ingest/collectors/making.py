"""The collectors that fetch, by the `kind` of their settings. The library of one is imported when it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter

from ingest.collectors.broker_settings import KafkaSettings, NatsSettings, RabbitMqSettings
from ingest.collectors.polled_settings import FolderSettings, SqlSettings
from ingest.sources.delivery import Collector
from kernel.secrets import Secrets

if TYPE_CHECKING:
    from ingest.collectors.known_keys import KnownKeys

CollectorSettings = Annotated[
    KafkaSettings | NatsSettings | RabbitMqSettings | SqlSettings | FolderSettings, Field(discriminator="kind")
]
COLLECTOR_SETTINGS: TypeAdapter[Any] = TypeAdapter(CollectorSettings, config=ConfigDict(hide_input_in_errors=True))


def make_collector(settings: Any, secrets: Secrets, keys: KnownKeys | None = None) -> Collector:
    """The collector that these settings describe. It connects to nothing yet. `keys`: for a database whose deletes are
    to be found."""
    if isinstance(settings, RabbitMqSettings):
        from ingest.collectors.rabbitmq import RabbitMqCollector

        return RabbitMqCollector(settings, secrets)
    if isinstance(settings, KafkaSettings):
        from ingest.collectors.kafka import KafkaCollector

        return KafkaCollector(settings, secrets)
    if isinstance(settings, NatsSettings):
        from ingest.collectors.nats import NatsCollector

        return NatsCollector(settings, secrets)
    if isinstance(settings, SqlSettings):
        from ingest.collectors.sql import SqlCollector

        return SqlCollector(settings, secrets, keys)
    if isinstance(settings, FolderSettings):
        from ingest.collectors.folder import FolderCollector

        return FolderCollector(settings)
    raise TypeError(f"no settings of a collector: {type(settings).__name__}")
