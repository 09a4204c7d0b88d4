-- One row per object whose path a batch may have changed: what an incremental refresh rebuilds.
CREATE TABLE IF NOT EXISTS touched_objects
(
    tenant LowCardinality(String),
    object_type LowCardinality(String),
    batch UInt64,
    object_id String
)
ENGINE = ReplacingMergeTree
ORDER BY (tenant, object_type, batch, object_id)
SETTINGS @durable@
