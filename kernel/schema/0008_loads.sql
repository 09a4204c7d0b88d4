-- One row per file loaded into a source; version counts its states. load_id: SipHash-128 of tenant, source,
-- the file's SHA-256 and the mapping. received = stored + duplicate + quarantined + refused when state is 'done'.
CREATE TABLE IF NOT EXISTS loads
(
    tenant LowCardinality(String),
    load_id FixedString(16),
    version UInt64,
    source LowCardinality(String),
    process LowCardinality(String),
    file_name String,
    file_sha256 FixedString(32),
    mapping String,
    state Enum8('running' = 0, 'done' = 1, 'stopped' = 2),
    received UInt64,
    stored UInt64,
    duplicate UInt64,
    quarantined UInt64,
    refused UInt64,
    conflicts UInt64,
    started_at DateTime64(6, 'UTC'),
    ended_at Nullable(DateTime64(6, 'UTC'))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (tenant, load_id)
SETTINGS @durable@
