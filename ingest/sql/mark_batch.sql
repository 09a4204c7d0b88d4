-- Record a batch as begun (0), which holds it, or as stored (1), where it is held still (held_batch).
-- Parameters: tenant, batch, holder, state, load_id, source, stored, conflicts, stored_at.
INSERT INTO batches
SELECT
    {tenant:String}, {batch:UInt64}, {state:UInt8}, unhex({load_id:String}), {source:String},
    if({state:UInt8} = 0, {holder:UInt64}, {stored:UInt64}), {conflicts:UInt64}, {stored_at:DateTime64(6, 'UTC')}
WHERE {state:UInt8} = 0
    OR
    (
        SELECT held
        FROM held_batch(tenant = {tenant:String}, batch = {batch:UInt64}, holder = {holder:UInt64}, load_id = '')
    )
