-- Tables of refreshes that were interrupted: one row per table (name). Parameters: before (a day ago).
SELECT name
FROM system.tables
WHERE database = currentDatabase() AND startsWith(name, 'due_curves_') AND metadata_modification_time < {before:DateTime('UTC')}
ORDER BY name
