-- Take back the relations of a batch that was interrupted, before they are made again; those derived from them too, which
-- the next refresh derives anew. Parameters: tenant, batch.
DELETE FROM event_objects WHERE tenant = {tenant:String} AND batch = {batch:UInt64}
