-- The relations of all events of which a copy was erased or rewritten, as store_winning_event_objects.sql makes them.
-- Parameters: tenant, table (erase_begin.sql), rewritten, batch.
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
        AND
        (
            event_id IN (SELECT event_id FROM {table:Identifier} WHERE kind = 'event')
            OR event_id IN (SELECT event_id FROM {rewritten:Identifier})
        )
    ORDER BY source, event_id, revision DESC, content_hash, sequence
    LIMIT 1 BY source, event_id
)
ARRAY JOIN arrayDistinct(arrayMap(o -> (toString(o.type), o.id), objects)) AS reference
