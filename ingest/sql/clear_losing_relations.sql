-- Take back the relations of events of this batch that are stored with other content too; the winners are written
-- by store_event_objects.sql. Parameters: tenant, batch.
DELETE FROM event_objects
WHERE tenant = {tenant:String}
    AND event_id IN
    (
        SELECT event_id FROM events WHERE tenant = {tenant:String} AND batch = {batch:UInt64} AND source_event_id != ''
    )
