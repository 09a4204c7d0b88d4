-- Batches that were begun and not finished: one row each (batch, load_id as hex, source), oldest first.
-- Parameters: tenant.
SELECT batch, lower(hex(load_id)) AS load_id, toString(source) AS source
FROM batches FINAL
WHERE tenant = {tenant:String} AND state = 0
ORDER BY batch
