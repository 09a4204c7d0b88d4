-- One row per process and UTC day on which its cases started, recomputed as a whole when a case of that day
-- changes. durations: per state of cases their durations in microseconds, ascending. edges: (source, target, pairs, pairs with a wait, sum of waits in microseconds), ordered by key.
-- nodes, starts and ends: (activity, count); nodes count events. Excluded populations are left out.
CREATE TABLE IF NOT EXISTS day_figures
(
    tenant LowCardinality(String),
    process LowCardinality(String),
    day Date32,
    version UInt64,
    is_deleted UInt8,
    cases UInt64,
    complete UInt64,
    events UInt64,
    assumed UInt64,
    first_at DateTime64(6, 'UTC'),
    last_at DateTime64(6, 'UTC'),
    durations Array(Tuple(Enum8('open' = 0, 'complete' = 1, 'unknown' = 2), Array(Int64))),
    edges Array(Tuple(UInt32, UInt32, UInt64, UInt64, Int64)),
    nodes Array(Tuple(UInt32, UInt64)),
    starts Array(Tuple(UInt32, UInt64)),
    ends Array(Tuple(UInt32, UInt64))
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (tenant, process, day)
SETTINGS @durable@
