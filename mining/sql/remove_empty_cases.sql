-- Mark touched cases that have no event any more as deleted. Parameters: tenant, process, object_type, version,
-- since_batch, through_batch.
INSERT INTO case_paths (tenant, process, case_id, version, is_deleted)
SELECT {tenant:String}, {process:String}, case_id, {version:UInt64}, 1
FROM case_paths
WHERE tenant = {tenant:String}
    AND process = {process:String}
    AND case_id IN
    (
        SELECT object_id
        FROM touched(
            tenant = {tenant:String}, object_type = {object_type:String}, process = {process:String},
            since_batch = {since_batch:UInt64}, through_batch = {through_batch:UInt64})
    )
GROUP BY case_id
HAVING max(version) < {version:UInt64}
