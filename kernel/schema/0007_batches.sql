-- One row per load step. state 0: begun, 1: its events, relations and touched objects are all stored. A batch that
-- stays at 0 was interrupted; the next load finishes it first.
CREATE TABLE IF NOT EXISTS batches
(
    tenant LowCardinality(String),
    batch UInt64,
    state UInt8,
    load_id FixedString(16),
    source LowCardinality(String),
    stored UInt64,
    conflicts UInt64,
    stored_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree(state)
ORDER BY (tenant, batch)
SETTINGS @durable@
