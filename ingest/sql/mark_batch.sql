-- Record a batch as begun (0) or stored (1). Parameters: tenant, batch, state, load_id, source, stored, conflicts,
-- stored_at.
INSERT INTO batches
SELECT
    {tenant:String}, {batch:UInt64}, {state:UInt8}, unhex({load_id:String}), {source:String}, {stored:UInt64},
    {conflicts:UInt64}, {stored_at:DateTime64(6, 'UTC')}
