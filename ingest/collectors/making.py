"""The collectors that fetch, by the `kind` of their settings. The library of one is imported when it is made."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from ingest.collectors.broker_settings import KafkaSettings, NatsSettings, RabbitMqSettings
from ingest.sources.delivery import Collector
from kernel.secrets import Secrets

CollectorSettings = Annotated[KafkaSettings | NatsSettings | RabbitMqSettings, Field(discriminator="kind")]
COLLECTOR_SETTINGS: TypeAdapter[Any] = TypeAdapter(CollectorSettings)


def make_collector(settings: Any, secrets: Secrets) -> Collector:
    """The collector that these settings describe. It connects to nothing yet."""
    if isinstance(settings, RabbitMqSettings):
        from ingest.collectors.rabbitmq import RabbitMqCollector

        return RabbitMqCollector(settings, secrets)
    if isinstance(settings, KafkaSettings):
        from ingest.collectors.kafka import KafkaCollector

        return KafkaCollector(settings, secrets)
    if isinstance(settings, NatsSettings):
        from ingest.collectors.nats import NatsCollector

        return NatsCollector(settings, secrets)
    raise TypeError(f"no settings of a collector: {type(settings).__name__}")
