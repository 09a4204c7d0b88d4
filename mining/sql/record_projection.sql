-- Record how far a process is projected. Parameters: tenant, process, version, definition_hash, object_type,
-- through_batch, projected_at.
INSERT INTO projections
SELECT
    {tenant:String}, {process:String}, {version:UInt64}, unhex({definition_hash:String}), {object_type:String},
    {through_batch:UInt64}, {projected_at:DateTime64(6, 'UTC')}
