-- What the finished batches of one load stored: one row (stored, conflicts). Parameters: tenant, load_id.
SELECT sum(stored) AS stored, sum(conflicts) AS conflicts
FROM batches FINAL
WHERE tenant = {tenant:String} AND load_id = unhex({load_id:String}) AND state = 1
