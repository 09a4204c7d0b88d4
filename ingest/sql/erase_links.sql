-- Delete the links of the subject.
-- Parameters: tenant, table (erase_begin.sql).
ALTER TABLE object_links DELETE
WHERE tenant = {tenant:String}
    AND
    (
        (from_type, from_id) IN (SELECT object_type, object_id FROM {table:Identifier} WHERE kind = 'subject')
        OR (to_type, to_id) IN (SELECT object_type, object_id FROM {table:Identifier} WHERE kind = 'subject')
    )
SETTINGS allow_nondeterministic_mutations = 1
