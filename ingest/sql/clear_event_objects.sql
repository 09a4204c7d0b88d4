-- Take back the relations of a batch that was interrupted, before they are made again. Parameters: tenant, batch.
DELETE FROM event_objects WHERE tenant = {tenant:String} AND batch = {batch:UInt64}
