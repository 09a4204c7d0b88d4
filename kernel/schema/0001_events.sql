-- The truth: one row per stored version of an event. Append-only. Identical copies are not stored twice;
-- copies of one event_id that differ are kept, and the winner is the highest revision, then the smallest
-- content_hash. event_id and content_hash are SipHash-128 values made by ingest/sql/store_events.sql.
-- order_at is occurred_at, or the last microsecond of the day for a business date (precision 'day').
-- source_event_id '' : the source has no ids. started_at null: unknown. batch: the load step that brought it.
CREATE TABLE IF NOT EXISTS events
(
    tenant LowCardinality(String),
    source LowCardinality(String),
    event_id FixedString(16) CODEC(NONE),
    content_hash FixedString(16) CODEC(NONE),
    revision UInt64,
    source_event_id String,
    activity LowCardinality(String),
    lifecycle LowCardinality(String),
    occurred_at DateTime64(6, 'UTC') CODEC(Delta, LZ4),
    order_at DateTime64(6, 'UTC') CODEC(Delta, LZ4),
    precision Enum8('us' = 0, 'ms' = 1, 's' = 2, 'min' = 3, 'day' = 4),
    time_kind Enum8('happened' = 0, 'entered' = 1, 'posted' = 2),
    started_at Nullable(DateTime64(6, 'UTC')),
    seen_at DateTime64(6, 'UTC') CODEC(Delta, LZ4),
    ingested_at DateTime64(6, 'UTC') CODEC(Delta, LZ4),
    sequence UInt64 CODEC(Delta, LZ4),
    actor String,
    actor_kind Enum8('' = 0, 'human' = 1, 'system' = 2, 'agent' = 3),
    outcome Enum8('' = 0, 'ok' = 1, 'error' = 2, 'retry' = 3, 'timeout' = 4, 'rejected' = 5),
    error_code LowCardinality(String),
    value Nullable(Decimal(38, 6)),
    currency LowCardinality(String),
    objects Array(Tuple(type LowCardinality(String), id String, qualifier LowCardinality(String))),
    attributes String CODEC(ZSTD(1)),
    trace_id String,
    span_id String,
    mode Enum8('backfill' = 0, 'live' = 1),
    batch UInt64,
    INDEX by_batch batch TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
ORDER BY (tenant, source, event_id)
SETTINGS @durable@
