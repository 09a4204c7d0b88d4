-- Delete what is told of the subject, and values of others that hold it.
-- Parameters: tenant, table (erase_begin.sql).
ALTER TABLE object_attributes DELETE
WHERE tenant = {tenant:String}
    AND
    (
        (object_type, object_id) IN (SELECT object_type, object_id FROM {table:Identifier} WHERE kind = 'subject')
        OR value IN (SELECT text FROM {table:Identifier} WHERE kind = 'value')
    )
SETTINGS allow_nondeterministic_mutations = 1
