-- Delete the relations of the subject, and all those of the events that are erased or rewritten; those of what they were
-- rewritten to are made by erase_relate.sql. Parameters: tenant, table (erase_begin.sql), rewritten.
ALTER TABLE event_objects DELETE
WHERE tenant = {tenant:String}
    AND
    (
        event_id IN (SELECT event_id FROM {table:Identifier} WHERE kind = 'event')
        OR event_id IN (SELECT event_id FROM {rewritten:Identifier})
        OR (object_type, object_id) IN (SELECT object_type, object_id FROM {table:Identifier} WHERE kind = 'subject')
    )
SETTINGS allow_nondeterministic_mutations = 1
