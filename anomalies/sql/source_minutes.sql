-- When a source told something: one row per minute of UTC in which it did, with first_at and last_at, by when it
-- happened.
-- In [since, until), ordered by time. Parameters: tenant, source, since, until.
SELECT min(occurred_at) AS first_at, max(occurred_at) AS last_at
FROM events
WHERE tenant = {tenant:String}
    AND source = {source:String}
    AND occurred_at >= {since:DateTime64(6, 'UTC')}
    AND occurred_at < {until:DateTime64(6, 'UTC')}
GROUP BY toStartOfMinute(occurred_at)
ORDER BY first_at
