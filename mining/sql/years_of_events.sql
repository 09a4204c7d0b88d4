-- UTC years in which the clock of a promise may start: one row each (year), ascending. Those of the events of an object
-- type, or, when since_batch is not 0, of objects touched by batches in (since_batch, through_batch].
-- Parameters: tenant, process, object_type, since_batch, through_batch.
SELECT DISTINCT arrayJoin([toYear(occurred_at), toYear(order_at), toYear(ifNull(started_at, occurred_at))]) AS year
FROM event_objects
WHERE tenant = {tenant:String}
    AND object_type = {object_type:String}
    AND derived_for IN ('', {process:String})
    AND
    (
        {since_batch:UInt64} = 0
        OR object_id IN
        (
            SELECT object_id
            FROM touched(
                tenant = {tenant:String}, object_type = {object_type:String}, process = {process:String},
                since_batch = {since_batch:UInt64}, through_batch = {through_batch:UInt64})
        )
    )
    AND year BETWEEN 1970 AND 2299
ORDER BY year
