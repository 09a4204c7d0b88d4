-- Where to cut the cases that have links so that each part holds about {rows} of these: one row per part (object_id: the
-- first case of the first part, after it the last one of the part before), ascending; none where no case has a link.
-- Parameters: tenant, process, object_type, rows; when incremental is 1, only cases touched for the process
-- by batches in (since_batch, through_batch].
SELECT DISTINCT object_id
FROM
(
    SELECT object_id, rowNumberInAllBlocks() AS position
    FROM
    (
        SELECT object_id
        FROM crossed_links
        WHERE tenant = {tenant:String}
            AND process = {process:String}
            AND object_type = {object_type:String}
            AND
            (
                {incremental:UInt8} = 0
                OR object_id IN
                (
                    SELECT object_id
                    FROM touched(
                        tenant = {tenant:String}, object_type = {object_type:String}, process = {process:String},
                        since_batch = {since_batch:UInt64}, through_batch = {through_batch:UInt64})
                    WHERE touched_for != ''
                )
            )
        ORDER BY tenant, process, object_type, object_id
    )
)
WHERE position % {rows:UInt64} = 0
ORDER BY object_id
