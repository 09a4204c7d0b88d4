-- Remember the events of which no copy is left. Parameters: tenant, table (erase_begin.sql), rewritten, erasure (hex).
INSERT INTO erased_events
SELECT DISTINCT {tenant:String}, source, event_id, unhex({erasure:String})
FROM {table:Identifier}
WHERE kind = 'event'
    AND event_id NOT IN
    (
        SELECT event_id
        FROM events
        WHERE tenant = {tenant:String} AND event_id IN (SELECT event_id FROM {table:Identifier} WHERE kind = 'event')
    )
    AND event_id NOT IN (SELECT was_id FROM {rewritten:Identifier})
