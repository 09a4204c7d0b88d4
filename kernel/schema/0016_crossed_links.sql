-- One row per link that a link path of a process crosses, and side: from the object to the other. Kept by the projection
-- of processes with link paths only (mining/link_paths.py): object_links is sorted by one side, and paths are followed
-- from both.
CREATE TABLE IF NOT EXISTS crossed_links
(
    tenant LowCardinality(String),
    process LowCardinality(String),
    object_type LowCardinality(String),
    object_id String,
    other_type LowCardinality(String),
    other_id String
)
ENGINE = ReplacingMergeTree
ORDER BY (tenant, process, object_type, object_id, other_type, other_id)
SETTINGS @durable@
