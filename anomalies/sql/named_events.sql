-- Events of a few activities of the cases named: one row each with case_id, activity, nth (of its activity, from 1, in
-- case order), event_id (hex) and order_at. Ordered by case_id, order_at, activity, nth.
-- Parameters: tenant, process, object_type, activities, lifecycles, cases.
SELECT
    object_id AS case_id,
    toString(activity) AS activity,
    row_number() OVER (
        PARTITION BY object_id, activity
        ORDER BY order_at, toString(source), sequence, event_objects.event_id) AS nth,
    lower(hex(event_objects.event_id)) AS event_id,
    order_at
FROM event_objects
WHERE tenant = {tenant:String}
    AND object_type = {object_type:String}
    AND derived_for IN ('', {process:String})
    AND object_id IN (SELECT arrayJoin({cases:Array(String)}))
    AND has({activities:Array(String)}, activity)
    AND (empty({lifecycles:Array(String)}) OR has({lifecycles:Array(String)}, lifecycle))
ORDER BY case_id, order_at, activity, nth
