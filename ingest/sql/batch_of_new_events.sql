-- What a batch brought when none of its events was stored before: one row. stored: its events. repeated: those that
-- name an object twice. Parameters: tenant, batch.
SELECT
    count() AS stored,
    countIf((length(objects) > 1)
        AND (length(arrayDistinct(arrayMap(o -> (toString(o.type), o.id), objects))) < length(objects))) AS repeated,
    0 AS contested,
    0 AS conflicts
FROM events
WHERE tenant = {tenant:String} AND batch = {batch:UInt64}
