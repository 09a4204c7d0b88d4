-- What the events of a process have, for a build leaves out what would be done for what they have not: one row: sources
-- (ascending), years (UTC years in which the clock of a promise may start, ascending; empty unless promised is 1), and as
-- 0 or 1: dated (business dates), started (activities with a start), attributed (objects with attributes). Of the whole
-- log or, when incremental is 1, of what the batches in (since_batch, through_batch] brought and, when linked or promised
-- is 1, of all objects that they touched: link paths bring older events to a case, and its clocks may have started long ago.
-- Parameters: tenant, process, object_type, incremental, linked, promised, since_batch, through_batch.
SELECT
    arraySort(groupUniqArray(toString(source))) AS sources,
    arraySort(arrayFilter(
        year -> year BETWEEN 1970 AND 2299,
        groupUniqArrayArray(if({promised:UInt8} = 0, [], arrayDistinct(
            [toYear(occurred_at), toYear(order_at), toYear(ifNull(started_at, occurred_at))]))))) AS years,
    toUInt8(countIf(precision = 'day') > 0) AS dated,
    toUInt8(count(started_at) > 0) AS started,
    toUInt8((
        SELECT count() > 0
        FROM object_attributes
        WHERE tenant = {tenant:String}
            AND object_type = {object_type:String}
            AND attribute != ''
            AND ({incremental:UInt8} = 0 OR ((batch > {since_batch:UInt64}) AND (batch <= {through_batch:UInt64})))
    )) AS attributed
FROM event_objects
WHERE tenant = {tenant:String}
    AND object_type = {object_type:String}
    AND derived_for IN ('', {process:String})
    AND (
        {incremental:UInt8} = 0
        OR ((batch > {since_batch:UInt64}) AND (batch <= {through_batch:UInt64}))
        OR (({linked:UInt8} = 1 OR {promised:UInt8} = 1) AND object_id IN (
            SELECT object_id
            FROM touched(
                tenant = {tenant:String}, object_type = {object_type:String}, process = {process:String},
                since_batch = {since_batch:UInt64}, through_batch = {through_batch:UInt64}))))
