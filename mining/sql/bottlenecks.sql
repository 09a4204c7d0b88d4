-- Steps that lose the most time: one row per (source, target) with frequency, cases, p50_s, p95_s of the wait in
-- seconds, hours_over_target (hours of all waits beyond the target, together) and target_s: the step's own target, or
-- the median wait of all pairs of the selection. Most hours first, then by source and target. Assumed pairs have no
-- wait and do not count. Parameters: the filter (mining/filters.py), target_sources, target_targets, target_waits_us, top.
WITH
    pairs AS
    (
        SELECT case_id, source, target, wait_us
        FROM
        selected_cases(
        tenant = {tenant:String},
        process = {process:String},
        since = {since:Nullable(DateTime64(6, 'UTC'))},
        until = {until:Nullable(DateTime64(6, 'UTC'))},
        anchor = {anchor:String},
        attribute_names = {attribute_names:Array(String)},
        attribute_values = {attribute_values:Array(Array(String))},
        with_activities = {with_activities:Array(String)},
        variants = {variants:Array(String)},
        min_duration_us = {min_duration_us:Nullable(Int64)},
        max_duration_us = {max_duration_us:Nullable(Int64)},
        edge_source = {edge_source:String},
        edge_target = {edge_target:String},
        states = {states:Array(String)})
        ARRAY JOIN arrayPopBack(activities) AS source, arrayPopFront(activities) AS target, waits_us AS wait_us
        WHERE wait_us >= 0
    ),
    (
        SELECT quantileExactInclusive(0.5)(wait_us) FROM pairs
    ) AS median_us,
    arrayMap(
        (source, target) -> (toUInt32(sipHash64(source)), toUInt32(sipHash64(target))),
        {target_sources:Array(String)},
        {target_targets:Array(String)}) AS targeted,
    counted AS
    (
        SELECT
            source,
            target,
            any(if(has(targeted, (source, target)),
                toFloat64({target_waits_us:Array(Int64)}[indexOf(targeted, (source, target))]), median_us)) AS target_us,
            count() AS frequency,
            quantilesExactInclusive(0.5, 0.95)(wait_us) AS quantiles_us,
            sum(greatest(0, wait_us - if(has(targeted, (source, target)),
                toFloat64({target_waits_us:Array(Int64)}[indexOf(targeted, (source, target))]), median_us))) AS over_us
        FROM pairs
        GROUP BY source, target
    ),
    named AS (SELECT key, any(name) AS name FROM names WHERE tenant = {tenant:String} AND kind = 'activity' GROUP BY key),
    ranked AS
    (
        SELECT
            counted.source AS source, counted.target AS target, target_us, frequency, quantiles_us, over_us,
            sources.name AS source_name, targets.name AS target_name
        FROM counted
        INNER JOIN named AS sources ON sources.key = counted.source
        INNER JOIN named AS targets ON targets.key = counted.target
        ORDER BY over_us DESC, source_name, target_name
        LIMIT {top:UInt64}
    ),
    held AS
    (
        SELECT source, target, uniqExact(case_id) AS cases
        FROM pairs
        WHERE (source, target) IN (SELECT source, target FROM ranked)
        GROUP BY source, target
    )
SELECT
    ranked.source_name AS source,
    ranked.target_name AS target,
    ranked.frequency AS frequency,
    held.cases AS cases,
    quantiles_us[1] / 1e6 AS p50_s,
    quantiles_us[2] / 1e6 AS p95_s,
    over_us / 3.6e9 AS hours_over_target,
    target_us / 1e6 AS target_s
FROM ranked
INNER JOIN held ON (held.source = ranked.source) AND (held.target = ranked.target)
ORDER BY hours_over_target DESC, source, target
