-- As store_event_objects.sql for batches in which an event names an object twice or is stored with other content too:
-- of each event the winning copy, which is the highest revision, then the smallest content_hash.
-- None for a step that is held no longer (held_batch). Parameters: tenant, batch, holder, load_id.
INSERT INTO event_objects
(
    tenant, object_type, object_id, order_at, source, sequence, event_id, activity, lifecycle, occurred_at, precision,
    time_kind, started_at, actor, actor_kind, outcome, error_code, value, currency, attributes, qualifiers, batch
)
SELECT
    tenant, reference.1, reference.2, order_at, source, sequence, event_id, activity, lifecycle, occurred_at, precision,
    time_kind, started_at, actor, actor_kind, outcome, error_code, value, currency, attributes,
    arraySort(arrayDistinct(arrayMap(o -> o.qualifier, arrayFilter(o -> (o.type = reference.1) AND (o.id = reference.2), objects)))),
    {batch:UInt64}
FROM
(
    SELECT *
    FROM events
    WHERE tenant = {tenant:String}
        AND source IN (SELECT source FROM events WHERE tenant = {tenant:String} AND batch = {batch:UInt64})
        AND event_id IN (SELECT event_id FROM events WHERE tenant = {tenant:String} AND batch = {batch:UInt64})
    ORDER BY source, event_id, revision DESC, content_hash, sequence
    LIMIT 1 BY source, event_id
)
ARRAY JOIN arrayDistinct(arrayMap(o -> (toString(o.type), o.id), objects)) AS reference
WHERE
(
    SELECT held
    FROM
    held_batch(
        tenant = {tenant:String}, batch = {batch:UInt64}, holder = {holder:UInt64}, load_id = {load_id:String})
)
