-- The dictionary of the numbers that case_paths holds instead of names: one row per name and kind
-- ('activity', 'source': UInt32 keys; 'actor': UInt64). Two names with one key are refused at load.
CREATE TABLE IF NOT EXISTS names
(
    tenant LowCardinality(String),
    kind LowCardinality(String),
    key UInt64,
    name String
)
ENGINE = ReplacingMergeTree
ORDER BY (tenant, kind, key, name)
SETTINGS @durable@
