-- The objects whose paths an erasure may have changed: the subject, those beside it, and those of the events that lost it.
-- Parameters: tenant, table (erase_begin.sql), rewritten, batch.
INSERT INTO touched_objects (tenant, object_type, batch, object_id)
SELECT DISTINCT {tenant:String}, object_type, {batch:UInt64}, object_id
FROM
(
    SELECT object_type, object_id
    FROM {table:Identifier}
    WHERE kind IN ('subject', 'beside')
    UNION ALL
    SELECT toString(o.type), o.id
    FROM events
    ARRAY JOIN objects AS o
    WHERE tenant = {tenant:String}
        AND
        (
            event_id IN (SELECT event_id FROM {table:Identifier} WHERE kind = 'event')
            OR event_id IN (SELECT event_id FROM {rewritten:Identifier})
        )
)
