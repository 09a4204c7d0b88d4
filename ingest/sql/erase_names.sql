-- Delete names of actors that hold the subject.
-- Parameters: tenant, table (erase_begin.sql).
ALTER TABLE names DELETE
WHERE tenant = {tenant:String}
    AND kind = 'actor'
    AND name IN (SELECT text FROM {table:Identifier} WHERE kind = 'name')
SETTINGS allow_nondeterministic_mutations = 1
