-- How long cases take: one row per state present ('' for all together) with cases, mean_s, p50_s, p90_s, p95_s, min_s,
-- max_s, in seconds from first to last event. Open cases are censored: their duration so far. Parameters: the filter (mining/filters.py).
SELECT
    if(grouping(state_) = 1, '', state_) AS state,
    count() AS cases,
    avg(duration_us) / 1e6 AS mean_s,
    quantileExactInclusive(0.5)(duration_us) / 1e6 AS p50_s,
    quantileExactInclusive(0.9)(duration_us) / 1e6 AS p90_s,
    quantileExactInclusive(0.95)(duration_us) / 1e6 AS p95_s,
    min(duration_us) / 1e6 AS min_s,
    max(duration_us) / 1e6 AS max_s
FROM
(
    SELECT
        toString(state) AS state_,
        toUnixTimestamp64Micro(ended_at) - toUnixTimestamp64Micro(started_at) AS duration_us
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
GROUP BY GROUPING SETS ((), (state_))
HAVING cases > 0
ORDER BY state
