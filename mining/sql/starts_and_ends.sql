-- First and last activities of cases: one row per side ('start', 'end') and activity with count (cases). By side, most
-- frequent first, then by name. Parameters: the filter (mining/filters.py).
WITH
    (
        SELECT (groupArray(key), groupArray(name))
        FROM (SELECT toUInt32(key) AS key, any(name) AS name FROM names WHERE tenant = {tenant:String} AND kind = 'activity' GROUP BY key)
    ) AS dictionary
SELECT
    bound.1 AS side,
    transform(bound.2, dictionary.1, dictionary.2, '') AS activity,
    count() AS count
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
ARRAY JOIN [('start', activities[1]), ('end', activities[-1])] AS bound
GROUP BY bound
ORDER BY side DESC, count DESC, activity
