-- How many events of this step are not in the warehouse under any batch: one row (missing). Parameters: table, tenant.
SELECT count() AS missing
FROM {table:Identifier}
WHERE event_id NOT IN
(
    SELECT event_id
    FROM events
    WHERE tenant = {tenant:String}
        AND source IN (SELECT DISTINCT source FROM {table:Identifier})
        AND event_id IN (SELECT event_id FROM {table:Identifier})
)
