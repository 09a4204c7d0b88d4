-- How many statements that write are under way in this database for as long as that: one row (statements).
-- Parameters: seconds.
SELECT count() AS statements
FROM system.processes
WHERE query_kind IN ('Insert', 'Delete')
    AND current_database = currentDatabase()
    AND elapsed >= {seconds:Float64}
