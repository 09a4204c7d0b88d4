"""The tables of the spool: what waits to be loaded, what became of everything, and who loads."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    text,
)

from kernel.state.tables.base import METADATA, Instant, tenant

SPOOL = MetaData(naming_convention=METADATA.naming_convention)

ENTRIES = Table(
    "spool_entries",
    SPOOL,
    tenant(),
    Column("receipt", String(32), primary_key=True),  # of the request; in the order in which they were accepted
    Column("source", String(200), primary_key=True),
    Column("step", String(32)),  # load step that it is in, null before
    Column("marked_at", Instant),  # when its events were seen in the warehouse; null: they wait
    Column("accepted_at", Instant, nullable=False),
    Column("events", Integer, nullable=False),  # that wait in the payload
    Column("payload_bytes", BigInteger, nullable=False),
    Column("payload", LargeBinary),  # see `ingest.spool_payload`; null once marked
    Index(None, "tenant", "marked_at", "receipt"),
)
"""One row per source of a request that was accepted."""

TOTALS = Table(
    "spool_totals",
    SPOOL,
    tenant(),
    Column("source", String(200), primary_key=True),
    Column("received", BigInteger, nullable=False),
    Column("stored", BigInteger, nullable=False),
    Column("duplicate", BigInteger, nullable=False),
    Column("quarantined", BigInteger, nullable=False),
    Column("refused", BigInteger, nullable=False),  # put off because the spool was full
    Column("in_spool", BigInteger, nullable=False),
    Column("spool_bytes", BigInteger, nullable=False),
    Column("last_occurred_at", Instant),
    Column("last_seen_at", Instant),
)
"""One row per source, changed in the transaction that changes the entries, so that at any moment
received = stored + duplicate + quarantined + refused + in_spool."""

LOADERS = Table(
    "spool_loaders",
    SPOOL,
    tenant(),
    Column("holder", String(32), nullable=False),
    Column("until", Instant, nullable=False),
)
"""One row per tenant: which process loads its events, and until when it may without saying so again."""

SOURCES = Table(
    "spool_sources",
    SPOOL,
    tenant(),
    Column("source", String(200), primary_key=True),
    Column("deliveries", BigInteger, nullable=False),
    Column("ignored", BigInteger, nullable=False),  # deliveries, or parts of them, that are no events by a rule
    Column("last_delivery_at", Instant),
    Column("place", Text, nullable=False),  # up to where its collector has come; "" where it tells none
    Column("stopped_at", Instant),  # null: it is taken from
    Column("stopped_why", Text, nullable=False),
)
"""One row per source that hands over deliveries, changed in the transaction that keeps them."""

UNIQUE_IDS = Table(
    "spool_unique_ids",
    SPOOL,
    tenant(),
    Column("source", String(200), primary_key=True),
    Column("digest", String(32), primary_key=True),  # of the id that its sender gave the delivery
    Column("until", Instant, nullable=False, index=True),  # when it is forgotten
)
"""One row per delivery that its sender would know again."""

RELEASED = Table(
    "spool_released",
    SPOOL,
    tenant(),
    Column("entry", String(32), primary_key=True),  # of the quarantine
    Column("how", String(20), nullable=False),  # replayed | repaired | discarded
    Column("at", Instant, nullable=False),
    Column("receipt", String(32), nullable=False),  # "" where it was discarded
)
"""One row per entry of the quarantine that is one no longer. It says so before the quarantine does, so that no entry is
taken twice."""

SHAPES = Table(
    "source_shapes",
    SPOOL,
    tenant(),
    Column("source", String(200), primary_key=True),
    Column("rule", String(100), primary_key=True),
    Column("path", String(500), primary_key=True),
    Column("kinds", Text, nullable=False),  # of its values: text, number, …
    Column("seen", BigInteger, nullable=False),  # records that had it
    Column("last", BigInteger, nullable=False),  # number of the last one of them
    Column("always", Boolean, nullable=False),  # every record had it
    Column("records", BigInteger, nullable=False),  # of the rule, when this was written
)
"""One row per field of the records that a rule of a source's mapping pack takes."""

DRIFTS = Table(
    "source_drifts",
    SPOOL,
    tenant(),
    Column("source", String(200), primary_key=True),
    Column("rule", String(100), primary_key=True),
    Column("path", String(500), primary_key=True),
    Column("change", String(20), primary_key=True),  # new | missing | retyped
    Column("was", Text, nullable=False),
    Column("is_now", Text, nullable=False),
    Column("noticed_at", Instant, nullable=False),
    Column("looked_at", Instant),  # null: nobody has
)
"""One row per change of what a source says, the last time it was noticed."""

ERASURES = Table(
    "erasures",
    SPOOL,
    tenant(),
    Column("erasure", String(32), primary_key=True),
    Column("object_type", String(500), nullable=False),
    Column("digest", String(32), nullable=False),  # keyed, of the subject: who has its id can find its orders
    Column("subject", Text),  # JSON, null once it is done
    Column("reason", Text, nullable=False),
    Column("ordered_by", String(254), nullable=False),
    Column("ordered_at", Instant, nullable=False),
    Column("phase", String(16), nullable=False),  # see `ingest.erasing.orders`
    Column("events_deleted", BigInteger, nullable=False),
    Column("events_rewritten", BigInteger, nullable=False),
    Column("values_deleted", BigInteger, nullable=False),
    Column("links_deleted", BigInteger, nullable=False),
    Column("quarantine_entries", BigInteger, nullable=False),
    Column("ended_at", Instant),
    Column("verified", Boolean),  # null before it is done
    Column("places", Text, nullable=False),  # where something of it may be left, as JSON
)
"""One row per order to erase a subject, those that found nothing included."""

ERASURE_SECRETS = Table(
    "erasure_secrets",
    SPOOL,
    tenant(),
    Column("secret", String(64), nullable=False),
    Column("made_at", Instant, nullable=False),
)
"""One row per tenant that erased something while no pseudonym key was set: the key of the digests of that."""

TABLES_LOCK = 7_236_110_094
"""Of this program alone: two processes that open an empty database must not both make the tables."""


def make_tables(connection: Connection) -> None:
    """The tables, where they are not there yet."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": TABLES_LOCK})
    SPOOL.create_all(connection)
