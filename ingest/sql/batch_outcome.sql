-- What a batch brought: one row (stored; repeated: events that name an object twice; conflicts: events of the batch
-- that are stored with other content too). Parameters: tenant, batch.
WITH fresh AS (SELECT source, event_id, source_event_id FROM events WHERE tenant = {tenant:String} AND batch = {batch:UInt64})
SELECT
    (SELECT count() FROM fresh) AS stored,
    (
        SELECT countIf(length(arrayDistinct(arrayMap(o -> (toString(o.type), o.id), objects))) < length(objects))
        FROM events
        WHERE tenant = {tenant:String} AND batch = {batch:UInt64} AND length(objects) > 1
    ) AS repeated,
    (
        SELECT count()
        FROM
        (
            SELECT event_id
            FROM events
            WHERE tenant = {tenant:String}
                AND source IN (SELECT source FROM fresh WHERE source_event_id != '')
                AND event_id IN (SELECT event_id FROM fresh WHERE source_event_id != '')
            GROUP BY source, event_id
            HAVING uniqExact(content_hash, revision) > 1
        )
    ) AS conflicts
