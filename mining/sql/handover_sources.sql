-- Handovers between sources: one row per (source, target) with frequency, the directly-follows pairs in which the first
-- event is by source and the second by target, the same one included. Events without a source make no pair.
-- Most frequent first, then by source and target. Parameters: the filter (mining/filters.py), top.
WITH
    (
        SELECT (groupArray(key), groupArray(name))
        FROM (SELECT toUInt32(key) AS key, any(name) AS name FROM names WHERE tenant = {tenant:String} AND kind = 'source' GROUP BY key)
    ) AS dictionary
SELECT
    transform(source_key, dictionary.1, dictionary.2, '') AS source,
    transform(target_key, dictionary.1, dictionary.2, '') AS target,
    count() AS frequency
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
ARRAY JOIN arrayPopBack(sources) AS source_key, arrayPopFront(sources) AS target_key
GROUP BY source_key, target_key
HAVING source_key != 0 AND target_key != 0
ORDER BY frequency DESC, source, target
LIMIT {top:UInt64}
