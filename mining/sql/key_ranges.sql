-- Where to cut a full build so that each part holds about {rows} relations: one row per cut (object_id), ascending.
-- Derived relations weigh like others; those of other processes only make parts smaller, and a filter would cost.
-- Parameters: tenant, object_type, rows.
SELECT DISTINCT object_id
FROM
(
    SELECT object_id, rowNumberInAllBlocks() AS position
    FROM
    (
        SELECT object_id
        FROM event_objects
        WHERE tenant = {tenant:String} AND object_type = {object_type:String}
        ORDER BY tenant, object_type, object_id
    )
)
WHERE position > 0 AND position % {rows:UInt64} = 0
ORDER BY object_id
