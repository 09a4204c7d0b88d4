-- The log of a process at a glance: one row (cases, events, activities, variants, first, last, assumed_pairs, open,
-- complete). first and last are null for an empty log. Parameters: the filter (mining/filters.py).
SELECT
    count() AS cases,
    sum(selected.events) AS events,
    uniqExactArray(selected.activities) AS activities,
    uniqExact(variant) AS variants,
    if(cases = 0, NULL, min(started_at)) AS first,
    if(cases = 0, NULL, max(ended_at)) AS last,
    sum(assumed) AS assumed_pairs,
    countIf(state = 'open') AS open,
    countIf(state = 'complete') AS complete
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
        states = {states:Array(String)}) AS selected
