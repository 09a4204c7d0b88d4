-- Note as touched for a process the objects one step nearer to the case than the touched ones. Parameters: tenant,
-- process, since_batch, through_batch, near_type, far_type.
INSERT INTO touched_objects (tenant, object_type, batch, object_id, touched_for)
SELECT DISTINCT {tenant:String}, {near_type:String}, {through_batch:UInt64}, other_id, {process:String}
FROM crossed_links
WHERE tenant = {tenant:String}
    AND process = {process:String}
    AND object_type = {far_type:String}
    AND other_type = {near_type:String}
    AND object_id IN
    (
        SELECT object_id
        FROM touched(
            tenant = {tenant:String}, object_type = {far_type:String}, process = {process:String},
            since_batch = {since_batch:UInt64}, through_batch = {through_batch:UInt64})
    )
