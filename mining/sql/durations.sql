-- How long cases take: one row per state present ('' for all together) with cases, mean_s, p50_s, p90_s, p95_s, min_s,
-- max_s, in seconds from first to last event. Open cases are censored: their duration so far. Parameters: the filter (mining/filters.py).
SELECT
    if(grouping(state_) = 1, '', state_) AS state,
    sum(cases_) AS cases,
    sum(sum_us) / cases / 1e6 AS mean_s,
    quantilesExactInclusiveMerge(0.5, 0.9, 0.95)(quantiles_us)[1] / 1e6 AS p50_s,
    quantilesExactInclusiveMerge(0.5, 0.9, 0.95)(quantiles_us)[2] / 1e6 AS p90_s,
    quantilesExactInclusiveMerge(0.5, 0.9, 0.95)(quantiles_us)[3] / 1e6 AS p95_s,
    min(min_us) / 1e6 AS min_s,
    max(max_us) / 1e6 AS max_s
FROM
(
    SELECT
        toString(state) AS state_,
        count() AS cases_,
        sum(duration_us) AS sum_us,
        min(duration_us) AS min_us,
        max(duration_us) AS max_us,
        quantilesExactInclusiveState(0.5, 0.9, 0.95)(duration_us) AS quantiles_us
    FROM
    (
        SELECT state, toUnixTimestamp64Micro(ended_at) - toUnixTimestamp64Micro(started_at) AS duration_us
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
    )
    GROUP BY state
)
GROUP BY GROUPING SETS ((), (state_))
HAVING cases > 0
ORDER BY state
