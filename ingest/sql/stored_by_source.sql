-- Versions of events of each source that are in the warehouse, each once whatever its copies, and events that were there until
-- they were erased: one row per source (source, versions). Reads every event. Parameters: tenant.
SELECT toString(source) AS source, uniqExact(event_id, content_hash, revision) AS versions
FROM
(
    SELECT source, event_id, content_hash, revision FROM events WHERE tenant = {tenant:String}
    UNION ALL
    SELECT source, event_id, toFixedString('', 16), 0 FROM erased_events WHERE tenant = {tenant:String}
)
GROUP BY source
ORDER BY source
