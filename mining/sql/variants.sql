-- Variants: one row each with variant (id, 16 hex digits), activities (names in order), cases, share (0 to 1, of the
-- selected cases), p50_s (median case duration in seconds), first and last (when its first and last case started).
-- Most cases first, then by id. total: all variants of the selection, on every row. Parameters: the filter (mining/filters.py), top.
WITH
    (
        SELECT (groupArray(key), groupArray(name))
        FROM (SELECT toUInt32(key) AS key, any(name) AS name FROM names WHERE tenant = {tenant:String} AND kind = 'activity' GROUP BY key)
    ) AS dictionary,
    counted AS
    (
        SELECT
            variant,
            -- Equal for all cases of a variant. groupArray keeps an array as it is where any() takes it apart.
            groupArray(1)(activities)[1] AS path,
            count() AS cases,
            quantileExactInclusive(0.5)(toUnixTimestamp64Micro(ended_at) - toUnixTimestamp64Micro(started_at)) AS median_us,
            min(started_at) AS first,
            max(started_at) AS last
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
        GROUP BY variant
    )
SELECT
    lower(leftPad(hex(counted.variant), 16, '0')) AS variant,
    arrayMap(key -> transform(key, dictionary.1, dictionary.2, ''), path) AS activities,
    cases,
    cases / sum(cases) OVER () AS share,
    median_us / 1e6 AS p50_s,
    first,
    last,
    count() OVER () AS total
FROM counted
ORDER BY cases DESC, counted.variant
LIMIT {top:UInt64}
