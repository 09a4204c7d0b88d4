-- Directly-follows pairs: one row per (source, target) with frequency (pairs), assumed (of them, ordered by assumption
-- only: they have no wait), and mean_s, p50_s, p95_s of the waits in seconds (exact, interpolated between order
-- statistics; null when no pair has a wait). Most frequent first, then by source and target. Parameters: the filter (mining/filters.py).
WITH
    (
        SELECT (groupArray(key), groupArray(name))
        FROM (SELECT toUInt32(key) AS key, any(name) AS name FROM names WHERE tenant = {tenant:String} AND kind = 'activity' GROUP BY key)
    ) AS dictionary,
    pairs AS
    (
        SELECT
            source,
            target,
            count() AS frequency,
            countIf(wait_us < 0) AS assumed,
            avgIf(wait_us, wait_us >= 0) AS mean_us,
            quantilesExactInclusiveIf(0.5, 0.95)(wait_us, wait_us >= 0) AS quantiles_us
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
        GROUP BY source, target
    )
SELECT
    transform(pairs.source, dictionary.1, dictionary.2, '') AS source,
    transform(pairs.target, dictionary.1, dictionary.2, '') AS target,
    frequency,
    assumed,
    if(frequency = assumed, NULL, mean_us / 1e6) AS mean_s,
    if(frequency = assumed, NULL, quantiles_us[1] / 1e6) AS p50_s,
    if(frequency = assumed, NULL, quantiles_us[2] / 1e6) AS p95_s
FROM pairs
ORDER BY frequency DESC, source, target
