-- Activities done again within a case: one row per activity with cases (in which it occurs at least twice), repeats
-- (executions beyond the first) and share (0 to 1, of the cases that hold the activity). Most repeats first, then by
-- name. Parameters: the filter (mining/filters.py).
WITH
    counted AS
    (
        SELECT activity, countIf(times > 1) AS cases, sum(times - 1) AS repeats, count() AS holding
        FROM
        (
            SELECT activity, countEqual(activities, activity) AS times
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
            ARRAY JOIN arrayDistinct(activities) AS activity
        )
        GROUP BY activity
        HAVING cases > 0
    ),
    named AS (SELECT key, any(name) AS name FROM names WHERE tenant = {tenant:String} AND kind = 'activity' GROUP BY key)
SELECT named.name AS activity, counted.cases AS cases, counted.repeats AS repeats, counted.cases / counted.holding AS share
FROM counted
INNER JOIN named ON named.key = counted.activity
ORDER BY repeats DESC, activity
