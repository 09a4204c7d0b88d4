-- Tables of which old parts are on disk that are in use no more: one row each (table, parts). Parameters: before: the
-- instant until which they were in use.
SELECT table, count() AS parts
FROM system.parts
WHERE database = currentDatabase() AND NOT active AND remove_time <= {before:DateTime('UTC')}
GROUP BY table
ORDER BY table
