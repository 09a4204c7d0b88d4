-- What the batches in (since_batch, through_batch] may have changed of a process: one row: types (of object_types those
-- with touched objects), derived (1: one of its cases is touched for the process itself, over its link paths), linked (the
-- types nearer to the case of new links that its paths cross). From the index of touched objects and from new links.
-- Parameters: tenant, process, object_type, object_types (its own and those of its paths), since_batch, through_batch,
-- near_types and far_types (the pairs of neighbouring types).
SELECT
    (
        SELECT groupUniqArray(toString(object_type))
        FROM touched_objects
        WHERE tenant = {tenant:String}
            AND object_type IN {object_types:Array(String)}
            AND touched_for IN ('', {process:String})
            AND batch > {since_batch:UInt64}
            AND batch <= {through_batch:UInt64}
    ) AS types,
    (
        SELECT toUInt8(count() > 0)
        FROM
        (
            SELECT 1
            FROM touched(
                tenant = {tenant:String}, object_type = {object_type:String}, process = {process:String},
                since_batch = {since_batch:UInt64}, through_batch = {through_batch:UInt64})
            WHERE touched_for != ''
            LIMIT 1
        )
    ) AS derived,
    (
        SELECT groupUniqArray(side.1)
        FROM object_links
        ARRAY JOIN [(toString(from_type), toString(to_type)), (toString(to_type), toString(from_type))] AS side
        WHERE tenant = {tenant:String}
            AND from_type IN {object_types:Array(String)}
            AND batch > {since_batch:UInt64}
            AND batch <= {through_batch:UInt64}
            AND has(arrayZip({near_types:Array(String)}, {far_types:Array(String)}), side)
    ) AS linked
