"""What the definition of a source says of a message broker. Each names its secrets and holds none."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ingest.collectors.tls import Tls
from kernel.secrets import Reference

_NAME = r"^[^\s.*>/\\]{1,200}$"


class RabbitMqSettings(BaseModel):
    """A queue of RabbitMQ."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    kind: Literal["rabbitmq"] = Field(description="Messages of a RabbitMQ queue, by AMQP 0-9-1.")
    host: str = Field(min_length=1, max_length=255, description="Host name or address of the broker.")
    port: int = Field(default=5672, ge=1, le=65535, description="Its port: 5672, or 5671 with TLS.")
    virtual_host: str = Field(default="/", min_length=1, max_length=255, description="Virtual host of the queue.")
    user: str = Field(default="guest", min_length=1, max_length=255, description="User to sign in as.")
    password: Reference = Field(description="Where the user's password is: env:NAME or file:PATH.")
    tls: Tls | None = Field(default=None, description="TLS to the broker; {} trusts what this machine trusts.")
    queue: str = Field(min_length=1, max_length=255, description="Queue to consume, durable and made by its operator.")
    declare: bool = Field(default=False, description="Make the queue, durable and unbound, where it is not there.")
    batch: int = Field(default=500, ge=1, le=10_000, description="Most messages handed over at once.")
    batch_bytes: int = Field(default=16 << 20, ge=1, le=256 << 20, description="Most bytes handed over at once.")
    linger_ms: int = Field(default=200, ge=0, le=60_000, description="How long the first message waits for others, ms.")
    prefetch: int = Field(
        default=1_000, ge=1, le=65_535, description="Most messages the broker sends ahead of acknowledgement."
    )
    heartbeat_s: int = Field(default=30, ge=1, le=600, description="Seconds between heartbeats.")

    @model_validator(mode="after")
    def _enough(self) -> RabbitMqSettings:
        if self.prefetch < self.batch:
            raise ValueError("expected prefetch to be at least batch: a batch would never be full")
        return self

    @property
    def reaches(self) -> tuple[str, ...]:
        """The host:port that are connected to."""
        return (f"{self.host}:{self.port}",)


class KafkaTls(BaseModel):
    """TLS to the brokers. Their certificates are always verified."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    ca_file: Path | None = Field(
        default=None, description="PEM file of the authorities to trust; unset: this machine's."
    )
    certificate_file: Path | None = Field(default=None, description="PEM file of our own certificate, for mutual TLS.")
    key_file: Path | None = Field(default=None, description="PEM file of its key.")
    key_password: Reference | None = Field(default=None, description="Where the key's password is.")


class KafkaSasl(BaseModel):
    """How to sign in."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(description="SASL mechanism.")
    user: str = Field(min_length=1, max_length=255, description="User to sign in as.")
    password: Reference = Field(description="Where the user's password is: env:NAME or file:PATH.")


class KafkaSettings(BaseModel):
    """Topics of Kafka, or of what speaks its protocol."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    kind: Literal["kafka"] = Field(description="Messages of Kafka topics, as a member of a consumer group.")
    brokers: tuple[str, ...] = Field(min_length=1, max_length=20, description="Some brokers, as host:port.")
    topics: tuple[str, ...] = Field(min_length=1, max_length=100, description="Topics, by their full names.")
    group: str = Field(min_length=1, max_length=249, description="Consumer group, of this source alone.")
    start: Literal["earliest", "latest"] = Field(
        default="earliest", description="Where a topic begins of which the group never committed anything."
    )
    tls: KafkaTls | None = Field(default=None, description="TLS to the brokers; {} trusts what this machine trusts.")
    sasl: KafkaSasl | None = Field(default=None, description="How to sign in; unset: not at all.")
    batch: int = Field(default=1_000, ge=1, le=10_000, description="Most messages handed over at once.")
    batch_bytes: int = Field(
        default=16 << 20, ge=1, le=256 << 20, description="About the most bytes handed over at once."
    )
    linger_ms: int = Field(default=200, ge=0, le=60_000, description="How long the first message waits for others, ms.")
    session_timeout_s: float = Field(
        default=45, ge=3, le=300, description="After how many seconds of silence the group takes partitions away."
    )
    max_poll_interval_s: float = Field(
        default=300, ge=10, le=3600, description="The longest that handing over a batch may take, seconds."
    )

    @model_validator(mode="after")
    def _plain(self) -> KafkaSettings:
        for broker in self.brokers:
            host, _, port = broker.rpartition(":")
            if not host or not port.isdigit() or not 0 < int(port) <= 65535 or set(broker) & set(", /@"):
                raise ValueError("expected brokers as host:port")
        if any(topic.startswith("^") or not topic for topic in self.topics):
            raise ValueError("expected topics by their names: patterns are not subscribed to")
        if self.max_poll_interval_s < self.session_timeout_s:
            raise ValueError("expected max_poll_interval_s to be at least session_timeout_s")
        return self

    @property
    def reaches(self) -> tuple[str, ...]:
        """The host:port that are connected to first; these brokers name the others."""
        return self.brokers


class NatsSettings(BaseModel):
    """A stream of NATS JetStream."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    kind: Literal["nats"] = Field(description="Messages of a NATS JetStream stream, by a durable pull consumer.")
    host: str = Field(min_length=1, max_length=255, pattern=r"^[^\s/@,?#]+$", description="Host of the server.")
    port: int = Field(default=4222, ge=1, le=65535, description="Its port.")
    user: str | None = Field(default=None, max_length=255, description="User to sign in as, with a password.")
    password: Reference | None = Field(default=None, description="Where the user's password is.")
    token: Reference | None = Field(default=None, description="Where a token is, in place of user and password.")
    nkey_seed: Reference | None = Field(default=None, description="Where the seed of an NKey is, in place of both.")
    tls: Tls | None = Field(default=None, description="TLS to the server; {} trusts what this machine trusts.")
    stream: str = Field(pattern=_NAME, description="Stream, made by its operator.")
    durable: str = Field(pattern=_NAME, description="Name of the durable consumer, of this source alone.")
    subject: str | None = Field(default=None, max_length=255, description="Only messages of this subject or pattern.")
    declare: bool = Field(default=True, description="Make the durable consumer where it is not there.")
    ack_wait_s: float = Field(
        default=60, ge=1, le=3600, description="When what is not acknowledged is sent again, seconds."
    )
    max_deliver: int = Field(
        default=-1,
        ge=-1,
        description="How often a message is sent at most; -1: until it is taken. Beyond it a message is lost to us.",
    )
    batch: int = Field(default=500, ge=1, le=10_000, description="Most messages handed over at once.")
    linger_ms: int = Field(default=200, ge=1, le=60_000, description="How long to wait for a batch to be full, ms.")

    @property
    def reaches(self) -> tuple[str, ...]:
        """The host:port that are connected to. Other servers that this one names are not used."""
        return (f"{self.host}:{self.port}",)
