-- The objects whose paths a batch may have changed: those of its events, of other copies of them, and those whose
-- attributes it brought. Its events are read as in store_event_objects.sql.
-- Parameters: table, held_batch, tenant, batch, contested.
INSERT INTO touched_objects (tenant, object_type, batch, object_id)
SELECT DISTINCT {tenant:String}, object_type, {batch:UInt64}, object_id
FROM
(
    SELECT toString(o.type) AS object_type, o.id AS object_id
    FROM {table:Identifier}
    ARRAY JOIN objects AS o
    WHERE tenant = {tenant:String} AND batch = {held_batch:UInt64}
    UNION ALL
    SELECT toString(o.type), o.id
    FROM events
    ARRAY JOIN objects AS o
    WHERE {contested:UInt64} > 0
        AND tenant = {tenant:String}
        AND event_id IN (SELECT event_id FROM events WHERE tenant = {tenant:String} AND batch = {batch:UInt64})
    UNION ALL
    SELECT toString(object_type), object_id
    FROM object_attributes
    WHERE tenant = {tenant:String} AND batch = {batch:UInt64} AND attribute != ''
)
