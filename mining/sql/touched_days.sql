-- UTC days on which the touched cases start at present: one row each (day). Parameters: tenant, process, object_type,
-- since_batch, through_batch.
SELECT DISTINCT toDate32(started_at) AS day
FROM case_paths FINAL
WHERE tenant = {tenant:String}
    AND process = {process:String}
    AND case_id IN
    (
        SELECT object_id
        FROM touched_objects
        WHERE tenant = {tenant:String}
            AND object_type = {object_type:String}
            AND touched_for IN ('', {process:String})
            AND batch > {since_batch:UInt64}
            AND batch <= {through_batch:UInt64}
    )
ORDER BY day
