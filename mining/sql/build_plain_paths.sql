-- Build the paths of cases without attributes and promises: one row of case_paths per case with at least one event of the
-- process; build_described_paths.sql builds all others.
-- Parameters: table (case_paths, or rebuilt_paths of the same shape), tenant, process, object_type, version; the others are
-- those of built_cases: activities, lifecycles, ranks, ends, case_attributes (none), named_sources, tied, started, after,
-- upto, incremental, since_batch, through_batch.
INSERT INTO {table:Identifier}
(
    tenant, process, case_id, version, is_deleted, started_at, ended_at, due_at, dues, kept, lates_us, paused_since, state,
    population, events, variant, activities, waits_us, services_us, sources, actors, outcomes, assumed, date_only, rework,
    human_touches, retries, attributes
)
SELECT
    {tenant:String}, {process:String}, case_id, {version:UInt64}, 0, started_at, ended_at, NULL, [], [], [], [], state, '',
    events, variant, activities, waits_us, services_us, sources, actors, outcomes, assumed, date_only, rework, human_touches,
    retries, map()
FROM
    built_cases(
        tenant = {tenant:String},
        process = {process:String},
        object_type = {object_type:String},
        activities = {activities:Array(String)},
        lifecycles = {lifecycles:Array(String)},
        ranks = {ranks:Array(String)},
        ends = {ends:Array(String)},
        case_attributes = {case_attributes:Array(String)},
        named_sources = {named_sources:Array(String)},
        tied = {tied:UInt8},
        started = {started:UInt8},
        after = {after:String},
        upto = {upto:String},
        incremental = {incremental:UInt8},
        since_batch = {since_batch:UInt64},
        through_batch = {through_batch:UInt64})
SETTINGS optimize_on_insert = 0 -- there is one row per case: looking for copies among them took a third of the insert
