-- Follow a link path one step further: one row of reached_objects per case and object of far_type that is linked to an
-- object which the path before it (parent; '' for the case itself) reaches.
-- Parameters: tenant, process, object_type, path, parent, near_type, far_type; the part: case ids in (after, upto]
-- ('' for no bound) and, when incremental is 1, only cases touched for the process by batches in
-- (since_batch, through_batch].
INSERT INTO reached_objects
WITH
    wanted AS
    (
        SELECT object_id
        FROM touched(
            tenant = {tenant:String}, object_type = {object_type:String}, process = {process:String},
            since_batch = {since_batch:UInt64}, through_batch = {through_batch:UInt64})
        WHERE touched_for != ''
    ),
    nearer AS
    (
        SELECT DISTINCT case_id, object_id
        FROM reached_objects
        WHERE tenant = {tenant:String}
            AND process = {process:String}
            AND path = {parent:String}
            AND case_id > {after:String}
            AND ({upto:String} = '' OR case_id <= {upto:String})
            AND ({incremental:UInt8} = 0 OR case_id IN wanted)
        UNION ALL
        SELECT DISTINCT object_id AS case_id, object_id
        FROM crossed_links
        WHERE {parent:String} = ''
            AND tenant = {tenant:String}
            AND process = {process:String}
            AND object_type = {near_type:String}
            AND other_type = {far_type:String}
            AND object_id > {after:String}
            AND ({upto:String} = '' OR object_id <= {upto:String})
            AND ({incremental:UInt8} = 0 OR object_id IN wanted)
    )
SELECT DISTINCT {tenant:String}, {process:String}, {path:String}, nearer.case_id, {far_type:String}, links.other_id
FROM crossed_links AS links
INNER JOIN nearer ON nearer.object_id = links.object_id
WHERE links.tenant = {tenant:String}
    AND links.process = {process:String}
    AND links.object_type = {near_type:String}
    AND links.other_type = {far_type:String}
    AND links.object_id IN (SELECT object_id FROM nearer)
