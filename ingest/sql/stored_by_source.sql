-- Events of each source that are in the warehouse, each once whatever its copies: one row per source (source, events).
-- Reads every event. Parameters: tenant.
SELECT toString(source) AS source, uniqExact(event_id) AS events
FROM events
WHERE tenant = {tenant:String}
GROUP BY source
ORDER BY source
