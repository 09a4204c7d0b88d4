-- Take back the relations of the events of this batch, whichever copy made them; the winners' are written by
-- store_winning_event_objects.sql. Derived relations too: the next refresh derives them from the winners, because the
-- objects of all copies are touched. Parameters: tenant, batch.
DELETE FROM event_objects
WHERE tenant = {tenant:String}
    AND event_id IN
    (
        SELECT event_id FROM events WHERE tenant = {tenant:String} AND batch = {batch:UInt64}
    )
