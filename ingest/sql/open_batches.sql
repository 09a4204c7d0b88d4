-- Batches that were begun and not finished: one row each (batch, load_id as hex, source), oldest first.
-- Parameters: tenant; those of a load (load_id as hex) and those begun before an instant (before), or every one (all: 1).
SELECT batch, lower(hex(batches.load_id)) AS load_id, toString(source) AS source
FROM batches FINAL
WHERE tenant = {tenant:String}
    AND state = 0
    AND ({all:UInt8} = 1 OR batches.load_id = unhex({load_id:String}) OR stored_at < {before:DateTime64(6, 'UTC')})
ORDER BY batch
