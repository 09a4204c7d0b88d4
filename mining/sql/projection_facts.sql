-- What a build has to reckon with: one row of 0 or 1: tied (several sources, business dates or ranks decide the order),
-- started (activities with a start), attributed (cases with attributes). Of the whole log or, when incremental is 1, of
-- the objects touched by batches in (since_batch, through_batch].
-- Parameters: tenant, process, object_type, ranks, case_attributes, incremental, since_batch, through_batch.
SELECT
    toUInt8((uniqExact(source) > 1) OR (countIf(precision = 'day') > 0) OR notEmpty({ranks:Array(String)})) AS tied,
    toUInt8(count(started_at) > 0) AS started,
    toUInt8(notEmpty({case_attributes:Array(String)}) OR (
        SELECT count() > 0
        FROM object_attributes
        WHERE tenant = {tenant:String}
            AND object_type = {object_type:String}
            AND attribute != ''
            AND ({incremental:UInt8} = 0 OR object_id IN (
                SELECT object_id
                FROM touched(
                    tenant = {tenant:String}, object_type = {object_type:String}, process = {process:String},
                    since_batch = {since_batch:UInt64}, through_batch = {through_batch:UInt64}))))) AS attributed
FROM event_objects
WHERE tenant = {tenant:String}
    AND object_type = {object_type:String}
    AND derived_for IN ('', {process:String})
    AND ({incremental:UInt8} = 0 OR object_id IN (
        SELECT object_id
        FROM touched(
            tenant = {tenant:String}, object_type = {object_type:String}, process = {process:String},
            since_batch = {since_batch:UInt64}, through_batch = {through_batch:UInt64})))
