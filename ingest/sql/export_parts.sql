-- Where to cut an export of the selected cases: one row per part (upto: its last case id; cases; events as projected),
-- by case id. A part holds about {rows} events, and a case is never cut.
-- Parameters: the filter (mining/filters.py), rows.
SELECT max(case_id) AS upto, count() AS cases, sum(held) AS events
FROM
(
    SELECT
        case_id,
        selected.events AS held,
        sum(held) OVER (ORDER BY case_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS reached
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
)
GROUP BY intDiv(reached - held, {rows:UInt64})
ORDER BY upto
