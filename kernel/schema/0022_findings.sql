-- One row per finding: evidence of one trouble (kernel/findings.py). A row never changes; version serves the engine only:
-- of one finding written twice, the first counts. finding_id: 32 hex digits as 16 bytes, made of what the finding is
-- about. incident_id: the incident of the state database that it belongs to. case_id '': of a source or a definition.
-- value: money at stake, null: not priced. evidence: JSON of query, parameters, event_ids, watermark, definitions.
CREATE TABLE IF NOT EXISTS findings
(
    tenant LowCardinality(String),
    process LowCardinality(String),
    kind LowCardinality(String),
    finding_id FixedString(16) CODEC(NONE),
    incident_id FixedString(16),
    version UInt64,
    rule LowCardinality(String),
    case_id String,
    store LowCardinality(String),
    cause String,
    anchor String,
    severity Enum8('low' = 0, 'medium' = 1, 'high' = 2, 'critical' = 3),
    title String,
    suspect LowCardinality(String),
    owner LowCardinality(String),
    dependency_owner LowCardinality(String),
    since DateTime64(6, 'UTC'),
    detected_at DateTime64(6, 'UTC'),
    deadline Nullable(DateTime64(6, 'UTC')),
    value Nullable(Decimal(38, 6)),
    currency LowCardinality(String),
    lost_per_hour Nullable(Decimal(38, 6)),
    score Nullable(Float64),
    evidence String CODEC(ZSTD(1)),
    INDEX by_incident incident_id TYPE bloom_filter GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (tenant, process, kind, finding_id)
SETTINGS @durable@
