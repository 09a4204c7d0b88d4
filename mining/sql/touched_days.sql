-- UTC days on which the touched cases started, in every version of them: one row (days, ascending; version: the newest).
-- Parameters: tenant, process, object_type, since_batch, through_batch.
SELECT arraySort(groupUniqArrayIf(toDate32(started_at), is_deleted = 0)) AS days, max(version) AS version
FROM case_paths
WHERE tenant = {tenant:String}
    AND process = {process:String}
    AND case_id IN
    (
        SELECT object_id
        FROM touched(
            tenant = {tenant:String}, object_type = {object_type:String}, process = {process:String},
            since_batch = {since_batch:UInt64}, through_batch = {through_batch:UInt64})
    )
