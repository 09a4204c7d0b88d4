"""The collectors that fetch, by the `kind` of their settings. The library of one is imported when it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter

from ingest.collectors.broker_settings import KafkaSettings, NatsSettings, RabbitMqSettings
from ingest.collectors.engine_settings import CamundaSettings, N8nSettings, TemporalSettings
from ingest.collectors.polled_settings import FolderSettings, SqlSettings
from ingest.sources.delivery import Collector
from kernel.egress import Egress
from kernel.secrets import Secrets

if TYPE_CHECKING:
    from ingest.collectors.known_keys import KnownKeys

CollectorSettings = Annotated[
    KafkaSettings
    | NatsSettings
    | RabbitMqSettings
    | SqlSettings
    | FolderSettings
    | N8nSettings
    | CamundaSettings
    | TemporalSettings,
    Field(discriminator="kind"),
]
COLLECTOR_SETTINGS: TypeAdapter[Any] = TypeAdapter(CollectorSettings, config=ConfigDict(hide_input_in_errors=True))


def make_collector(
    settings: Any, secrets: Secrets, keys: KnownKeys | None = None, egress: Egress | None = None
) -> Collector:
    """The collector that these settings describe. It connects to nothing yet. `keys`: for a database whose deletes are
    to be found. `egress`: the way out to workflow engines; without it they are reached on the open internet alone."""
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
    if isinstance(settings, N8nSettings | CamundaSettings | TemporalSettings):
        return _engine_collector(settings, secrets, egress or Egress())
    raise TypeError(f"no settings of a collector: {type(settings).__name__}")


def _engine_collector(
    settings: N8nSettings | CamundaSettings | TemporalSettings, secrets: Secrets, egress: Egress
) -> Collector:
    from ingest.collectors.engine_collector import EngineCollector

    if isinstance(settings, N8nSettings):
        from ingest.collectors.n8n import N8n

        return EngineCollector(settings, N8n(settings, secrets, egress))
    if isinstance(settings, CamundaSettings):
        from ingest.collectors.camunda import Camunda

        return EngineCollector(settings, Camunda(settings, secrets, egress))
    from ingest.collectors.temporal import Temporal

    return EngineCollector(settings, Temporal(settings, secrets, egress))
