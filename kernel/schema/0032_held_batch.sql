-- Whether a load step is still in the hands of whoever asks: one row (held: 0 or 1). While a batch is begun (state 0) its
-- column stored names who works on it: the last one who said so. A step that was taken over by another loader, finished by
-- it or begun again in a later batch is held no longer, and what its statements would store is not.
-- Parameters: tenant, batch, holder (as in batches.stored), load_id (hex; '' where later batches of the load do not matter).
CREATE VIEW IF NOT EXISTS held_batch AS
SELECT
    (
        SELECT count()
        FROM batches FINAL
        WHERE tenant = {tenant:String} AND batch = {batch:UInt64} AND state = 0 AND stored = {holder:UInt64}
    ) = 1
    AND
    (
        SELECT count()
        FROM batches
        WHERE {load_id:String} != ''
            AND tenant = {tenant:String}
            AND batch > {batch:UInt64}
            AND load_id = unhex({load_id:String})
    ) = 0 AS held
