-- One row per relation between two objects, as one source tells it.
CREATE TABLE IF NOT EXISTS object_links
(
    tenant LowCardinality(String),
    from_type LowCardinality(String),
    from_id String,
    to_type LowCardinality(String),
    to_id String,
    qualifier LowCardinality(String),
    source LowCardinality(String),
    batch UInt64,
    INDEX by_batch batch TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(batch)
ORDER BY (tenant, from_type, from_id, to_type, to_id, qualifier, source)
SETTINGS @durable@
