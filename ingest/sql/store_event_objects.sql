-- One relation per object of each event of a batch, where no event names an object twice. They are read from a table
-- and the batch under which it holds them: events, or that of their step (batch 0) where all of them were new.
-- None for a step that is held no longer (held_batch). Parameters: table, held_batch, tenant, batch, holder, load_id.
INSERT INTO event_objects
(
    tenant, object_type, object_id, order_at, source, sequence, event_id, activity, lifecycle, occurred_at, precision,
    time_kind, started_at, actor, actor_kind, outcome, error_code, value, currency, attributes, qualifiers, batch
)
SELECT
    tenant, reference.type, reference.id, order_at, source, sequence, event_id, activity, lifecycle, occurred_at, precision,
    time_kind, started_at, actor, actor_kind, outcome, error_code, value, currency, attributes,
    [reference.qualifier],
    {batch:UInt64}
FROM {table:Identifier}
ARRAY JOIN objects AS reference
WHERE tenant = {tenant:String}
    AND batch = {held_batch:UInt64}
    AND (
        SELECT held
        FROM
        held_batch(
            tenant = {tenant:String}, batch = {batch:UInt64}, holder = {holder:UInt64}, load_id = {load_id:String})
    )
