-- Where to cut a full build so that each part holds about {rows} relations: one row per cut (object_id), ascending. Taken
-- from the marks of the table's primary key, one per 8,192 relations of a part on disk, so that no relation is read.
-- Parameters: tenant, object_type, rows.
SELECT DISTINCT object_id
FROM
(
    SELECT
        object_id,
        sum(rows_in_granule) OVER (ORDER BY object_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS reached,
        reached - rows_in_granule AS before
    FROM mergeTreeIndex(currentDatabase(), event_objects)
    WHERE tenant = {tenant:String} AND object_type = {object_type:String}
)
WHERE intDiv(before, {rows:UInt64}) < intDiv(reached, {rows:UInt64})
ORDER BY object_id
