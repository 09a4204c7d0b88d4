-- Activities done again within a case: one row per activity with cases (in which it occurs at least twice), repeats
-- (executions beyond the first) and share (0 to 1, of the cases that hold the activity). Most repeats first, then by
-- name. Parameters: the filter (mining/filters.py).
WITH
    (
        SELECT (groupArray(key), groupArray(name))
        FROM (SELECT toUInt32(key) AS key, any(name) AS name FROM names WHERE tenant = {tenant:String} AND kind = 'activity' GROUP BY key)
    ) AS dictionary
SELECT
    transform(key, dictionary.1, dictionary.2, '') AS activity,
    countIf(times > 1) AS cases,
    sum(times - 1) AS repeats,
    cases / count() AS share
FROM
(
    SELECT key, countEqual(activities, key) AS times
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
    ARRAY JOIN arrayDistinct(activities) AS key
)
GROUP BY key
HAVING cases > 0
ORDER BY repeats DESC, activity
