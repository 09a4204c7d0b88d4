-- One row per piece of a file that could not become an event. entry: SipHash-128 of load, position and raw, so
-- loading the file again adds nothing.
CREATE TABLE IF NOT EXISTS quarantine
(
    tenant LowCardinality(String),
    load_id FixedString(16),
    entry FixedString(16),
    source LowCardinality(String),
    file_name String,
    position String,
    reason String,
    raw String CODEC(ZSTD(1)),
    quarantined_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree(quarantined_at)
ORDER BY (tenant, load_id, entry)
SETTINGS @durable@
