-- Cases that await an event: one row each with case_id, asked_at (of the event that began the wait, as exact as the
-- stamps of cut_cases), nth (which of the case's `after` events that is, from 1), last_at, due_at (null where nothing
-- is due) and attributes as JSON. Ordered by case_id.
-- Parameters: the filter (mining/filters.py), ends, cut, after, expect, unless.
SELECT
    case_id,
    fromUnixTimestamp64Micro(asked_us, 'UTC') AS asked_at,
    nth,
    ended_at AS last_at,
    due_at,
    toJSONString(attributes) AS attributes
FROM awaited_events(
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
            states = {states:Array(String)},
            ends = {ends:Array(String)},
            cut = {cut:DateTime64(6, 'UTC')},
            after = {after:String},
            expect = {expect:String},
            unless = {unless:Array(String)})
WHERE outcome = 'waiting'
ORDER BY case_id
