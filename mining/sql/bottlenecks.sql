-- Steps that lose the most time: one row per (source, target) with frequency, cases, p50_s, p95_s of the wait in
-- seconds, hours_over_target (hours of all waits beyond the target, together) and target_s: the step's own target, or
-- the median wait of all pairs of the selection. Most hours first, then by source and target. Assumed pairs have no
-- wait and do not count. Parameters: the filter (mining/filters.py), target_sources, target_targets, target_waits_us, top.
WITH
    (
        SELECT (groupArray(key), groupArray(name))
        FROM (SELECT toUInt32(key) AS key, any(name) AS name FROM names WHERE tenant = {tenant:String} AND kind = 'activity' GROUP BY key)
    ) AS dictionary,
    pairs AS
    (
        SELECT source, target, wait_us, nth
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
        ARRAY JOIN
            arrayPopBack(activities) AS source,
            arrayPopFront(activities) AS target,
            waits_us AS wait_us,
            arrayEnumerateUniq(arrayPopBack(activities), arrayPopFront(activities), arrayMap(wait -> wait >= 0, waits_us)) AS nth
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
            if(empty({target_sources:Array(String)}) OR NOT has(targeted, (source, target)),
                median_us, toFloat64({target_waits_us:Array(Int64)}[indexOf(targeted, (source, target))])) AS target_us,
            count() AS frequency,
            countIf(nth = 1) AS cases,
            quantilesExactInclusive(0.5, 0.95)(wait_us) AS quantiles_us,
            sum(greatest(0, wait_us - target_us)) AS over_us
        FROM pairs
        GROUP BY source, target, target_us
    )
SELECT
    transform(counted.source, dictionary.1, dictionary.2, '') AS source,
    transform(counted.target, dictionary.1, dictionary.2, '') AS target,
    frequency,
    cases,
    quantiles_us[1] / 1e6 AS p50_s,
    quantiles_us[2] / 1e6 AS p95_s,
    over_us / 3.6e9 AS hours_over_target,
    target_us / 1e6 AS target_s
FROM counted
ORDER BY over_us DESC, source, target
LIMIT {top:UInt64}
