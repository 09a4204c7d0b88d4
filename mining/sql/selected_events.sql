-- The events of the selected cases, as an event log: one row each (case, event_id as hex, activity, occurred_at,
-- precision, started_at, source, actor, actor_kind, lifecycle, outcome, error_code, value, currency, attributes as
-- JSON). Cases by id, events of a case in case order.
-- Parameters: the filter (mining/filters.py), object_type, activities, lifecycles, ranks, top.
SELECT
    object_id AS case,
    lower(hex(event_id)) AS event_id,
    toString(activity) AS activity,
    occurred_at,
    toString(precision) AS precision,
    started_at,
    toString(source) AS source,
    actor,
    toString(actor_kind) AS actor_kind,
    toString(lifecycle) AS lifecycle,
    toString(outcome) AS outcome,
    toString(error_code) AS error_code,
    value,
    toString(currency) AS currency,
    attributes
FROM event_objects
WHERE tenant = {tenant:String}
    AND object_type = {object_type:String}
    AND derived_for IN ('', {process:String})
    AND object_id IN
    (
        SELECT case_id
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
    AND (empty({activities:Array(String)}) OR has({activities:Array(String)}, activity))
    AND (empty({lifecycles:Array(String)}) OR has({lifecycles:Array(String)}, lifecycle))
ORDER BY object_id, order_at, toUInt32(indexOf({ranks:Array(String)}, activity)), event_objects.source, sequence, event_objects.event_id
LIMIT {top:UInt64}
