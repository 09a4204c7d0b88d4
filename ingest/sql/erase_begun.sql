-- The table of an erasure, where it is there: one row (name). Parameters: table.
SELECT name
FROM system.tables
WHERE database = currentDatabase() AND name = {table:String}
