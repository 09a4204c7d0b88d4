-- The projection: one row per case of a process. Nothing in it depends on now or on the order of arrival;
-- version and is_deleted serve the engine only. Arrays run in case order. activities and sources: keys of names.
-- waits_us: microseconds from the end of an event to the start of the next (to its stamp where no start is
-- known), -1 where the order of the two is only assumed. services_us: from start to stamp, -1 where unknown;
-- the array is empty when no event of the case has a start. assumed: pairs ordered by assumption.
-- dues, kept, lates_us: one entry per promise of the definition, in its order. dues: when it is due, null where its clock
-- has not started or nothing is ever due. kept: order_at of the event that keeps it, null where none does. lates_us:
-- microseconds from due to kept, 0 where it was kept in time or, of an event known to the day, may have been; -1 where
-- one of the two is null. due_at: of the promises not kept the first due instant; when all are kept the last one.
-- variant: SipHash-64 of activities. population: '' or the name of the excluded population.
-- A partition is a process: a full build puts another one in its place (0015_rebuilt_paths.sql).
CREATE TABLE IF NOT EXISTS case_paths
(
    tenant LowCardinality(String),
    process LowCardinality(String),
    case_id String,
    version UInt64,
    is_deleted UInt8,
    started_at DateTime64(6, 'UTC') CODEC(Delta, LZ4),
    ended_at DateTime64(6, 'UTC') CODEC(Delta, LZ4),
    due_at Nullable(DateTime64(6, 'UTC')),
    dues Array(Nullable(DateTime64(6, 'UTC'))),
    kept Array(Nullable(DateTime64(6, 'UTC'))),
    lates_us Array(Int64),
    state Enum8('open' = 0, 'complete' = 1, 'unknown' = 2),
    population LowCardinality(String),
    events UInt32,
    variant UInt64,
    activities Array(UInt32),
    waits_us Array(Int64),
    services_us Array(Int64),
    sources Array(UInt32),
    actors Array(UInt64),
    outcomes Array(Int8),
    assumed UInt32,
    date_only UInt32,
    rework UInt32,
    human_touches UInt32,
    retries UInt32,
    attributes Map(LowCardinality(String), String),
    INDEX by_start started_at TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version, is_deleted)
PARTITION BY (tenant, process)
ORDER BY (tenant, process, case_id)
SETTINGS @durable@
