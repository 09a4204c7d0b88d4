-- First and last activities of cases: one row per side ('start', 'end') and activity with count (cases). By side, most
-- frequent first, then by name. Parameters: the filter (mining/filters.py).
WITH
    counted AS
    (
        SELECT first, last, count() AS cases
        FROM
        (
            SELECT activities[1] AS first, activities[-1] AS last
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
        GROUP BY first, last
    ),
    named AS (SELECT key, any(name) AS name FROM names WHERE tenant = {tenant:String} AND kind = 'activity' GROUP BY key)
SELECT side, named.name AS activity, sides.count AS count
FROM
(
    SELECT 'start' AS side, first AS key, sum(cases) AS count FROM counted GROUP BY key
    UNION ALL
    SELECT 'end', last, sum(cases) FROM counted GROUP BY last
) AS sides
INNER JOIN named ON named.key = sides.key
ORDER BY side DESC, count DESC, activity
