-- The types of the objects that a batch touched: one row each (object_type). Parameters: tenant, batch.
SELECT DISTINCT toString(object_type) AS object_type
FROM touched_objects
WHERE tenant = {tenant:String} AND batch = {batch:UInt64}
