-- Delete the ends of findings about the subject.
-- Parameters: tenant, table (erase_begin.sql).
ALTER TABLE finding_ends DELETE
WHERE tenant = {tenant:String}
    AND finding_id IN
    (
        SELECT finding_id
        FROM findings
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
SETTINGS allow_nondeterministic_mutations = 1
