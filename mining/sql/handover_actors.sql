-- Handovers between actors: one row per (source, target) with frequency, the directly-follows pairs in which the first
-- event is by source and the second by target, the same one included. Events without an actor make no pair.
-- Most frequent first, then by source and target. Parameters: the filter (mining/filters.py), top.
WITH
    pairs AS
    (
        SELECT source, target, count() AS frequency
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
        ARRAY JOIN arrayPopBack(actors) AS source, arrayPopFront(actors) AS target
        GROUP BY source, target
        HAVING source != 0 AND target != 0
        ORDER BY frequency DESC
        LIMIT {top:UInt64} WITH TIES
    ),
    named AS (SELECT key, any(name) AS name FROM names WHERE tenant = {tenant:String} AND kind = 'actor' GROUP BY key)
SELECT sources.name AS source, targets.name AS target, frequency
FROM pairs
INNER JOIN named AS sources ON sources.key = pairs.source
INNER JOIN named AS targets ON targets.key = pairs.target
ORDER BY frequency DESC, source, target
LIMIT {top:UInt64}
