-- Record how far a process is projected. Parameters: tenant, process, version, definition_hash, object_type,
-- through_batch, projected_at, and what its events have: sources, dated, started, attributed.
INSERT INTO projections
SELECT
    {tenant:String}, {process:String}, {version:UInt64}, unhex({definition_hash:String}), {object_type:String},
    {through_batch:UInt64}, {sources:Array(String)}, {dated:UInt8}, {started:UInt8}, {attributed:UInt8},
    {projected_at:DateTime64(6, 'UTC')}
