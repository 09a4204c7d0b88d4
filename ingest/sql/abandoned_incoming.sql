-- Tables of load steps that were interrupted: one row per table (name). Parameters: before (a day ago).
SELECT name
FROM system.tables
WHERE database = currentDatabase() AND startsWith(name, 'incoming_') AND metadata_modification_time < {before:DateTime('UTC')}
ORDER BY name
