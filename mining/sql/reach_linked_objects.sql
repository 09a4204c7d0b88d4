-- Follow the first step of all link paths: one row of reached_objects per case and object of one of far_types that is linked
-- to it. Parameters: tenant, process, object_type, paths and far_types (one entry per step); the part: case ids in
-- (after, upto] ('' for no bound) and, when incremental is 1, only cases touched for the process by batches in
-- (since_batch, through_batch].
INSERT INTO reached_objects
SELECT DISTINCT
    {tenant:String}, {process:String}, {paths:Array(String)}[indexOf({far_types:Array(String)}, toString(other_type))],
    object_id, other_type, other_id
FROM crossed_links
WHERE tenant = {tenant:String}
    AND process = {process:String}
    AND object_type = {object_type:String}
    AND has({far_types:Array(String)}, other_type)
    AND object_id > {after:String}
    AND ({upto:String} = '' OR object_id <= {upto:String})
    AND
    (
        {incremental:UInt8} = 0
        OR object_id IN
        (
            SELECT object_id
            FROM touched(
                tenant = {tenant:String}, object_type = {object_type:String}, process = {process:String},
                since_batch = {since_batch:UInt64}, through_batch = {through_batch:UInt64})
            WHERE touched_for != ''
        )
    )
