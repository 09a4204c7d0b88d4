-- Delete the paths of the subject in one process, and rows of other cases that are out of date. Only its own partition is
-- looked through. Parameters: tenant, process, of_subject (1: the subject is a case of it), table (erase_begin.sql).
ALTER TABLE case_paths DELETE IN PARTITION ({tenant:String}, {process:String})
WHERE (case_id, version) IN
    (
        SELECT object_id, number
        FROM {table:Identifier}
        WHERE kind = 'path' AND source = {process:String}
    )
    OR ({of_subject:UInt8} = 1 AND case_id IN (SELECT object_id FROM {table:Identifier} WHERE kind = 'subject'))
SETTINGS allow_nondeterministic_mutations = 1
