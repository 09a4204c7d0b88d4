-- The cases to which an activity happened at or after an instant: one row each (case_id), by case_id.
-- Parameters: tenant, process, object_type, cases, activity, since.
SELECT DISTINCT object_id AS case_id
FROM event_objects
WHERE tenant = {tenant:String}
    AND object_type = {object_type:String}
    AND derived_for IN ('', {process:String})
    AND object_id IN {cases:Array(String)}
    AND activity = {activity:String}
    AND order_at >= {since:DateTime64(6, 'UTC')}
ORDER BY case_id
