-- One row per process that has been projected: up to which batch, with which definition, and what the events read so far
-- have (mining/sql/projection_facts.sql).
CREATE TABLE IF NOT EXISTS projections
(
    tenant LowCardinality(String),
    process LowCardinality(String),
    version UInt64,
    definition_hash FixedString(16),
    object_type LowCardinality(String),
    through_batch UInt64,
    sources Array(LowCardinality(String)),
    dated UInt8,
    started UInt8,
    attributed UInt8,
    projected_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (tenant, process)
SETTINGS @durable@
