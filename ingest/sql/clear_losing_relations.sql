-- Take back the relations of the events of this batch, whichever copy made them; the winners' are written by
-- store_winning_event_objects.sql. Derived relations too: the next refresh derives them from the winners, because the
-- objects of all copies are touched. Nothing is taken back for a step that is held no longer (held_batch).
-- Parameters: tenant, batch, holder.
DELETE FROM event_objects
WHERE tenant = {tenant:String}
    AND event_id IN
    (
        SELECT event_id FROM events WHERE tenant = {tenant:String} AND batch = {batch:UInt64}
    )
    AND {batch:UInt64} IN -- a deletion does not know the view held_batch
    (
        SELECT batch
        FROM batches FINAL
        WHERE tenant = {tenant:String} AND batch = {batch:UInt64} AND state = 0 AND stored = {holder:UInt64}
    )
