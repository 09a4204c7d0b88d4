-- One row per relation between an event (its winning version) and an object, with every column that a path
-- needs: a case reads as one range, without a join. Made from events by ingest/sql/store_event_objects.sql.
-- qualifiers: those of the relation, sorted. derived_for: '' for a relation that the event names; else the process from
-- whose link paths it follows (mining/link_paths.py), and only that process may read it.
CREATE TABLE IF NOT EXISTS event_objects
(
    tenant LowCardinality(String),
    object_type LowCardinality(String),
    object_id String,
    order_at DateTime64(6, 'UTC') CODEC(Delta, LZ4),
    source LowCardinality(String),
    sequence UInt64 CODEC(Delta, LZ4),
    event_id FixedString(16) CODEC(NONE),
    activity LowCardinality(String),
    lifecycle LowCardinality(String),
    occurred_at DateTime64(6, 'UTC') CODEC(Delta, LZ4),
    precision Enum8('us' = 0, 'ms' = 1, 's' = 2, 'min' = 3, 'day' = 4),
    time_kind Enum8('happened' = 0, 'entered' = 1, 'posted' = 2),
    started_at Nullable(DateTime64(6, 'UTC')),
    actor String,
    actor_key UInt64 MATERIALIZED if(actor = '', 0, sipHash64(actor)),
    actor_kind Enum8('' = 0, 'human' = 1, 'system' = 2, 'agent' = 3),
    outcome Enum8('' = 0, 'ok' = 1, 'error' = 2, 'retry' = 3, 'timeout' = 4, 'rejected' = 5),
    error_code LowCardinality(String),
    value Nullable(Decimal(38, 6)),
    currency LowCardinality(String),
    attributes String CODEC(ZSTD(1)),
    qualifiers Array(LowCardinality(String)),
    derived_for LowCardinality(String),
    batch UInt64
)
ENGINE = MergeTree
ORDER BY (tenant, object_type, object_id, order_at, source, sequence, event_id)
SETTINGS @durable@
