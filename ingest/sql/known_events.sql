-- How many events of this step are stored already, with whatever content: one row (known). Parameters: table, tenant.
SELECT count() AS known
FROM {table:Identifier}
WHERE event_id IN
(
    SELECT event_id
    FROM events
    WHERE tenant = {tenant:String}
        AND source IN (SELECT DISTINCT source FROM {table:Identifier})
        AND event_id IN (SELECT event_id FROM {table:Identifier})
)
