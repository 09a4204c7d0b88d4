-- Delete the paths of the subject, and rows of other cases that are out of date.
-- Parameters: tenant, table (erase_begin.sql).
ALTER TABLE case_paths DELETE
WHERE tenant = {tenant:String}
    AND
    (
        (process, case_id, version) IN (SELECT source, object_id, number FROM {table:Identifier} WHERE kind = 'path')
        OR (case_id IN (SELECT object_id FROM {table:Identifier} WHERE kind = 'subject') AND process IN
        (
            SELECT process
            FROM projections
            WHERE tenant = {tenant:String}
                AND object_type IN (SELECT object_type FROM {table:Identifier} WHERE kind = 'subject')
        ))
    )
SETTINGS mutations_sync = 2, allow_nondeterministic_mutations = 1
