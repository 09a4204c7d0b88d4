-- Delete entries of the quarantine that hold the subject.
-- Parameters: tenant, table (erase_begin.sql).
ALTER TABLE quarantine DELETE
WHERE tenant = {tenant:String}
    AND entry IN (SELECT event_id FROM {table:Identifier} WHERE kind = 'entry')
SETTINGS allow_nondeterministic_mutations = 1
