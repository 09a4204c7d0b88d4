-- Where to cut the cases that have links so that each part holds about {rows} of these: one row per cut (object_id),
-- ascending. Parameters: tenant, process, object_type, rows; when incremental is 1, only cases touched for the process
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
                    FROM touched_objects
                    WHERE tenant = {tenant:String}
                        AND object_type = {object_type:String}
                        AND touched_for = {process:String}
                        AND batch > {since_batch:UInt64}
                        AND batch <= {through_batch:UInt64}
                )
            )
        ORDER BY tenant, process, object_type, object_id
    )
)
WHERE position > 0 AND position % {rows:UInt64} = 0
ORDER BY object_id
