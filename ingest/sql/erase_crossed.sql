-- Delete the links of the subject that paths crossed.
-- Parameters: tenant, table (erase_begin.sql).
ALTER TABLE crossed_links DELETE
WHERE tenant = {tenant:String}
    AND
    (
        (object_type, object_id) IN (SELECT object_type, object_id FROM {table:Identifier} WHERE kind = 'subject')
        OR (other_type, other_id) IN (SELECT object_type, object_id FROM {table:Identifier} WHERE kind = 'subject')
    )
SETTINGS allow_nondeterministic_mutations = 1
