-- What a batch brought: one row. stored: events or contents that were not stored before. repeated: events that name an
-- object twice. contested: events of the batch with another copy, of which one wins. conflicts: those of them that are
-- stored with two contents. Parameters: tenant, batch.
WITH
    fresh AS
    (
        SELECT source, event_id
        FROM events
        WHERE tenant = {tenant:String} AND batch = {batch:UInt64}
    ),
    copies AS
    (
        SELECT event_id, content_hash, revision, countIf(batch = {batch:UInt64}) AS here, count() AS everywhere
        FROM events
        WHERE tenant = {tenant:String}
            AND source IN (SELECT DISTINCT source FROM fresh)
            AND event_id IN (SELECT event_id FROM fresh)
        GROUP BY event_id, content_hash, revision
    )
SELECT
    sum(of_event.stored) AS stored,
    (
        SELECT countIf(length(arrayDistinct(arrayMap(o -> (toString(o.type), o.id), objects))) < length(objects))
        FROM events
        WHERE tenant = {tenant:String} AND batch = {batch:UInt64} AND length(objects) > 1
    ) AS repeated,
    countIf(of_event.copies > 1) AS contested,
    countIf(of_event.contents > 1) AS conflicts
FROM
(
    SELECT event_id, countIf(here = everywhere) AS stored, sum(everywhere) AS copies, count() AS contents
    FROM copies
    GROUP BY event_id
) AS of_event
