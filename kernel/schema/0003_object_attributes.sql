-- One row per value that an attribute of an object took, as one source tells it. attribute '' records that the
-- object exists. changed_at 1970-01-01: true from the beginning. value: JSON, see kernel/attributes.py.
-- Of values that are current together the last changed_at wins, then the greatest source, then the greatest value.
CREATE TABLE IF NOT EXISTS object_attributes
(
    tenant LowCardinality(String),
    object_type LowCardinality(String),
    object_id String,
    attribute LowCardinality(String),
    changed_at DateTime64(6, 'UTC'),
    source LowCardinality(String),
    value String CODEC(ZSTD(1)),
    batch UInt64
)
ENGINE = ReplacingMergeTree(batch)
ORDER BY (tenant, object_type, object_id, attribute, changed_at, source, value)
SETTINGS @durable@
