-- Take back the relations of a batch that was interrupted, before they are made again; those derived from them too, which
-- the next refresh derives anew; nothing where another finishes it by now (held_batch).
-- Parameters: tenant, batch, holder.
DELETE FROM event_objects
WHERE tenant = {tenant:String}
    AND batch = {batch:UInt64}
    AND {batch:UInt64} IN -- a deletion does not know the view held_batch
    (
        SELECT batch
        FROM batches FINAL
        WHERE tenant = {tenant:String} AND batch = {batch:UInt64} AND state = 0 AND stored = {holder:UInt64}
    )
