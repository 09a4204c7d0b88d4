-- The processes of which paths are to be deleted: one row each (process; of_subject: 1 where the subject is a case of it).
-- Parameters: tenant, table (erase_begin.sql).
SELECT toString(process) AS process, max(own) AS of_subject
FROM
(
    SELECT source AS process, 0 AS own
    FROM {table:Identifier}
    WHERE kind = 'path'
    UNION ALL
    SELECT process, 1
    FROM case_paths
    WHERE tenant = {tenant:String}
        AND case_id IN (SELECT object_id FROM {table:Identifier} WHERE kind = 'subject')
        AND process IN
        (
            SELECT process
            FROM projections
            WHERE tenant = {tenant:String}
                AND object_type IN (SELECT object_type FROM {table:Identifier} WHERE kind = 'subject')
        )
)
GROUP BY process
ORDER BY process
