-- One row per finding whose trouble has ended: how 'cured', 'grown' (at risk into late) or 'withdrawn' (it is none).
-- Of one finding written twice, the first counts (version as in findings).
CREATE TABLE IF NOT EXISTS finding_ends
(
    tenant LowCardinality(String),
    finding_id FixedString(16) CODEC(NONE),
    incident_id FixedString(16),
    version UInt64,
    how LowCardinality(String),
    ended_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (tenant, incident_id, finding_id)
SETTINGS @durable@
