-- Events of each source that are in the warehouse, each once whatever its copies, and those that were there until they were
-- erased: one row per source (source, events). Reads every event. Parameters: tenant.
SELECT toString(source) AS source, uniqExact(event_id) AS events
FROM
(
    SELECT source, event_id FROM events WHERE tenant = {tenant:String}
    UNION ALL
    SELECT source, event_id FROM erased_events WHERE tenant = {tenant:String}
)
GROUP BY source
ORDER BY source
