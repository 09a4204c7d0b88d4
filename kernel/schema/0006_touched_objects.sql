-- One row per object whose path a batch may have changed: what an incremental refresh rebuilds. touched_for: '' when
-- every process must; else the one process that came to the object over its link paths (mining/link_paths.py).
CREATE TABLE IF NOT EXISTS touched_objects
(
    tenant LowCardinality(String),
    object_type LowCardinality(String),
    batch UInt64,
    object_id String,
    touched_for LowCardinality(String)
)
ENGINE = ReplacingMergeTree
ORDER BY (tenant, object_type, touched_for, batch, object_id)
SETTINGS @durable@
