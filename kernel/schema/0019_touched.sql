-- The objects of one type whose paths in a process the batches in (since_batch, through_batch] may have changed: what a
-- refresh looks at. touched_for: as in touched_objects. An object may be there more than once.
CREATE VIEW IF NOT EXISTS touched AS
SELECT object_id, touched_for
FROM touched_objects
WHERE tenant = {tenant:String}
    AND object_type = {object_type:String}
    AND touched_for IN ('', {process:String})
    AND batch > {since_batch:UInt64}
    AND batch <= {through_batch:UInt64}
