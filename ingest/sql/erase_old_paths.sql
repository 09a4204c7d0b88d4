-- Note the rows of case_paths that are out of date, of the cases that an erasure touched: they say what the case was.
-- Parameters: tenant, table (erase_begin.sql), erasure (hex).
INSERT INTO {table:Identifier} (kind, source, object_id, number)
SELECT DISTINCT 'path', process, case_id, version
FROM
(
    SELECT toString(process) AS process, case_id, version, max(version) OVER (PARTITION BY process, case_id) AS newest
    FROM case_paths
    WHERE tenant = {tenant:String}
        AND case_id IN
        (
            SELECT object_id
            FROM touched_objects
            WHERE tenant = {tenant:String}
                AND batch IN
                (
                    SELECT batch
                    FROM batches
                    WHERE tenant = {tenant:String} AND load_id = unhex({erasure:String})
                )
        )
)
WHERE version < newest
