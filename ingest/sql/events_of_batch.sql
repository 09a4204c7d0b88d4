-- How many events a batch holds: one row (stored). Parameters: tenant, batch.
SELECT count() AS stored
FROM events
WHERE tenant = {tenant:String} AND batch = {batch:UInt64}
