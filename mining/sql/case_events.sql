-- Events of one case in case order, from place first (0 is the first) on: one row each (event_id as hex, activity,
-- occurred_at, precision, started_at, source, actor, actor_kind, lifecycle, outcome, error_code, value, currency,
-- attributes as JSON). Parameters: tenant, process, object_type, case, activities, lifecycles, ranks, first, page.
SELECT
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
    AND object_id = {case:String}
    AND (empty({activities:Array(String)}) OR has({activities:Array(String)}, activity))
    AND (empty({lifecycles:Array(String)}) OR has({lifecycles:Array(String)}, lifecycle))
ORDER BY order_at, toUInt32(indexOf({ranks:Array(String)}, activity)), event_objects.source, sequence, event_objects.event_id
LIMIT {page:UInt64} OFFSET {first:UInt64}
