-- One row per event that was deleted because it named nothing but what was erased: it was stored once, and is told apart
-- from one that was lost.
CREATE TABLE IF NOT EXISTS erased_events
(
    tenant LowCardinality(String),
    source LowCardinality(String),
    event_id FixedString(16) CODEC(NONE),
    erasure FixedString(16)
)
ENGINE = ReplacingMergeTree
ORDER BY (tenant, source, event_id)
SETTINGS @durable@
