-- What a full build has to reckon with: one row of 0 or 1: tied (several sources, business dates or ranks decide the
-- order), started (activities with a start), attributed (cases with attributes).
-- Parameters: tenant, object_type, ranks, case_attributes.
SELECT
    toUInt8((uniqExact(source) > 1) OR (countIf(precision = 'day') > 0) OR notEmpty({ranks:Array(String)})) AS tied,
    toUInt8(count(started_at) > 0) AS started,
    toUInt8(notEmpty({case_attributes:Array(String)}) OR (
        SELECT count() > 0
        FROM object_attributes
        WHERE tenant = {tenant:String} AND object_type = {object_type:String} AND attribute != '')) AS attributed
FROM event_objects
WHERE tenant = {tenant:String} AND object_type = {object_type:String}
