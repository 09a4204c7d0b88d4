-- Follow link paths of one length one step further: one row of reached_objects per path, case and object that is linked to
-- one which the path before it (its parent) reaches.
-- Parameters: tenant, process, object_type; paths, parents, near_types and far_types (one entry per step); the part: case ids
-- in (after, upto] ('' for no bound) and, when incremental is 1, only cases touched for the process by batches in
-- (since_batch, through_batch].
INSERT INTO reached_objects
WITH
    steps AS
    (
        SELECT step.1 AS path, step.2 AS parent, step.3 AS near_type, step.4 AS far_type
        FROM
        (
            SELECT arrayJoin(arrayZip(
                {paths:Array(String)}, {parents:Array(String)}, {near_types:Array(String)},
                {far_types:Array(String)})) AS step
        )
    ),
    nearer AS
    (
        SELECT DISTINCT steps.path AS path, steps.near_type AS near_type, steps.far_type AS far_type, case_id, object_id
        FROM reached_objects
        INNER JOIN steps ON steps.parent = reached_objects.path
        WHERE tenant = {tenant:String}
            AND process = {process:String}
            AND reached_objects.path IN {parents:Array(String)}
            AND case_id > {after:String}
            AND ({upto:String} = '' OR case_id <= {upto:String})
            AND
            (
                {incremental:UInt8} = 0
                OR case_id IN
                (
                    SELECT object_id
                    FROM touched(
                        tenant = {tenant:String}, object_type = {object_type:String}, process = {process:String},
                        since_batch = {since_batch:UInt64}, through_batch = {through_batch:UInt64})
                    WHERE touched_for != ''
                )
            )
    )
SELECT DISTINCT {tenant:String}, {process:String}, nearer.path, nearer.case_id, nearer.far_type, links.other_id
FROM crossed_links AS links
INNER JOIN nearer
    ON nearer.object_id = links.object_id AND nearer.near_type = links.object_type AND nearer.far_type = links.other_type
WHERE links.tenant = {tenant:String}
    AND links.process = {process:String}
    AND links.object_type IN {near_types:Array(String)}
    AND links.other_type IN {far_types:Array(String)}
    AND links.object_id IN (SELECT object_id FROM nearer)
