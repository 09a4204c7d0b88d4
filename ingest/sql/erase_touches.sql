-- Delete the notes that the subject was touched.
-- Parameters: tenant, table (erase_begin.sql).
ALTER TABLE touched_objects DELETE
WHERE tenant = {tenant:String}
    AND (object_type, object_id) IN (SELECT object_type, object_id FROM {table:Identifier} WHERE kind = 'subject')
SETTINGS allow_nondeterministic_mutations = 1
