-- One row per case and object that a link path of its process reaches. path: the types crossed so far, as
-- order → delivery. A row may be there more than once until it is merged.
CREATE TABLE IF NOT EXISTS reached_objects
(
    tenant LowCardinality(String),
    process LowCardinality(String),
    path LowCardinality(String),
    case_id String,
    object_type LowCardinality(String),
    object_id String
)
ENGINE = ReplacingMergeTree
ORDER BY (tenant, process, path, case_id, object_type, object_id)
SETTINGS @durable@
