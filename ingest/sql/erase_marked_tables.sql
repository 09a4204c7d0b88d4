-- Tables that hold rows which are marked as deleted, and are on disk until they are merged: one row each (table).
SELECT DISTINCT table
FROM system.parts
WHERE database = currentDatabase() AND active AND has_lightweight_delete
ORDER BY table
