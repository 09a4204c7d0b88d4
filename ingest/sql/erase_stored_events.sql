-- Delete the copies of events that are erased or rewritten. Parameters: tenant, table (erase_begin.sql).
ALTER TABLE events DELETE
WHERE tenant = {tenant:String}
    AND (event_id, content_hash) IN (SELECT event_id, content_hash FROM {table:Identifier} WHERE kind = 'event')
SETTINGS allow_nondeterministic_mutations = 1
