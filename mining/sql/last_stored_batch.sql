-- The last batch up to which every batch is stored, and whether one of those after since_batch brought conflicts:
-- one row (through_batch, conflicts). Parameters: tenant, since_batch.
WITH (SELECT min(batch) FROM batches FINAL WHERE tenant = {tenant:String} AND state = 0) AS first_open
SELECT max(batch) AS through_batch, sumIf(conflicts, batch > {since_batch:UInt64}) AS conflicts
FROM batches FINAL
WHERE tenant = {tenant:String} AND state = 1 AND (first_open = 0 OR batch < first_open)
