-- How much there is of one case: one row with events (how many), began and ended (their first and last stamp).
-- Parameters: tenant, process, object_type, case, activities, lifecycles.
SELECT
    count() AS events,
    min(occurred_at) AS began,
    max(occurred_at) AS ended
FROM event_objects
WHERE tenant = {tenant:String}
    AND object_type = {object_type:String}
    AND derived_for IN ('', {process:String})
    AND object_id = {case:String}
    AND (empty({activities:Array(String)}) OR has({activities:Array(String)}, activity))
    AND (empty({lifecycles:Array(String)}) OR has({lifecycles:Array(String)}, lifecycle))
