-- How far the events of each source reach: one row per source (source, events, last_occurred_at, last_seen_at, live).
-- events: stored rows, every copy counted. live: whether any came at run time. Reads three columns of all events.
-- Parameters: tenant, sources (empty: all).
SELECT
    toString(source) AS source,
    count() AS events,
    max(occurred_at) AS last_occurred_at,
    max(seen_at) AS last_seen_at,
    max(mode) = 'live' AS live
FROM events
WHERE tenant = {tenant:String} AND (empty({sources:Array(String)}) OR source IN {sources:Array(String)})
GROUP BY source
ORDER BY source
